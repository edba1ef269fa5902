/**
 * A cluster among whose messages there are others: old ones, and such that no correct replica sends.
 *
 * @module
 */
import { Random, type ReplicaState, TEST_MIN } from "@stagbeetle/vsr-protocol";
import type { Logger } from "@stagbeetle/vsr-protocol";

import { STORED_ECHO } from "../cluster/application.ts";
import { Cluster } from "../cluster/cluster.ts";
import type { Machine } from "../cluster/machine.ts";
import { NO_STORAGE_FAULTS, type StorageFaults } from "../faults/storage-faults.ts";
import { type NetworkFaults, NO_NETWORK_FAULTS } from "../network/network.ts";
import { Forger, type Forgery } from "./forger.ts";

/** What a hostile run is made with. */
export interface HostileRunOptions {
  /** What comes among the messages, and how likely each kind is against the others. */
  readonly forgeries: readonly Forgery[];
  /** Whether the cluster is held against its model. */
  readonly judged: boolean;
  readonly ticks: number;
  readonly logger?: Logger;
}

/** What came of a run. */
export interface HostileRunResult {
  readonly injected: number;
  readonly executed: number;
  readonly crashes: number;
  readonly views: number;
  /** Replicas that ended with a line for the operator. */
  readonly refusals: readonly string[];
}

const REPLICA_COUNT = 3;
const STANDBY_COUNT = 1;

const ROUGH: NetworkFaults = {
  ...NO_NETWORK_FAULTS,
  delayMeanTicks: 1,
  loss: { numerator: 1, denominator: 50 },
  repetition: { numerator: 1, denominator: 50 },
};

const SLOW_DISK: StorageFaults = {
  ...NO_STORAGE_FAULTS,
  writeLatency: { minimumMicroseconds: 0, meanMicroseconds: 20_000 },
  readLatency: { minimumMicroseconds: 0, meanMicroseconds: 5000 },
  crashOutcomes: { lost: 1, torn: 1, complete: 1 },
};

/** Runs a cluster of three replicas and a standby. Throws an AssertionError at the first thing that is wrong. */
export function runHostile(seed: bigint, options: HostileRunOptions): HostileRunResult {
  return new HostileRun(seed, options).run();
}

class HostileRun {
  readonly #options: HostileRunOptions;
  readonly #random: Random;
  readonly #cluster: Cluster;
  readonly #forger: Forger;
  readonly #refusals: string[] = [];
  /** In how many ticks messages are injected for a machine once: among many of them a cluster hardly gets to work. */
  readonly #ticksPerInjection: number;
  #injected = 0;
  #crashes = 0;

  constructor(seed: bigint, options: HostileRunOptions) {
    this.#options = options;
    this.#random = new Random(seed);
    this.#ticksPerInjection = [2, 10, 40][this.#random.index(3)] ?? 2;
    const { logger, judged } = options;
    this.#cluster = new Cluster({
      config: TEST_MIN,
      application: STORED_ECHO,
      seed,
      clientCount: 4,
      replicaCount: REPLICA_COUNT,
      standbyCount: STANDBY_COUNT,
      network: ROUGH,
      judged,
      onPacket: (event, { bytes }) => {
        if (event === "sent") this.#forger.see(bytes);
      },
      ...(logger === undefined ? {} : { logger }),
    });
    this.#forger = new Forger(new Random(this.#random.u64()), TEST_MIN, this.#cluster.id);
  }

  run(): HostileRunResult {
    for (const machine of this.#cluster.machines) {
      machine.format();
      machine.start(SLOW_DISK);
    }
    for (let tick = 0; tick < this.#options.ticks; tick += 1) {
      this.#tick();
      if (this.#refusals.length > 0) break;
    }
    const states = this.#cluster.machines.flatMap((machine) =>
      machine.state === "serving" ? machine.replica.state : [],
    );
    return {
      injected: this.#injected,
      crashes: this.#crashes,
      executed: Math.max(0, ...states.map(({ commitMin }) => commitMin)),
      views: Math.max(0, ...states.map(({ view }) => view)),
      refusals: this.#refusals,
    };
  }

  #tick(): void {
    const random = this.#random;
    const { clients, machines, workload } = this.#cluster;
    for (const client of clients) {
      if (client.state === "new") client.register();
      else if (client.state === "idle" && random.chance(1, 2)) client.request(workload.next(client.bodySizeMax));
    }
    for (const machine of machines) this.#disturb(machine);
    for (const machine of machines) this.#inject(machine);
    this.#cluster.tick();
    this.#cluster.settle();
  }

  /** Crashes and restarts. A short outage ends in repair, a long one in a state sync. */
  #disturb(machine: Machine): void {
    const random = this.#random;
    if (machine.state === "refused") {
      this.#refusals.push(machine.refusal.message);
    } else if (machine.state === "down") {
      if (random.chance(1, 60)) machine.start(SLOW_DISK);
    } else if (random.chance(1, 600)) {
      this.#crashes += 1;
      machine.crash();
    }
  }

  #inject(machine: Machine): void {
    const random = this.#random;
    if (machine.state !== "serving" || !random.chance(1, this.#ticksPerInjection)) return;
    const state: ReplicaState = machine.replica.state;
    for (let left = random.index(6); left > 0; left -= 1) {
      const forgery = this.#options.forgeries[random.index(this.#options.forgeries.length)] ?? "replayed";
      const bytes = this.#forger.forge(forgery, state);
      if (bytes === null) continue;
      const from = (machine.index + 1 + random.index(REPLICA_COUNT)) % (REPLICA_COUNT + STANDBY_COUNT);
      this.#cluster.network.inject({ from, to: machine.index, bytes });
      this.#injected += 1;
    }
  }
}
