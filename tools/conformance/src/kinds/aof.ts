/**
 * Append-only files: every one that was recorded is one chain, or has the faults that it was given; and the program `aof` prints
 * and writes what the reference's does.
 *
 * Where the reference aborts, what it had printed and written until then is the beginning of what is printed and written here.
 *
 * @module
 */
import { createHash } from "node:crypto";
import { existsSync } from "node:fs";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { basename, dirname, join } from "node:path";

import { aofMerge, MemoryFile, Survey } from "@stagbeetle/aof";
import { type Finished, runAof } from "@stagbeetle/processes";
import { PRODUCTION } from "@stagbeetle/vsr-protocol";

import { type Artefact, different, equal, type Kind, type Outcome } from "../artefact.ts";
import { type CommandOutput, commandOutput } from "../containers/command-output.ts";
import { readDecompressed, withoutCompression } from "../containers/zstd.ts";
import { firstDifferingByte } from "../difference.ts";

/** The reference's writer gives up behind so many entries (spec 06 §2.10). */
const REFERENCE_ENTRIES_MAX = 1024;

/** What the recorder says of the file that a merge wrote. */
interface MergedReport {
  readonly entries?: number;
  readonly merged_entries?: number;
  readonly sha256?: string;
  readonly merged_sha256?: string;
}

type Report = Readonly<Record<string, MergedReport>>;

/** Runs `aof` with the recorded words, beside the recorded files. */
async function repeat(
  root: string,
  files: readonly string[],
  folder: string,
  words: readonly string[],
): Promise<[finished: Finished, output: Uint8Array | null]> {
  const directory = await mkdtemp(join(tmpdir(), "stagbeetle-conformance-"));
  try {
    for (const word of words.filter((text) => text.endsWith(".aof"))) {
      const stored = files.find((file) => withoutCompression(file) === join(folder, word));
      if (stored === undefined) throw new Error(`${word} is not among the recordings`);
      await writeFile(join(directory, word), await readDecompressed(join(root, stored)));
    }
    const finished = await runAof(directory, words);
    const output = join(directory, "prepared.aof");
    return [finished, existsSync(output) ? await readFile(output) : null];
  } finally {
    await rm(directory, { recursive: true });
  }
}

/** The first difference of two texts, line by line, or null. */
function describeTextDifference(actual: string, expected: string): string | null {
  const lines = actual.split("\n");
  for (const [index, line] of expected.split("\n").entries()) {
    if (lines[index] !== line)
      return `line ${index + 1} is ${JSON.stringify(lines[index])}, recorded ${JSON.stringify(line)}`;
  }
  return null;
}

function checkDebug({ status, stdout, stderr }: Finished, recorded: CommandOutput): Outcome {
  if (String(status) !== recorded.exit)
    return different(`ends with ${status}, recorded ${recorded.exit}: ${stderr.trim()}`);
  const fault = /^error: (?<name>\w+)$/u.exec(recorded.stderr.trim())?.groups?.["name"];
  if (fault !== undefined && !new RegExp(`^error: .*${fault} at byte `, "mu").test(stderr)) {
    return different(`does not end with ${fault}: ${stderr.trim()}`);
  }
  const difference = describeTextDifference(stdout, recorded.stdout) ?? describeTextDifference(recorded.stdout, stdout);
  const lines = stdout.split("\n").length - 1;
  return difference === null ? equal(`${lines} lines, ${fault ?? "no fault"}`) : different(difference);
}

/** The first so many entries of a file. */
function firstEntries(bytes: Uint8Array, count: number): Uint8Array {
  const survey = new Survey({ config: PRODUCTION, file: new MemoryFile({ bytes }) });
  for (let entries = 0; entries < count; entries += 1) survey.next();
  return bytes.subarray(0, survey.offset);
}

