/**
 * All timeouts of a replica (spec 03 §5.3), and those of them that run.
 *
 * @module
 */
import { assert } from "@stagbeetle/kernels";
import type { Config } from "../config/config.ts";
import type { Random } from "../random.ts";
import { Timeout } from "../timeout.ts";

export type TimeoutName =
  | "ping"
  | "prepare"
  | "primaryAbdicate"
  | "commitMessage"
  | "exitViewWindow"
  | "exitViewMessage"
  | "viewChangeStatus"
  | "joinViewMessage"
  | "getViewMessage"
  | "journalRepair"
  | "repairSync"
  | "gridRepair"
  | "upgrade"
  | "pulse"
  | "gridScrub"
  | "traceEmit"
  | "commitStall";

/** One row of the table. */
export interface TimeoutRow {
  readonly name: TimeoutName;
  /** From its start until it fires. Null: decided at each start. */
  readonly afterTicks: number | null;
}

/** In the order in which handlers run when several fire in one tick. */
export const TIMEOUTS: readonly TimeoutRow[] = [
  { name: "ping", afterTicks: 100 },
  { name: "prepare", afterTicks: 25 },
  { name: "primaryAbdicate", afterTicks: 1000 },
  { name: "commitMessage", afterTicks: 50 },
  { name: "exitViewWindow", afterTicks: 500 },
  { name: "exitViewMessage", afterTicks: 50 },
  { name: "viewChangeStatus", afterTicks: 500 },
  { name: "joinViewMessage", afterTicks: 50 },
  { name: "getViewMessage", afterTicks: 100 },
  { name: "journalRepair", afterTicks: 10 },
  { name: "repairSync", afterTicks: 500 },
  { name: "gridRepair", afterTicks: 10 },
  { name: "upgrade", afterTicks: 500 },
  { name: "pulse", afterTicks: 10 },
  { name: "gridScrub", afterTicks: 50 },
  { name: "traceEmit", afterTicks: 1000 },
  { name: "commitStall", afterTicks: null },
];

/** What to do when a timeout fires. The timeout is still running: the handler resets, backs off or stops it. */
export type TimeoutHandlers = { readonly [Name in TimeoutName]?: (timeout: Timeout) => void };

/**
 * The timeouts that a replica has handlers for. A replica that is alone needs few of the table: it has nobody to ping,
 * to retransmit to, to repair from or to depose.
 */
export class Timeouts {
  readonly #wired: readonly { readonly timeout: Timeout; readonly handler: (timeout: Timeout) => void }[];

  constructor(config: Config, random: Random, handlers: TimeoutHandlers) {
    this.#wired = TIMEOUTS.flatMap(({ name, afterTicks }) => {
      const handler = handlers[name];
      if (handler === undefined) return [];
      return [{ timeout: new Timeout({ name, afterTicks: afterTicks ?? 1, random, config }), handler }];
    });
  }

  /** The timeout of this name, which must have a handler. */
  get(name: TimeoutName): Timeout {
    const found = this.#wired.find(({ timeout }) => timeout.name === name);
    assert(found !== undefined, () => `timeout ${name} has no handler`);
    return found.timeout;
  }

  /** Counts one tick of all that run, then runs the handlers of those that have fired. */
  tick(): void {
    for (const { timeout } of this.#wired) timeout.tick();
    for (const { timeout, handler } of this.#wired) {
      if (!timeout.fired) continue;
      handler(timeout);
      assert(!timeout.fired, () => `the handler of timeout ${timeout.name} left it as it was`);
    }
  }
}
