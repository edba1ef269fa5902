/**
 * Spreads seeds over threads. A seed gives the same run wherever it runs.
 */
import { once } from "node:events";
import { Worker } from "node:worker_threads";

import { type Assignment, mergeReports, type SeedsReport } from "./run-seeds.ts";

const SCRIPT = new URL("./seeds-worker.ts", import.meta.url);

/** Threads that run seeds. */
export class Workers {
  readonly #workers: readonly Worker[];

  /** @param count how many threads. */
  constructor(count: number) {
    this.#workers = Array.from({ length: count }, () => new Worker(SCRIPT));
  }

  /** Runs all seeds of a range. */
  async run(range: Omit<Assignment, "step">): Promise<SeedsReport> {
    const step = this.#workers.length;
    const reports = this.#workers.map((worker, index) =>
      assign(worker, { ...range, first: range.first + index, step }),
    );
    return mergeReports(await Promise.all(reports));
  }

  /** Ends all threads. */
  async close(): Promise<void> {
    await Promise.all(this.#workers.map((worker) => worker.terminate()));
  }
}

async function assign(worker: Worker, assignment: Assignment): Promise<SeedsReport> {
  worker.postMessage(assignment);
  const [report] = (await once(worker, "message")) as [SeedsReport];
  return report;
}
