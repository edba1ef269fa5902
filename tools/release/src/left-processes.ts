/**
 * Processes that a check left behind.
 */
import { globSync, readFileSync, realpathSync } from "node:fs";
import { basename } from "node:path";

/**
 * Kills the processes that were started with the path of a file in `directory`, which nobody else uses: a program that is killed
 * takes those that it started detached not along. Returns how many; 0 where there is no `/proc` to find them in.
 */
export function killLeftProcesses(directory: string): number {
  const prefix = `${realpathSync(directory)}/`;
  const left = globSync("/proc/[0-9]*")
    .filter((process) => argumentsOf(process).some((argument) => argument.startsWith(prefix)))
    .map((process) => Number(basename(process)));
  return left.filter(kill).length;
}

/** Nothing of a process that has ended since, or that is not ours. */
function argumentsOf(process: string): readonly string[] {
  try {
    return readFileSync(`${process}/cmdline`, "utf8").split("\0");
  } catch {
    return [];
  }
}

/** Returns false if it has ended since. */
function kill(pid: number): boolean {
  try {
    return process.kill(pid, "SIGKILL");
  } catch {
    return false;
  }
}