function checkMerge(
  { status, stdout, stderr }: Finished,
  recorded: CommandOutput,
  output: Uint8Array,
  report: MergedReport,
): Outcome {
  const entriesRecorded = report.entries ?? report.merged_entries ?? 0;
  const aborted = recorded.exit !== "0";
  const atLimit = aborted && entriesRecorded === REFERENCE_ENTRIES_MAX;
  const expected = aborted && !atLimit ? 1 : 0;
  if (status !== expected) return different(`ends with ${status} instead of ${expected}: ${stderr.trim()}`);
  const recordedLines = aborted ? recorded.stdout.trimEnd() : recorded.stdout;
  const difference = describeTextDifference(stdout, recordedLines);
  if (difference !== null) return different(difference);
  const compared = atLimit ? firstEntries(output, REFERENCE_ENTRIES_MAX) : output;
  const sha256 = createHash("sha256").update(compared).digest("hex");
  const sha256Recorded = report.sha256 ?? report.merged_sha256;
  if (sha256 !== sha256Recorded)
    return different(`${compared.length} bytes with SHA-256 ${sha256}, recorded ${sha256Recorded}`);
  const more = atLimit ? `, and ${output.length - compared.length} bytes that the reference does not get to` : "";
  const gap = expected === 1 ? `; ${/^error: (?<line>.*)$/mu.exec(stderr)?.groups?.["line"] ?? ""}` : "";
  return equal(`${entriesRecorded} entries, ${compared.length} bytes${more}${gap}`);
}

/** A file without a recorded output: merged alone it is itself, if it is one chain. */
function checkFile(bytes: Uint8Array): Outcome {
  const survey = new Survey({ config: PRODUCTION, file: new MemoryFile({ bytes }) });
  while (survey.next().kind !== "end");
  const { entries, opFirst, opLast, faults, dataChecksum } = survey.report();
  const output = new MemoryFile();
  const { problems } = aofMerge({ config: PRODUCTION, inputs: [new MemoryFile({ bytes })], output });
  const broken = faults.filter(({ fault }) => fault !== "AOFChecksumChainMismatch");
  if (broken.length > 0) return different(`${broken[0]?.fault} at byte ${broken[0]?.offset}`);
  if (faults.length === 0) {
    const at = firstDifferingByte(output.bytes, bytes);
    if (at !== null) return different(`merged alone it differs from itself at byte ${at}`);
  }
  const chains = `${faults.length + 1} chain${faults.length === 0 ? "" : "s"}`;
  const gaps = problems.length === 0 ? "" : `, ${problems.length} gaps`;
  return equal(`${entries} entries in ${chains}${gaps}, ops ${opFirst} to ${opLast}, data checksum ${dataChecksum}`);
}

/** A recorded run of the program. */
function runOf(root: string, files: readonly string[], file: string, command: "debug" | "merge"): Artefact {
  const folder = dirname(file);
  const check = async (): Promise<Outcome> => {
    const recorded = commandOutput(Buffer.from(await readDecompressed(join(root, file))).toString("utf8"));
    const words = recorded.words.slice(1);
    const [finished, output] = await repeat(root, files, folder, words);
    if (command === "debug") return checkDebug(finished, recorded);
    const report = JSON.parse(await readFile(join(root, folder, "report.json"), "utf8")) as Report;
    return checkMerge(finished, recorded, output ?? new Uint8Array(0), report[basename(file)] ?? {});
  };
  return { name: withoutCompression(file).slice(0, -".txt".length), kind: "aof", check };
}

export const aof: Kind = {
  name: "aof",
  discover(root, files) {
    const ending = (end: string): readonly string[] => files.filter((file) => withoutCompression(file).endsWith(end));
    const listed = new Set(ending(".debug.txt").map((file) => withoutCompression(file).replace(".debug.txt", ".aof")));
    const artefacts = [
      ...ending(".aof")
        .filter((file) => !listed.has(withoutCompression(file)))
        .map((file): Artefact => ({
          name: withoutCompression(file),
          kind: "aof",
          check: async () => checkFile(await readDecompressed(join(root, file))),
        })),
      ...ending(".debug.txt").map((file) => runOf(root, files, file, "debug")),
      ...ending(".merge.txt").map((file) => runOf(root, files, file, "merge")),
    ];
    return Promise.resolve(artefacts);
  },
};
