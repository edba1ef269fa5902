/**
 * A run with crashes: clients make requests, the power fails at any moment, and whatever comes of it must be in order
 * (spec 07 §11.4, §13, for one machine).
 *
 * A write that a crash interrupts is lost, torn or complete, and may leave a corrupt sector. Whatever it is, the replica
 * starts again with everything that was executed.
 *
 * @module
 */
import { assert } from "@stagbeetle/kernels";
import { type Config, type Logger, Random, SILENT_LOGGER, type Zone } from "@stagbeetle/vsr-protocol";

import type { Application } from "../cluster/application.ts";
import type { SimulatedClient } from "../cluster/client.ts";
import { Cluster } from "../cluster/cluster.ts";
import { CONFIGURATIONS, opMaxWithoutCheckpoint } from "../cluster/configurations.ts";
import { type Latency, NEVER, NO_STORAGE_FAULTS, type Ratio, type StorageFaults } from "../faults/storage-faults.ts";
import { type NetworkFaults, NO_NETWORK_FAULTS } from "../network/network.ts";
import { linearOffset, NO_OFFSET, READING_NS, stepOffset, type SimulatedTimeOptions } from "../time.ts";
import type { Coverage } from "./coverage.ts";

/** All that a run is drawn from its seed with. */
interface CrashRunOptions {
  readonly config: Config;
  readonly application: Application;
  readonly clientCount: number;
  readonly requestsMax: number;
  readonly crashesMax: number;
  /** In how many of a hundred ticks a client that is ready makes a request. */
  readonly requestPercent: number;
  /** In how many of a hundred chances a client asks again for the answer to its last request. */
  readonly probePercent: number;
  readonly storage: StorageFaults;
  readonly network: NetworkFaults;
  readonly time: SimulatedTimeOptions;
  /** How long checksums of blocks take on another thread; null if the replica computes them at once. */
  readonly checksumLatency: Latency | null;
}

/** How a run ended. */
export interface CrashRunResult {
  /** `full`: the log took no more requests before all were made. */
  readonly outcome: "completed" | "full";
  readonly opMax: number;
}

/** Far more than the longest pause between two attempts of a client. */
const TICKS_WITHOUT_PROGRESS_MAX = 40_000;
/** So long nothing happens on a full log before it is believed. */
const TICKS_FULL = 300;
const DOWN_TICKS_MAX = 30;
/** How many steps beside reading the log a start takes, roughly. */
const STEPS_OPENING = 80;
const STEPS_SERVING = 80;
const STEPS_WRITING = 12;
const READ_BACKS = 3;
/** What is written while the replica serves; the more often a zone is named, the more crashes hit it. */
const ZONES_WITHOUT_CHECKPOINTS: readonly Zone[] = ["walPrepares", "walPrepares", "walHeaders", "clientReplies"];
const ZONES_WITH_CHECKPOINTS: readonly Zone[] = [
  ...ZONES_WITHOUT_CHECKPOINTS,
  "grid",
  "grid",
  "superblock",
  "superblock",
];

const MILLISECOND = 1000;

/** The power fails after so many steps of the disk in this state, or so many of those in which this zone is being written. */
interface PlannedCrash {
  readonly state: "opening" | "serving";
  readonly writing: Zone | null;
  steps: number;
}

/** How long the log is, and so how long a run: of the smallest log, or of one as in production. */
export type CrashRunLength = "short" | "long";

/** Draws the options of a run. */
function drawCrashRun(random: Random, application: Application, length: CrashRunLength): CrashRunOptions {
  const pick = <Item>(items: readonly Item[]): Item => {
    const item = items[random.index(items.length)];
    assert(item !== undefined, "nothing to choose from");
    return item;
  };
  const draw = (min: number, max: number): number => random.rangeInclusive(32, min, max);
  const percent = (max: number): Ratio => ({ numerator: draw(0, max), denominator: 100 });
  const latency = (): Latency => ({
    minimumMicroseconds: 0,
    meanMicroseconds: pick([0, MILLISECOND, 10 * MILLISECOND, 50 * MILLISECOND]),
  });
  const { testMin, wide, long } = CONFIGURATIONS;
  const requestsMax = (): number => {
    if (length === "long") return draw(100, 1100);
    return application.checkpoints ? draw(1, 120) : draw(1, 22);
  };
  const torn = random.boolean();
  return {
    config: length === "long" ? long : pick([testMin, wide]),
    application,
    clientCount: draw(1, 7),
    requestsMax: requestsMax(),
    crashesMax: draw(1, 6),
    requestPercent: pick([5, 20, 100]),
    probePercent: pick([0, 20, 100]),
    storage: {
      ...NO_STORAGE_FAULTS,
      readLatency: length === "long" ? NO_STORAGE_FAULTS.readLatency : latency(),
      writeLatency: latency(),
      crashOutcomes: { lost: draw(0, 2), torn: torn ? draw(0, 2) : 0, complete: draw(1, 2) },
      crashFault: torn ? percent(50) : NEVER,
    },
    network: {
      ...NO_NETWORK_FAULTS,
      delayMinTicks: 0,
      delayMeanTicks: pick([0, 1, 5]),
      loss: pick([NEVER, percent(20)]),
      repetition: pick([NEVER, percent(20)]),
    },
    time: {
      offset: pick([NO_OFFSET, linearOffset(100_000n, 0n), stepOffset(3_600_000_000_000n, draw(1, 1000))]),
      readingNs: READING_NS,
    },
    checksumLatency: pick([null, latency()]),
  };
}

