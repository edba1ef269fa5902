/**
 * One cluster of real servers, of which a random one is killed every few seconds, and the clients that check what it says.
 *
 * ```text
 *   format ─▶ start all ─▶ load ─▶ (kill some ─▶ wait ─▶ start them ─▶ wait)* ─▶ all answered ─▶ check ─▶ load …
 *                                                                                    │
 *      compare checkpoints  ◀─  stop all  ◀─  sweep  ◀─   enough kills   ◀───────────┘
 *      merge append-only files
 * ```
 *
 * A majority always runs, so that everything is answered while replicas die.
 */
import { setTimeout as sleep } from "node:timers/promises";

import { ClusterProcesses, localClients } from "@stagbeetle/processes";
import type { TcpClients } from "@stagbeetle/tcp-client";
import { Random } from "@stagbeetle/vsr-protocol";

import { LedgerLoad } from "./ledger-load.ts";
import { assertRecorded } from "./recorded.ts";
import { assertSameCheckpoints, fetchesCheckpoint } from "./same-checkpoints.ts";
import { within } from "./within.ts";

/** How a cluster's lane runs. */
export interface ClusterLaneOptions {
  /** Where the data files are made. */
  readonly directory: string;
  readonly replicaCount: number;
  /** Whether there is more to do after so many kills. */
  readonly goesOn: (kills: number) => boolean;
  readonly seed: bigint;
  readonly clientCount: number;
}

/** What a cluster's lane has done. */
export interface ClusterLaneCounts {
  kills: number;
  /** Kills after which the data file was lost, too, and made anew with `recover`. */
  recoveries: number;
  /** Requests that were answered. */
  acknowledged: number;
  transfers: number;
  /** Ops in the append-only files of all replicas together. */
  recorded: number;
  /** The longest time in which clients waited and none was answered, in milliseconds: a view change, usually. */
  silenceMsMax: number;
}

const CLIENT_TICK_MS = 10;
const KILLS_PER_CHECK = 4;
const ALIVE_MS_MAX = 3000;
const DEAD_MS_MAX = 3000;
/** How often a replica that was killed loses its data file, too. */
const LOSS_PERCENT = 15;
const WATCH_MS = 10;
/** How long members get to come to the same checkpoint before they are stopped. */
const SETTLE_MS = 5000;
const SETTLE_ATTEMPTS_MAX = 4;

/** The append-only file beside a data file. It is kept when the data file is lost. */
function appendOnlyFile(path: string): string {
  return `${path}.aof`;
}

function recordingFlags(path: string): readonly string[] {
  return ["--experimental", `--aof-file=${appendOnlyFile(path)}`];
}

/** Runs one cluster to the end. */
export class ClusterLane {
  readonly counts: ClusterLaneCounts = {
    kills: 0,
    recoveries: 0,
    acknowledged: 0,
    transfers: 0,
    recorded: 0,
    silenceMsMax: 0,
  };
  readonly #options: ClusterLaneOptions;
  readonly #random: Random;
  readonly #load: LedgerLoad;

  constructor(options: ClusterLaneOptions) {
    this.#options = options;
    this.#random = new Random(options.seed);
    this.#load = new LedgerLoad(this.#random);
  }

  /** @throws Error for the first thing that is wrong. */
  async run(): Promise<void> {
    const { directory, replicaCount, clientCount, goesOn } = this.#options;
    const cluster = await ClusterProcesses.format({ directory, replicaCount, flags: recordingFlags });
    const clients = localClients({ count: clientCount, ports: cluster.ports, tickMs: CLIENT_TICK_MS });
    const load = this.#load;
    try {
      await cluster.start();
      await within(load.open(clients), () => `the sessions are not registered:\n${cluster.describe()}`);
      while (goesOn(this.counts.kills)) await this.#cycle(cluster, clients);
      await within(load.sweep(clients.at(0)), () => `the ledger cannot be read:\n${cluster.describe()}`);
      await this.#stopWhenSettled(cluster);
      await assertSameCheckpoints(cluster.paths);
      this.counts.recorded = assertRecorded(cluster.paths.map(appendOnlyFile), load.requests.digests);
    } finally {
      await clients.close();
      await cluster.destroy();
    }
    this.counts.acknowledged += load.requests.count;
    this.counts.transfers += load.requests.model.transfers.size;
  }

  /** Stops all members once each has what its checkpoint consists of, or has had the time to get it. */
  async #stopWhenSettled(cluster: ClusterProcesses): Promise<void> {
    for (let attempt = 1; ; attempt += 1) {
      await sleep(SETTLE_MS);
      await cluster.stop();
      const fetching = await Promise.all(cluster.paths.map(fetchesCheckpoint));
      if (!fetching.includes(true) || attempt === SETTLE_ATTEMPTS_MAX) return;
      await cluster.start();
    }
  }

  /** Load while replicas die and come back, and a check when all is answered. */
  async #cycle(cluster: ClusterProcesses, clients: TcpClients): Promise<void> {
    const load = this.#load;
    const answered = load.run(clients);
    await Promise.race([this.#killSome(cluster), answered]);
    load.stop();
    await within(answered, () => `${load.waiting} requests are not answered:\n${cluster.describe()}`);
    this.counts.silenceMsMax = load.silenceMsMax;
    await within(load.readBack(clients.at(0)), () => `the ledger cannot be read:\n${cluster.describe()}`);
  }

  async #killSome(cluster: ClusterProcesses): Promise<void> {
    for (let kill = 0; kill < KILLS_PER_CHECK && this.#options.goesOn(this.counts.kills); kill += 1) {
      await this.#watch(cluster, this.#random.index(ALIVE_MS_MAX));
      const victims = this.#victims();
      for (const replica of victims) await cluster.kill(replica);
      this.counts.kills += victims.length;
      await this.#watch(cluster, this.#random.index(DEAD_MS_MAX));
      if (this.#random.chance(LOSS_PERCENT, 100)) await this.#recover(cluster, victims);
      await cluster.start(victims);
    }
  }

  /** One of the replicas that were killed has lost its disk, too. */
  async #recover(cluster: ClusterProcesses, [replica = 0]: readonly number[]): Promise<void> {
    await within(cluster.recover(replica), () => `replica ${replica} is not recovered:\n${cluster.describe()}`);
    this.counts.recoveries += 1;
  }

  /** One replica, or as many as the cluster can miss. */
  #victims(): readonly number[] {
    const { replicaCount } = this.#options;
    const countMax = Math.floor((replicaCount - 1) / 2);
    const first = this.#random.index(replicaCount);
    const count = 1 + this.#random.index(countMax);
    return Array.from({ length: count }, (_, index) => (first + index) % replicaCount);
  }

  /** Lets time pass. @throws Error if a member that should run ends. */
  async #watch(cluster: ClusterProcesses, durationMs: number): Promise<void> {
    const end = performance.now() + durationMs;
    while (performance.now() < end) {
      await sleep(WATCH_MS);
      cluster.check();
    }
  }
}
