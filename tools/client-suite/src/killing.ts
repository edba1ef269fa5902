/**
 * A cluster whose members are killed, one at a time, as long as it is used.
 *
 * ```text
 *   alive ──▶ kill one ──▶ dead ──▶ start it ──▶ alive …
 *     └── nobody is killed while spared ──┘
 * ```
 */
import { randomInt } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";

import type { ClusterProcesses } from "@stagbeetle/processes";

const ALIVE_MS_MAX = 2000;
const DEAD_MS_MAX = 2000;
const POLL_MS = 5;

/** `killing` ⇄ `sparing` → `ended`. */
type KillingState = "killing" | "sparing" | "ended";

/** Kills a random member every few seconds, until it is ended. */
export class Killing {
  readonly #cluster: ClusterProcesses;
  readonly #ended: Promise<void>;
  #state: KillingState = "killing";
  #kills = 0;

  /** Begins with a kill. */
  constructor(cluster: ClusterProcesses) {
    this.#cluster = cluster;
    this.#ended = this.#run();
    // Told to whoever ends it.
    this.#ended.catch(() => undefined);
  }

  /** How many members were killed. */
  get kills(): number {
    return this.#kills;
  }

  /** While members are spared, none is killed; one that is dead already is started. */
  spare(spared: boolean): void {
    if (this.#state !== "ended") this.#state = spared ? "sparing" : "killing";
  }

  /** Kills nobody any more. All members run. @throws Error if one of them had ended by itself, or does not start. */
  async end(): Promise<void> {
    this.#state = "ended";
    await this.#ended;
    this.#cluster.check();
  }

  async #run(): Promise<void> {
    while (this.#state !== "ended") {
      if (this.#state === "killing") await this.#killOne();
      await sleep(this.#state === "sparing" ? POLL_MS : randomInt(ALIVE_MS_MAX));
    }
  }

  async #killOne(): Promise<void> {
    const replica = randomInt(this.#cluster.paths.length);
    await this.#cluster.kill(replica);
    this.#kills += 1;
    await sleep(randomInt(DEAD_MS_MAX));
    await this.#cluster.start([replica]);
  }
}
