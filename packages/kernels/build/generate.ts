/**
 * Compiles `assembly/` four times, for shared and plain memory with relaxed and plain SIMD, and writes each module as
 * base64 into `src/generated/`: a bundler takes it like any other source, and nothing has to be fetched or read.
 */
import { mkdir, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";

import asc from "assemblyscript/asc";

const packageFolder = dirname(import.meta.dirname);
const generatedFolder = join(packageFolder, "src", "generated");
const pageSizeBytes = 65_536;

interface Variant {
  readonly name: string;
  readonly shared: boolean;
  readonly options: readonly string[];
}

const sharedOptions = ["--sharedMemory", "--enable", "threads"];
const relaxedOptions = ["--enable", "relaxed-simd"];

const variants: readonly Variant[] = [
  { name: "shared-relaxed", shared: true, options: [...sharedOptions, ...relaxedOptions] },
  { name: "shared-plain", shared: true, options: sharedOptions },
  { name: "unshared-relaxed", shared: false, options: relaxedOptions },
  { name: "unshared-plain", shared: false, options: [] },
];

// Level 3 hoists the loads of the tables, which the engine then spills: no faster, and bigger.
const commonOptions =
  "--runtime stub --importMemory --noExportMemory --zeroFilledMemory --initialMemory 1 --maximumMemory 65536 " +
  "--enable simd --optimizeLevel 2 --noAssert";

async function compile(variant: Variant): Promise<Uint8Array<ArrayBuffer>> {
  const outputs = new Map<string, Uint8Array>();
  const stderr = asc.createMemoryStream();
  const { error } = await asc.main(
    [
      "assembly/index.ts",
      "--outFile",
      "kernels.wasm",
      "--baseDir",
      packageFolder,
      ...commonOptions.split(" "),
      ...variant.options,
    ],
    {
      stderr,
      writeFile: (name: string, contents: Uint8Array | string): void => {
        if (typeof contents !== "string") outputs.set(name, contents);
      },
    },
  );
  const complaints = stderr.toString();
  if (error !== null || complaints !== "") {
    throw new Error(`${variant.name} does not compile cleanly:\n${complaints}`, { cause: error });
  }
  const wasm = outputs.get("kernels.wasm");
  if (wasm === undefined) throw new Error(`${variant.name}: the compiler wrote no module`);
  return new Uint8Array(wasm);
}

/** Asks the module itself where its static data ends. */
function heapBaseOf(variant: Variant, wasm: Uint8Array<ArrayBuffer>): number {
  const memory = new WebAssembly.Memory({ initial: 1, maximum: 65_536, shared: variant.shared });
  const { heapBase } = new WebAssembly.Instance(new WebAssembly.Module(wasm), { env: { memory } }).exports;
  if (typeof heapBase !== "function") throw new Error(`${variant.name} does not export heapBase`);
  const base = (heapBase as () => unknown)();
  if (typeof base !== "number" || base <= 0 || base > pageSizeBytes) throw new Error(`heap base ${String(base)}`);
  return base;
}

function moduleSource(variant: Variant, wasm: Uint8Array): string {
  return [
    `/** Made by build/generate.ts: the kernels for ${variant.name.replace("-", " memory, ")} SIMD, in base64. */`,
    `export const wasm: string =`,
    `  "${Buffer.from(wasm).toString("base64")}";`,
    "",
  ].join("\n");
}

const files = new Map<string, string>();
const heapBases = new Set<number>();
for (const variant of variants) {
  const wasm = await compile(variant);
  heapBases.add(heapBaseOf(variant, wasm));
  files.set(`${variant.name}.ts`, moduleSource(variant, wasm));
  console.log(`${variant.name}: ${wasm.length} bytes`);
}
const [heapBase] = heapBases;
if (heapBases.size !== 1 || heapBase === undefined) throw new Error(`heap bases differ: ${[...heapBases].join(", ")}`);
files.set(
  "heap-base.ts",
  `/** Made by build/generate.ts: the first byte above the static data of the kernels, the same in every variant. */
export const heapBase: number = ${heapBase};
`,
);
await mkdir(generatedFolder, { recursive: true });
for (const [name, source] of files) await writeFile(join(generatedFolder, name), source);
