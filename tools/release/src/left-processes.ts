/**
 * Processes that a check left behind.
 */
import { globSync, readFileSync, realpathSync } from "node:fs";
import { basename, join } from "node:path";

/**
 * Kills the processes that were started with the path of a file in `directory`, which nobody else uses: those that a program has
 * started detached outlive it when it is killed. Returns how many; 0 where there is no `/proc` to find them in.
 */
export function killLeftProcesses(directory: string): number {
  const prefix = `${realpathSync(directory)}/`;
  const left = globSync("/proc/[0-9]*")
    .filter((entry) => argumentsOf(entry).some((argument) => argument.startsWith(prefix)))
    .map((entry) => Number(basename(entry)));
  return left.filter(kill).length;
}

/** Those of a process by its folder in `/proc`; none of one that has ended since. */
function argumentsOf(entry: string): readonly string[] {
  try {
    return readFileSync(join(entry, "cmdline"), "utf8").split("\0");
  } catch {
    return [];
  }
}

/** Returns false if it has ended since, or is not ours. */
function kill(pid: number): boolean {
  try {
    return process.kill(pid, "SIGKILL");
  } catch {
    return false;
  }
}
