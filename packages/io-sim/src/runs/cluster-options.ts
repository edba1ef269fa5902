/**
 * What a run of a cluster is drawn with (spec 07 §7), and how to leave parts of it out when a failure is looked into.
 *
 * Crashes are more frequent than the specification's: runs here are short.
 *
 * @module
 */
import { assert } from "@stagbeetle/kernels";
import { type Config, type Random, TEST_MIN } from "@stagbeetle/vsr-protocol";

import { type Application, LEDGER, STORED_ECHO } from "../cluster/application.ts";
import { type Latency, NEVER, NO_STORAGE_FAULTS, type Ratio, type StorageFaults } from "../faults/storage-faults.ts";
import { type NetworkFaults, NO_NETWORK_FAULTS } from "../network/network.ts";
import { NO_PARTITIONS, PARTITION_MODES } from "../network/partitions.ts";
import { linearOffset, NO_OFFSET, READING_NS, type SimulatedTimeOptions, stepOffset } from "../time.ts";

/** How often machines fail, per machine and tick, and how long they stay as they are at least, in ticks. */
export interface MachineFaults {
  /** Ten times as often while something is being written. */
  readonly crash: Ratio;
  readonly crashTicks: number;
  readonly restart: Ratio;
  readonly restartTicks: number;
  /** How often a restart finds an empty disk. */
  readonly reformat: Ratio;
  readonly pause: Ratio;
  readonly unpause: Ratio;
  readonly pauseTicks: number;
  /** A newer release is installed on a machine. */
  readonly upgrade: Ratio;
}

/** Machines that do not fail. */
export const NO_MACHINE_FAULTS: MachineFaults = {
  crash: NEVER,
  crashTicks: 0,
  restart: NEVER,
  restartTicks: 0,
  reformat: NEVER,
  pause: NEVER,
  unpause: NEVER,
  pauseTicks: 0,
  upgrade: NEVER,
};

/** All of a run but its course. */
export interface ClusterRunOptions {
  readonly config: Config;
  readonly application: Application;
  readonly replicaCount: number;
  readonly standbyCount: number;
  readonly clientCount: number;
  readonly requestsMax: number;
  /** In how many of a hundred ticks somebody makes a request. */
  readonly requestPercent: number;
  /** In how many of a hundred ticks the clients begin and end to be idle. */
  readonly idleOnPercent: number;
  readonly idleOffPercent: number;
  readonly network: NetworkFaults;
  readonly storage: StorageFaults;
  readonly machines: MachineFaults;
  readonly clocks: readonly SimulatedTimeOptions[];
  /** How long checksums of blocks take on another thread; null if replicas compute them at once. */
  readonly checksumLatency: Latency | null;
}

const MILLISECOND = 1000;
/** More clients than sessions, so that some are evicted, but not all by each other. */
const CLIENTS_MAX: number = 2 * TEST_MIN.cluster.clientsMax - 1;
const REQUESTS_MAX: number = 3 * TEST_MIN.cluster.journalSlotCount;
const NODES_MAX = 12;

/** Draws the options of a run. `applications` are chosen from. */
export function drawClusterRun(
  random: Random,
  applications: readonly Application[] = [LEDGER, STORED_ECHO],
): ClusterRunOptions {
  const draws = new Draws(random);
  const replicaCount = draws.between(1, 6);
  return {
    config: TEST_MIN,
    application: draws.pick(applications),
    replicaCount,
    standbyCount: draws.between(0, 2) * draws.between(0, 3),
    clientCount: draws.between(1, CLIENTS_MAX),
    requestsMax: draws.between(REQUESTS_MAX / 4, REQUESTS_MAX),
    requestPercent: draws.between(1, 100),
    idleOnPercent: draws.between(0, 20),
    idleOffPercent: draws.between(10, 20),
    network: drawNetwork(draws),
    storage: drawStorage(draws),
    machines: drawMachines(draws, replicaCount),
    clocks: Array.from({ length: NODES_MAX }, () => drawClock(draws)),
    checksumLatency: draws.pick([null, draws.latency([0, 5, 30])]),
  };
}

function drawNetwork(draws: Draws): NetworkFaults {
  return {
    ...NO_NETWORK_FAULTS,
    delayMinTicks: draws.between(0, 3),
    delayMeanTicks: draws.between(0, 10),
    loss: draws.pick([NEVER, draws.percent(0, 30)]),
    repetition: draws.pick([NEVER, draws.percent(0, 50)]),
    linkCapacity: draws.between(2, 20),
    clog: draws.pick([NEVER, draws.percent(0, 2)]),
    clogMeanTicks: draws.between(0, 100),
    partitions: {
      mode: draws.pick(PARTITION_MODES),
      symmetry: draws.pick(["symmetric", "asymmetric"]),
      begin: draws.pick([NEVER, ...[3000, 500, 50].map((denominator) => ({ numerator: 1, denominator }))]),
      end: draws.percent(1, 10),
      stabilityTicks: 100 + draws.between(0, 100),
      wholeTicks: draws.between(0, 20),
    },
  };
}

function drawStorage(draws: Draws): StorageFaults {
  return {
    ...NO_STORAGE_FAULTS,
    readLatency: draws.latency([0, 5, 30, 100]),
    writeLatency: draws.latency([0, 5, 30, 100, 1000]),
    readFault: draws.percent(0, 10),
    writeFault: draws.percent(0, 10),
    writeMisdirect: draws.percent(0, 10),
    crashFault: draws.percent(80, 100),
  };
}

