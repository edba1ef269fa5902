/**
 * `pnpm client-suite [part of a mode's name]`: runs the test-suite that comes with the official client, `tigerbeetle-node`
 * 0.17.9, against a real server process: unchanged, and its source with our client in place of the official one, on Node, Bun
 * and Deno, with the client beside it, in a single file and in a program of its own. In development mode the server must also keep within its memory.
 * Exit status 1 unless everything passes.
 */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { compileExecutables } from "./executables.ts";
import { allModes, type Mode } from "./modes.ts";
import { startServer } from "./server.ts";
import { writeSuiteFiles } from "./suite-files.ts";
import { failureOf, readSuiteOutput } from "./suite-output.ts";
import type { SuiteResult } from "./suite-output.ts";

const MIB = 2 ** 20;

async function runSuite([program, ...parameters]: Mode["command"], port: number): Promise<SuiteResult> {
  const child = spawn(program, parameters, {
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
async function runMode({ name, command, flags, memoryMaxBytes }: Mode, directory: string): Promise<string | null> {
  console.log(`\n--- the official client's suite: ${name}`);
  const file = join(directory, "0_0.stagbeetle");
  try {
    const server = await startServer(file, flags);
    const result = await runSuite(command, server.port);
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
    rmSync(file, { force: true });
  }
}

async function runModes(filter: string, directory: string): Promise<void> {
  const files = await writeSuiteFiles(directory);
  const executables = compileExecutables(files.single, directory);
  const modes = allModes(files, executables).filter(({ name }) => name.includes(filter));
  if (modes.length === 0) throw new Error(`no mode has "${filter}" in its name`);
  const failures: string[] = [];
  for (const mode of modes) {
    const failure = await runMode(mode, directory);
    if (failure !== null) failures.push(`client-suite: ${mode.name}: ${failure}`);
  }
  console.log(`\n${modes.length - failures.length} of ${modes.length} modes passed`);
  for (const failure of failures) console.error(failure);
  if (failures.length > 0) process.exitCode = 1;
}

const [filter = ""] = process.argv.slice(2);
const directory = mkdtempSync(join(tmpdir(), "stagbeetle-client-suite-"));
try {
  await runModes(filter, directory);
} finally {
  rmSync(directory, { recursive: true });
}
