/**
 * A real `stagbeetle` process on a data file of its own, driven as test drivers do it: `--addresses=0`.
 */
import { spawn, spawnSync } from "node:child_process";
import type { ChildProcessByStdio } from "node:child_process";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { resolve } from "node:path";
import type { Readable, Writable } from "node:stream";

const PROGRAM = resolve(import.meta.dirname, "../../../apps/replica/src/main.ts");
const NODE = [process.execPath, "--conditions=@stagbeetle/source", PROGRAM] as const;
const KIB = 1024;

/** A server that serves cluster 0. */
export interface Server {
  readonly port: number;
  /** The most memory that the process has had at once, in bytes; null where the system does not tell. */
  memoryPeakBytes(): number | null;
  /** The server's log so far. */
  log(): string;
  /** Ends the server by closing its stdin. Returns its exit status. */
  stop(): Promise<number | null>;
}

/** Formats `file` and serves it. @param flags of both commands. @throws Error with what the program printed. */
export async function startServer(file: string, flags: readonly string[]): Promise<Server> {
  const [node, ...program] = NODE;
  const cluster = ["--cluster=0", "--replica=0", "--replica-count=1"];
  const formatted = spawnSync(node, [...program, "format", ...cluster, ...flags, file], { encoding: "utf8" });
  if (formatted.status !== 0) throw new Error(`format ended with status ${formatted.status}: ${formatted.stderr}`);
  const child = spawn(node, [...program, "start", "--addresses=0", ...flags, file], { stdio: "pipe" });
  let log = "";
  child.stderr.setEncoding("utf8").on("data", (text: string) => (log += text));
  return {
    port: await portOf(child, () => log),
    log: () => log,
    memoryPeakBytes: () => memoryPeakBytes(child.pid),
    stop: async () => {
      const exited = once(child, "exit");
      child.stdin.end();
      await exited;
      return child.exitCode;
    },
  };
}

/** The port is all that a driven server prints on stdout. */
async function portOf(child: ChildProcessByStdio<Writable, Readable, Readable>, log: () => string): Promise<number> {
  let text = "";
  child.stdout.setEncoding("utf8").on("data", (chunk: string) => (text += chunk));
  await once(child.stdout, "end");
  if (!/^[0-9]+\n$/u.test(text)) throw new Error(`the server printed '${text}' instead of its port:\n${log()}`);
  return Number(text);
}

function memoryPeakBytes(processId: number | undefined): number | null {
  try {
    const peak = /^VmHWM:\s*([0-9]+) kB$/mu.exec(readFileSync(`/proc/${processId}/status`, "utf8"))?.[1];
    return peak === undefined ? null : Number(peak) * KIB;
  } catch {
    return null;
  }
}