function drawMachines(draws: Draws, replicaCount: number): MachineFaults {
  const perTick = (choices: readonly number[]): Ratio => {
    const denominator = draws.pick(choices);
    return denominator === 0 ? NEVER : { numerator: 1, denominator };
  };
  return {
    crash: perTick([0, 100_000, 30_000, 10_000]),
    crashTicks: draws.between(0, 300),
    restart: perTick([30, 300]),
    restartTicks: draws.between(0, 300),
    // A lost disk can be replaced only if there are others enough.
    reformat: replicaCount > 2 ? draws.percent(0, 30) : NEVER,
    pause: perTick([0, 20_000, 5000]),
    unpause: perTick([30, 300]),
    pauseTicks: draws.between(0, 300),
    upgrade: perTick([0, 0, 0, 5000]),
  };
}

/** Most clocks are perfect. Of the others none goes further wrong than a cluster of them has to bear. */
function drawClock(draws: Draws): SimulatedTimeOptions {
  const stepNs = BigInt(draws.between(0, 2000)) * 1_000_000n;
  const step = stepOffset(stepNs, draws.between(0, 5000));
  const offset = draws.pick([NO_OFFSET, NO_OFFSET, NO_OFFSET, linearOffset(1000n, stepNs), step]);
  return { offset, readingNs: READING_NS };
}

/** Draws in the words of the specification's tables. */
class Draws {
  readonly #random: Random;

  constructor(random: Random) {
    this.#random = random;
  }

  between(min: number, max: number): number {
    return this.#random.rangeInclusive(32, min, max);
  }

  percent(min: number, max: number): Ratio {
    return { numerator: this.between(min, max), denominator: 100 };
  }

  pick<Item>(items: readonly Item[]): Item {
    const item = items[this.#random.index(items.length)];
    assert(item !== undefined, "nothing to choose from");
    return item;
  }

  /** On average one of these, in milliseconds, and at least up to a third of it. */
  latency(meansMilliseconds: readonly number[]): Latency {
    const meanMicroseconds = this.pick(meansMilliseconds) * MILLISECOND;
    return { minimumMicroseconds: this.between(0, Math.floor(meanMicroseconds / 3)), meanMicroseconds };
  }
}

/** A part of a run that can be left out, to see whether a failure needs it. */
export interface Simplification {
  readonly without: string;
  readonly simplify: (options: ClusterRunOptions) => ClusterRunOptions;
}

/** From the largest to the smallest. */
export const SIMPLIFICATIONS: readonly Simplification[] = [
  { without: "upgrades", simplify: (options) => machines(options, { upgrade: NEVER }) },
  { without: "lost disks", simplify: (options) => machines(options, { reformat: NEVER }) },
  { without: "pauses", simplify: (options) => machines(options, { pause: NEVER }) },
  { without: "crashes", simplify: (options) => machines(options, { crash: NEVER }) },
  {
    without: "disk faults",
    simplify: (options) => storage(options, { readFault: NEVER, writeFault: NEVER, writeMisdirect: NEVER }),
  },
  { without: "faults of interrupted writes", simplify: (options) => storage(options, { crashFault: NEVER }) },
  {
    without: "slow disks",
    simplify: (options) =>
      storage(options, {
        readLatency: NO_STORAGE_FAULTS.readLatency,
        writeLatency: NO_STORAGE_FAULTS.writeLatency,
      }),
  },
  { without: "checksums on another thread", simplify: (options) => ({ ...options, checksumLatency: null }) },
  { without: "partitions", simplify: (options) => network(options, { partitions: NO_PARTITIONS }) },
  { without: "clogged links", simplify: (options) => network(options, { clog: NEVER }) },
  { without: "lost packets", simplify: (options) => network(options, { loss: NEVER }) },
  { without: "repeated packets", simplify: (options) => network(options, { repetition: NEVER }) },
  {
    without: "full links",
    simplify: (options) => network(options, { linkCapacity: Number.POSITIVE_INFINITY }),
  },
  { without: "clocks that drift or step", simplify: (options) => clocks(options, { offset: NO_OFFSET }) },
  { without: "clocks that move when they are read", simplify: (options) => clocks(options, { readingNs: 0n }) },
  { without: "standbys", simplify: (options) => ({ ...options, standbyCount: 0 }) },
  { without: "more clients than one", simplify: (options) => ({ ...options, clientCount: 1 }) },
  {
    without: "half of the requests",
    simplify: (options) => ({ ...options, requestsMax: Math.ceil(options.requestsMax / 2) }),
  },
];

function clocks(options: ClusterRunOptions, changes: SimulatedTimeOptions): ClusterRunOptions {
  return { ...options, clocks: options.clocks.map((clock) => ({ ...clock, ...changes })) };
}

function machines(options: ClusterRunOptions, changes: Partial<MachineFaults>): ClusterRunOptions {
  return { ...options, machines: { ...options.machines, ...changes } };
}

function storage(options: ClusterRunOptions, changes: Partial<StorageFaults>): ClusterRunOptions {
  return { ...options, storage: { ...options.storage, ...changes } };
}

function network(options: ClusterRunOptions, changes: Partial<NetworkFaults>): ClusterRunOptions {
  return { ...options, network: { ...options.network, ...changes } };
}
