/**
 * `pnpm client-suite [--replicas=N] [part of a mode's name]`: runs the test-suite that comes with the official client, `tigerbeetle-node`
 * 0.17.9, against a real server process: unchanged, and its source with our client in place of the official one, on Node, Bun
 * and Deno, with the client beside it, in a single file and in a program of its own. In development mode the server must also keep within its memory.
 * Then with both clients against a cluster of 3 or more replicas, of which one is killed every few seconds; with `--replicas`,
 * only that.
 *
 * Exit status: 0 if everything passes, 1 if something does not, 2 if the command line is wrong.
 */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";

import { ServerProcess } from "@stagbeetle/processes";

import { clusterModes, runClusterMode } from "./cluster-run.ts";
import { compileExecutables } from "./executables.ts";
import { allModes, type Mode } from "./modes.ts";
import { runSuite } from "./run-suite.ts";
import { writeSuiteFiles } from "./suite-files.ts";
import { failureOf } from "./suite-output.ts";

const MIB = 2 ** 20;
const REPLICAS_DEFAULT = 3;
const EXIT_USAGE = 2;

const HELP = `usage: pnpm client-suite [--replicas=N] [part of a mode's name]

Runs the official client's test-suite against real servers: with that client, and with ours, on several runtimes,
against one server and against a cluster of which a replica is killed every few seconds.

  --replicas=N  only a cluster, of 3 to 6 replicas`;

/** Returns what is wrong, or null. */
async function runMode({ command, flags, memoryMaxBytes }: Mode, directory: string): Promise<string | null> {
  const file = join(directory, "0_0.stagbeetle");
  try {
    await ServerProcess.format(file);
    const server = await ServerProcess.start(file, { flags });
    const result = await runSuite(command, String(server.port));
    const memoryBytes = server.residentMaxBytes();
    await server.stop();
    const memory = memoryBytes === null ? "not known" : `${Math.round(memoryBytes / MIB)} MiB`;
    console.log(
      `--- ${result.passed.length} tests passed, ${result.failed.length} failed; memory of the server: ${memory}`,
    );
    const failure = failureOf(result);
    if (failure !== null) return `${failure}\n${server.describe()}`;
    return memoryBytes !== null && memoryBytes > memoryMaxBytes ? `the server took ${memory}` : null;
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  } finally {
    rmSync(file, { force: true });
  }
}

/** One run of the suite. */
interface Run {
  readonly name: string;
  /** Returns what is wrong, or null. */
  readonly run: () => Promise<string | null>;
}

/** All runs; those of a cluster alone if it is said how many replicas it has. */
async function allRuns(replicaCount: number | null, directory: string): Promise<readonly Run[]> {
  const files = await writeSuiteFiles(directory);
  const executables = replicaCount === null ? compileExecutables(files.single, directory) : [];
  const modes = allModes(files, executables);
  const alone = modes.map((mode): Run => ({ name: mode.name, run: () => runMode(mode, directory) }));
  const clusters = clusterModes(modes, replicaCount ?? REPLICAS_DEFAULT).map((mode): Run => ({
    name: mode.name,
    run: () => runClusterMode(mode, directory),
  }));
  return replicaCount === null ? [...alone, ...clusters] : clusters;
}

async function runAll({ filter, replicaCount }: Command, directory: string): Promise<void> {
  const all = await allRuns(replicaCount, directory);
  const runs = all.filter(({ name }) => name.includes(filter));
  if (runs.length === 0) {
    failUsage(`no mode has '${filter}' in its name; there are\n${all.map(({ name }) => `  ${name}`).join("\n")}`);
    return;
  }
  const failures: string[] = [];
  for (const { name, run } of runs) {
    console.log(`\n--- the official client's suite: ${name}`);
    const failure = await run();
    if (failure !== null) failures.push(`client-suite: ${name}: ${failure}`);
  }
  console.log(`\n${runs.length - failures.length} of ${runs.length} modes passed`);
  for (const failure of failures) console.error(failure);
  if (failures.length > 0) process.exitCode = 1;
}

interface Command {
  /** A part of a mode's name. */
  readonly filter: string;
  /** Null: all modes. */
  readonly replicaCount: number | null;
}

/** @throws TypeError if the command line is wrong. */
function parseCommand(): Command | "help" {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: { replicas: { type: "string" }, help: { type: "boolean", short: "h" } },
  });
  if (values.help === true) return "help";
  const [filter = "", ...more] = positionals;
  if (more.length > 0)
    throw new TypeError(`give one part of a name, in quotes if it has spaces, not ${positionals.length}`);
  if (values.replicas === undefined) return { filter, replicaCount: null };
  // Fewer do not go on when one is killed.
  if (!/^[3-6]$/u.test(values.replicas)) throw new TypeError(`--replicas: '${values.replicas}' is not 3 to 6`);
  return { filter, replicaCount: Number(values.replicas) };
}

async function run(command: Command): Promise<void> {
  const directory = mkdtempSync(join(tmpdir(), "stagbeetle-client-suite-"));
  try {
    await runAll(command, directory);
  } finally {
    rmSync(directory, { recursive: true });
  }
}

function failUsage(message: string): void {
  console.error(`error: ${message}`);
  process.exitCode = EXIT_USAGE;
}

function parsedCommand(): Command | "help" | null {
  try {
    return parseCommand();
  } catch (error) {
    failUsage(error instanceof Error ? error.message : String(error));
    return null;
  }
}

const command = parsedCommand();
if (command === "help") console.log(HELP);
else if (command !== null) await run(command);