/** What a run is made of, beside its seed. */
export interface CrashRunSetup {
  readonly application: Application;
  readonly length: CrashRunLength;
  readonly coverage: Coverage;
  readonly logger?: Logger;
}

/** Runs one seed. @throws AssertionError for the first thing that is wrong. */
export function runCrashes(
  seed: bigint,
  { application, length, coverage, logger = SILENT_LOGGER }: CrashRunSetup,
): CrashRunResult {
  const random = new Random(seed);
  const options = drawCrashRun(random, application, length);
  return new CrashRun(options, { random, coverage, logger }).run();
}

/** One run. */
class CrashRun {
  readonly #options: CrashRunOptions;
  readonly #random: Random;
  readonly #coverage: Coverage;
  readonly #cluster: Cluster;
  readonly #opMax: number;
  /** Clients that were answered and have not been asked again since the replica served. */
  #toProbe: Set<SimulatedClient> = new Set();
  #requests = 0;
  #crashes = 0;
  /** When the power fails next; null if it does not any more, or only when all is at rest. */
  #nextCrash: PlannedCrash | null = null;
  #ticksDown = 0;
  #readBacks = 0;
  #serving = false;
  #progress = "";
  #ticksWithoutProgress = 0;

  constructor(
    options: CrashRunOptions,
    { random, coverage, logger }: { readonly random: Random; readonly coverage: Coverage; readonly logger: Logger },
  ) {
    this.#options = options;
    this.#random = random;
    this.#coverage = coverage;
    const { checkpoints } = options.application;
    this.#opMax = checkpoints ? Number.POSITIVE_INFINITY : opMaxWithoutCheckpoint(options.config);
    this.#cluster = new Cluster({
      config: options.config,
      application: options.application,
      seed: random.u64(),
      clientCount: options.clientCount,
      network: options.network,
      time: () => options.time,
      checksumLatency: options.checksumLatency,
      onIncident: (incident) => coverage.markInterrupted(incident),
      logger,
    });
  }

  /** Runs to the end. @throws AssertionError for the first thing that is wrong. */
  run(): CrashRunResult {
    const { machine, history } = this.#cluster;
    machine.format();
    this.#start();
    let outcome: CrashRunResult["outcome"] | null = null;
    while (outcome === null) {
      this.#tick();
      outcome = this.#outcome();
    }
    this.#coverage.mark("ticks", this.#cluster.ticks);
    this.#coverage.mark("checkpoints", history.counts.checkpoints);
    this.#coverage.mark("executed", history.counts.executed);
    this.#coverage.mark("executedAgain", history.counts.executedAgain);
    this.#coverage.mark("acknowledged", history.counts.acknowledged);
    this.#coverage.mark("repeated", history.counts.repeated);
    return { outcome, opMax: history.opMax };
  }

  /** One line for people. */
  describe(): string {
    const { config, application } = this.#options;
    return `${application.name} on ${config.name}: ${this.#cluster.describe()}`;
  }

  #start(): void {
    this.#serving = false;
    this.#nextCrash = this.#planCrash();
    this.#cluster.machine.start(this.#options.storage);
  }

  #planCrash(): PlannedCrash | null {
    const { config, crashesMax } = this.#options;
    if (this.#crashes === crashesMax) return null;
    const random = this.#random;
    switch (random.weighted([2, 2, 2, 6, 1])) {
      case 0:
        return {
          state: "opening",
          writing: null,
          steps: random.index(STEPS_OPENING + config.cluster.journalSlotCount),
        };
      case 1:
        return { state: "opening", writing: "superblock", steps: random.index(STEPS_WRITING) };
      case 2:
        return { state: "serving", writing: null, steps: random.index(STEPS_SERVING) };
      case 3: {
        const zones = this.#options.application.checkpoints ? ZONES_WITH_CHECKPOINTS : ZONES_WITHOUT_CHECKPOINTS;
        return {
          state: "serving",
          writing: zones[random.index(zones.length)] ?? null,
          steps: random.index(STEPS_WRITING),
        };
      }
      default:
        return null;
    }
  }

  #tick(): void {
    const { machine } = this.#cluster;
    this.#cluster.tick();
    if (machine.state === "down") this.#tickDown();
    while (this.#cluster.deliver());
    while (this.#step());
    while (this.#cluster.deliver());
    if (machine.state === "serving") this.#onServing();
    for (const client of this.#cluster.clients) this.#drive(client);
    this.#watchProgress();
  }

  #tickDown(): void {
    this.#ticksDown -= 1;
    if (this.#ticksDown <= 0) this.#start();
  }

  /** Lets the disk do one thing, or the power fail. */
  #step(): boolean {
    const { machine } = this.#cluster;
    const { state } = machine;
    if (state !== "opening" && state !== "serving") return false;
    const planned = this.#nextCrash;
    const reached = planned !== null && (planned.state === state || state === "serving");
    const counts = reached && (planned.writing === null || machine.writing(planned.writing));
    if (counts && planned.steps <= 0) {
      this.#crash();
      return false;
    }
    const progressed = machine.step();
    if (counts && progressed) planned.steps -= 1;
    return progressed;
  }

  #crash(): void {
    const { machine } = this.#cluster;
    this.#coverage.mark("crashes");
    if (machine.state === "opening") this.#coverage.mark("crashesOpening");
    this.#crashes += 1;
    machine.crash();
    this.#ticksDown = this.#random.rangeInclusive(32, 1, DOWN_TICKS_MAX);
  }

  #onServing(): void {
    if (this.#serving) return;
    this.#serving = true;
    this.#coverage.mark("starts");
    this.#toProbe = new Set(this.#cluster.clients.filter(() => this.#random.chance(this.#options.probePercent, 100)));
  }

  #drive(client: SimulatedClient): void {
    const { requestsMax, requestPercent } = this.#options;
    if (client.state === "new") {
      if (this.#random.chance(requestPercent, 100)) client.register();
      return;
    }
    if (client.state !== "idle") return;
    if (this.#toProbe.delete(client)) {
      client.probe();
      return;
    }
    if (this.#requests < requestsMax) {
      if (!this.#random.chance(requestPercent, 100)) return;
      this.#requests += 1;
      client.request(this.#cluster.workload.next(client.bodySizeMax));
    } else if (this.#quiet && this.#readBacks < READ_BACKS && this.#crashes === this.#options.crashesMax) {
      this.#readBacks += 1;
      client.request(this.#cluster.workload.readBack(client.bodySizeMax));
    }
  }

  /** Nobody waits for anything. */
  get #quiet(): boolean {
    return this.#cluster.clients.every(({ state }) => state === "idle" || state === "evicted");
  }

  #outcome(): CrashRunResult["outcome"] | null {
    const { machine } = this.#cluster;
    switch (machine.state) {
      case "down":
      case "opening":
        return null;
      case "refused":
        assert(false, () => `a crash alone must not keep the replica from starting: ${machine.refusal.message}`);
      case "serving":
        return this.#outcomeServing();
    }
  }

  #outcomeServing(): CrashRunResult["outcome"] | null {
    const { machine, clients } = this.#cluster;
    const { requestsMax, crashesMax } = this.#options;
    const { op } = machine.replica.state;
    assert(op <= this.#opMax, () => `op ${op} needs a checkpoint, the last one that does not is ${this.#opMax}`);
    if (
      clients.some((client) => client.state === "probing" || (client.state === "idle" && this.#toProbe.has(client)))
    ) {
      return null;
    }
    const full = op === this.#opMax && this.#ticksWithoutProgress > TICKS_FULL;
    const done = this.#quiet && this.#requests === requestsMax;
    if (!full && !done) return null;
    if (full) this.#coverage.mark("walFull");
    if (this.#crashes < crashesMax) {
      // All is at rest. The next life has to bring all of it back.
      this.#crash();
      this.#crashes = crashesMax;
      return null;
    }
    if (!full && this.#readBacks < READ_BACKS) return null;
    if (machine.pendingCount > 0) return null;
    assert(machine.messagesHeld === 0, () => `${machine.messagesHeld} messages are lost`);
    return full ? "full" : "completed";
  }

  /** Something has to happen as long as somebody waits and there is room in the log. */
  #watchProgress(): void {
    const { machine, history, clients } = this.#cluster;
    const { executed, executedAgain, acknowledged, repeated } = history.counts;
    const states = clients.map(({ state }) => state).join(" ");
    const progress = [machine.state, this.#crashes, executed, executedAgain, acknowledged, repeated, states].join(" ");
    this.#ticksWithoutProgress = progress === this.#progress ? this.#ticksWithoutProgress + 1 : 0;
    this.#progress = progress;
    assert(this.#ticksWithoutProgress < TICKS_WITHOUT_PROGRESS_MAX, () => `nothing happens: ${this.describe()}`);
  }
}
