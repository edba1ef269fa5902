/**
 * How far a long run is.
 */
import { isatty } from "node:tty";

import { progress as progressBar } from "@clack/prompts";

import { createLogger } from "./log.ts";

/** One long run of equal steps. */
export interface Progress {
  /** So many steps more are done: one unless said otherwise. */
  advance(steps?: number): void;
  /** All is done. */
  end(): void;
}

/** Shows nothing. */
const SILENT_PROGRESS: Progress = { advance: () => undefined, end: () => undefined };

const STDERR = 2;

/** How often a line of the log says how far it is, where there is no terminal. */
const LINE_INTERVAL_MS = 5000;

/**
 * A bar on the terminal; where stderr is none, a line of the log now and then, so that short runs say nothing. Never on
 * stdout, which is for what was asked.
 *
 * @param title what is done, for example `wal`.
 * @param scope of the lines of the log.
 */
export function startProgress(scope: string, title: string, steps: number): Progress {
  if (steps === 0) return SILENT_PROGRESS;
  // Asked of the descriptor: Node makes a pipe that it opens as a stream non-blocking, also for what is written to it here.
  return isatty(STDERR) ? barProgress(title, steps) : lineProgress(scope, title, steps);
}

function barProgress(title: string, steps: number): Progress {
  const bar = progressBar({ max: steps, output: process.stderr });
  bar.start(title);
  return { advance: (count = 1) => bar.advance(count), end: () => bar.stop(title) };
}

function lineProgress(scope: string, title: string, steps: number): Progress {
  const logger = createLogger(scope);
  let done = 0;
  let saidMs = performance.now();
  return {
    advance: (count = 1) => {
      done += count;
      if (performance.now() - saidMs < LINE_INTERVAL_MS) return;
      saidMs = performance.now();
      logger.log("info", `${title}: ${done} of ${steps}`);
    },
    end: () => undefined,
  };
}
