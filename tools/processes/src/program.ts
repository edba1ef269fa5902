/**
 * The real programs, from their sources or as built, run to their end.
 */
import { type ChildProcess, spawn, type StdioOptions } from "node:child_process";
import { once } from "node:events";
import { resolve } from "node:path";

const SOURCES = resolve(import.meta.dirname, "../../../apps/replica/src");
const PROGRAM = resolve(SOURCES, "main.ts");
const PROGRAM_BUILT = resolve(SOURCES, "../dist/main.js");
const AOF_PROGRAM = resolve(import.meta.dirname, "../../../apps/aof/src/main.ts");
/** Runs the program many times in one process. */
const MANY_RUNS = resolve(SOURCES, "testing/many-runs.ts");
const NODE_FLAGS = ["--conditions=@stagbeetle/source"] as const;
/** What was compiled once need not be compiled at each start. */
const COMPILE_CACHE = resolve(import.meta.dirname, "../../../node_modules/.cache/node-compile");

/** Ends with this process, whatever ends this one. */
const running: Set<ChildProcess> = new Set();
process.on("exit", () => {
  for (const child of running) child.kill("SIGKILL");
});

/** What a finished run of the program left behind. */
export interface Finished {
  readonly status: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** Starts the program, which does not outlive this process. */
export function spawnProgram(parameters: readonly string[], stdio: StdioOptions): ChildProcess {
  return spawnScript(PROGRAM, parameters, stdio);
}

/** The same as users run it: what the last build left. That it is there is for the caller's script to see to. */
export function spawnProgramBuilt(parameters: readonly string[], stdio: StdioOptions): ChildProcess {
  return track(spawn(process.execPath, [PROGRAM_BUILT, ...parameters], { stdio }));
}

/** Runs the program to its end. */
export async function runProgram(parameters: readonly string[]): Promise<Finished> {
  return finished(spawnProgram(parameters, ["ignore", "pipe", "pipe"]));
}

/** Runs the program `aof` to its end, in a directory. */
export async function runAof(directory: string, parameters: readonly string[]): Promise<Finished> {
  return finished(spawnScript(AOF_PROGRAM, parameters, ["ignore", "pipe", "pipe"], directory));
}

/** Runs the program and throws, with what it printed, unless it succeeds. */
export async function runProgramSuccessfully(parameters: readonly string[]): Promise<void> {
  const { status, stderr } = await runProgram(parameters);
  if (status !== 0) throw new Error(`stagbeetle ${parameters.join(" ")} ended with status ${status}: ${stderr.trim()}`);
}

/** Runs `stagbeetle inspect` and returns what it printed. @throws Error unless it ends with status 0. */
export async function inspectDataFile(parameters: readonly string[]): Promise<string> {
  const { status, stdout, stderr } = await runProgram(["inspect", ...parameters]);
  if (status !== 0) throw new Error(`inspect ${parameters.join(" ")} ended with status ${status}: ${stderr.trim()}`);
  return stdout;
}

/**
 * Runs the program once for each list of parameters, one after the other in one process: most of a short run is the start of
 * its process. Only for commands that end by themselves and leave nothing behind, like `inspect`.
 */
export async function runProgramManyTimes(runs: readonly (readonly string[])[]): Promise<readonly Finished[]> {
  const child = spawnScript(MANY_RUNS, [], ["pipe", "pipe", "pipe"]);
  child.stdin?.end(JSON.stringify(runs));
  const { status, stdout, stderr } = await finished(child);
  if (status !== 0) throw new Error(`the process of ${runs.length} runs ended with status ${status}: ${stderr.trim()}`);
  return JSON.parse(stdout) as readonly Finished[];
}

function spawnScript(
  script: string,
  parameters: readonly string[],
  stdio: StdioOptions,
  directory = ".",
): ChildProcess {
  const env = { ...process.env, NODE_COMPILE_CACHE: COMPILE_CACHE };
  return track(spawn(process.execPath, [...NODE_FLAGS, script, ...parameters], { stdio, cwd: directory, env }));
}

function track(child: ChildProcess): ChildProcess {
  running.add(child);
  child.once("close", () => running.delete(child));
  return child;
}

async function finished(child: ChildProcess): Promise<Finished> {
  let stdout = "";
  let stderr = "";
  child.stdout?.setEncoding("utf8").on("data", (text: string) => (stdout += text));
  child.stderr?.setEncoding("utf8").on("data", (text: string) => (stderr += text));
  const [status] = (await once(child, "close")) as [number | null];
  return { status, stdout, stderr };
}
