/**
 * `pnpm client-suite`: runs the test-suite that comes with the official client, `tigerbeetle-node` 0.17.9, unchanged
 * against a real server process; once with the defaults and once in development mode, in which the server must also keep
 * within its memory. Exit status 1 unless everything passes.
 */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

import { startServer } from "./server.ts";
import { failureOf, readSuiteOutput } from "./suite-output.ts";
import type { SuiteResult } from "./suite-output.ts";

const SUITE = fileURLToPath(new URL("test.js", import.meta.resolve("tigerbeetle-node")));
const MIB = 2 ** 20;
const DEVELOPMENT_MEMORY_MAX_BYTES = 256 * MIB;

interface Mode {
  readonly name: string;
  readonly flags: readonly string[];
  readonly memoryMaxBytes: number;
}

const MODES: readonly Mode[] = [
  { name: "with the defaults", flags: [], memoryMaxBytes: Number.POSITIVE_INFINITY },
  { name: "in development mode", flags: ["--development"], memoryMaxBytes: DEVELOPMENT_MEMORY_MAX_BYTES },
];

async function runSuite(port: number): Promise<SuiteResult> {
  const child = spawn(process.execPath, [SUITE], {
    env: { ...process.env, TB_ADDRESS: String(port) },
    stdio: ["ignore", "pipe", "inherit"],
  });
  let output = "";
  child.stdout.setEncoding("utf8").on("data", (text: string) => {
    process.stdout.write(text);
    output += text;
  });
  await once(child, "close");
  return readSuiteOutput(output);
}

/** Returns what is wrong, or null. */
async function runMode({ name, flags, memoryMaxBytes }: Mode): Promise<string | null> {
  console.log(`\n--- the official client's suite against a server ${name}`);
  const directory = mkdtempSync(join(tmpdir(), "stagbeetle-client-suite-"));
  try {
    const server = await startServer(join(directory, "0_0.stagbeetle"), flags);
    const result = await runSuite(server.port);
    const memoryBytes = server.memoryPeakBytes();
    const status = await server.stop();
    const memory = memoryBytes === null ? "not known" : `${Math.round(memoryBytes / MIB)} MiB`;
    console.log(
      `--- ${result.passed.length} tests passed, ${result.failed.length} failed; memory of the server: ${memory}`,
    );
    if (status !== 0 || failureOf(result) !== null) console.error(server.log());
    if (status !== 0) return `the server ended with status ${status}`;
    if (memoryBytes !== null && memoryBytes > memoryMaxBytes) return `the server took ${memory}`;
    return failureOf(result);
  } finally {
    rmSync(directory, { recursive: true });
  }
}

for (const mode of MODES) {
  const failure = await runMode(mode);
  if (failure === null) continue;
  console.error(`client-suite: ${mode.name}: ${failure}`);
  process.exitCode = 1;
}
