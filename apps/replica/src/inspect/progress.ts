/**
 * How far a long inspection is.
 */
import { progress as progressBar } from "@clack/prompts";

import { createLogger } from "../log.ts";

/** One long run of equal steps. */
export interface Progress {
  /** One step more is done. */
  advance(): void;
  /** All is done. */
  end(): void;
}

/** Shows nothing. */
const SILENT_PROGRESS: Progress = { advance: () => undefined, end: () => undefined };

/** How often a line of the log says how far it is, where there is no terminal. */
const LINE_INTERVAL_MS = 5000;

/**
 * A bar on the terminal; where stderr is none, a line of the log now and then, so that short runs say nothing. Never on
 * stdout, which is for what was asked.
 *
 * @param title what is done, for example `wal`.
 */
export function startProgress(title: string, steps: number): Progress {
  if (steps === 0) return SILENT_PROGRESS;
  return process.stderr.isTTY ? barProgress(title, steps) : lineProgress(title, steps);
}

function barProgress(title: string, steps: number): Progress {
  const bar = progressBar({ max: steps, output: process.stderr });
  bar.start(title);
  return { advance: () => bar.advance(), end: () => bar.stop(title) };
}

function lineProgress(title: string, steps: number): Progress {
  const logger = createLogger("inspect");
  let done = 0;
  let saidMs = performance.now();
  return {
    advance: () => {
      done += 1;
      if (performance.now() - saidMs < LINE_INTERVAL_MS) return;
      saidMs = performance.now();
      logger.log("info", `${title}: ${done} of ${steps}`);
    },
    end: () => undefined,
  };
}
