/**
 * All timeouts of a replica (spec 03 §5.3), and those of them that run.
 *
 * @module
 */
import { assert } from "@stagbeetle/kernels";
import type { Config } from "../config/config.ts";
import type { Random } from "../random.ts";
import { Timeout } from "../timeout.ts";

/** The timeouts by the names of the specification. */
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
export type TimeoutHandlers = { readonly [Name in TimeoutName]: (timeout: Timeout) => void };

/** What timeouts are made of. */
export interface TimeoutsOptions {
  readonly config: Config;
  /** The source of jitter. */
  readonly random: Random;
  /** Other ticks for some of them: for tests, where a retry that hides a fault should be rare. */
  readonly afterTicks?: { readonly [Name in TimeoutName]?: number } | undefined;
}

/** All timeouts of the table. None runs until it is started. */
export class Timeouts {
  readonly #timeouts: ReadonlyMap<TimeoutName, Timeout>;
  #handlers: TimeoutHandlers | null = null;

  constructor({ config, random, afterTicks: overrides }: TimeoutsOptions) {
    this.#timeouts = new Map(
      TIMEOUTS.map(({ name, afterTicks }) => [
        name,
        new Timeout({ name, afterTicks: overrides?.[name] ?? afterTicks ?? 1, random, config }),
      ]),
    );
  }

  /** Says what to do when they fire, once, before the first tick. */
  connect(handlers: TimeoutHandlers): void {
    assert(this.#handlers === null, "timeouts have their handlers");
    this.#handlers = handlers;
  }

  /** The timeout of this name. */
  get(name: TimeoutName): Timeout {
    const timeout = this.#timeouts.get(name);
    assert(timeout !== undefined, () => `no timeout ${name}`);
    return timeout;
  }

  /** Starts all of these from 0, whether they run or not. */
  start(...names: readonly TimeoutName[]): void {
    for (const name of names) this.get(name).start();
  }

  /** Stops all of these, whether they run or not. */
  stop(...names: readonly TimeoutName[]): void {
    for (const name of names) this.get(name).stop();
  }

  /** Counts one tick of all that run, then runs the handlers of those that have fired. */
  tick(): void {
    assert(this.#handlers !== null, "timeouts have no handlers");
    for (const timeout of this.#timeouts.values()) timeout.tick();
    for (const [name, timeout] of this.#timeouts) {
      if (!timeout.fired) continue;
      this.#handlers[name](timeout);
      assert(!timeout.fired, () => `the handler of timeout ${name} left it as it was`);
    }
  }
}
