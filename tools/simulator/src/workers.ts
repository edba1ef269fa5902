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

  /** Runs `seeds` seeds of a scenario from `first` on. */
  async run(scenario: string, first: number, seeds: number): Promise<SeedsReport> {
    const end = first + seeds;
    const step = this.#workers.length;
    const reports = this.#workers.map((worker, index) => assign(worker, { scenario, first: first + index, end, step }));
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
