/**
 * A cluster among whose messages there are others: old ones, and such that no correct replica sends. Meanwhile its machines
 * crash, come back behind the log of the others, and lose the ends of their logs.
 *
 * @module
 */
import { assert, AssertionError } from "@stagbeetle/kernels";
import { type Logger, quorums, Random, type ReplicaState, TEST_MIN } from "@stagbeetle/vsr-protocol";

import { type Application, LEDGER, STORED_ECHO } from "../cluster/application.ts";
import { Cluster } from "../cluster/cluster.ts";
import type { Machine } from "../cluster/machine.ts";
import { NO_STORAGE_FAULTS, type StorageFaults } from "../faults/storage-faults.ts";
import { type NetworkFaults, NO_NETWORK_FAULTS } from "../network/network.ts";
import type { Coverage } from "./coverage.ts";
import { Forger, type Forgery } from "./forger.ts";

/**
 * What comes among the messages. `old`: what was really sent, once more, and questions of any kind; the cluster has to keep all
 * its promises. `forged`: anything that looks valid, which a cluster may believe; no replica may stop for it.
 */
export type Hostility = "old" | "forged";

/** What a hostile run is made with. */
export interface HostileRunOptions {
  readonly hostility: Hostility;
  /** How long it takes, in ticks of 10 ms. */
  readonly ticks: number;
  readonly coverage: Coverage;
  readonly logger?: Logger;
}

/**
 * How a run ended. `believed`: a request that is forged so well that a quorum stored it is executed, and where it contradicts
 * what was executed before, a replica stops rather than go on with another state than the others: that is no promise.
 */
export type HostileRunOutcome = "kept" | "unharmed" | "believed";

/** What came of a run. */
export interface HostileRunResult {
  readonly outcome: HostileRunOutcome;
  /** How many messages were forged. */
  readonly injected: number;
  /** The highest op that a replica executed. */
  readonly executed: number;
}

/** The kinds of forgeries, each as often as it is named. */
const FORGERIES: Readonly<Record<Hostility, readonly Forgery[]>> = {
  old: ["replayed", "asked"],
  forged: ["replayed", "altered", "altered", "invented"],
};

/** What a replica says when it stops at a forged request that it has to execute. */
const BELIEVED: readonly RegExp[] = [
  /^request \d+ after \d+$/,
  /^release \d+ in a session of \d+$/,
  /^op \d+ is newer than the checkpoint's sessions$/,
  /^client \d+ of op \d+ is unknown$/,
];

const REPLICA_COUNTS: readonly number[] = [3, 3, 3, 2, 4, 5, 6];
const STANDBY_COUNT = 1;
const CLIENT_COUNT = 4;

/** So many ops behind, a replica finds the log of the others turned over, and its state has to be synced. */
const OPS_BEHIND: number = TEST_MIN.cluster.journalSlotCount + TEST_MIN.cluster.lsmCompactionOps;
const OUTAGE_TICKS_MAX = 1200;
/** How many slots at the end of a log are damaged at most. */
const SLOTS_DAMAGED_MAX = 3;

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

/** Runs one seed. @throws AssertionError for the first thing that is wrong. */
export function runHostile(seed: bigint, options: HostileRunOptions): HostileRunResult {
  const run = new HostileRun(seed, options);
  try {
    return run.run();
  } catch (error) {
    if (!(error instanceof AssertionError) || options.hostility !== "forged") throw error;
    const { message } = error;
    if (!BELIEVED.some((said) => said.test(message))) throw error;
    return run.result("believed");
  }
}

/**
 * Why a machine is down, and so when it starts again: soon; when it is too far behind to be repaired; or soon, but with the end
 * of its log damaged, so that it does not know its head.
 */
type Outage =
  | { readonly kind: "short" }
  | { readonly kind: "long"; readonly untilOp: number; ticksLeft: number }
  | { readonly kind: "headLost"; readonly op: number };

const SHORT: Outage = { kind: "short" };

class HostileRun {
  readonly #options: HostileRunOptions;
  readonly #random: Random;
  readonly #cluster: Cluster;
  readonly #forger: Forger;
  readonly #outages: Map<Machine, Outage> = new Map();
  /** Machines that were seen without their head, and those that were seen to sync, until they are done with it. */
  readonly #headless: Set<Machine> = new Set();
  readonly #syncing: Set<Machine> = new Set();
  /** In how many ticks messages are injected for a machine once: among many of them a cluster hardly gets to work. */
  readonly #ticksPerInjection: number;
  /** How long a machine lives, in ticks on average: three of them that live for six seconds hardly ever agree on a view. */
  readonly #ticksPerCrash: number;
  /** Whose log was damaged last: until it is whole again, no other one is. */
  #damaged: Machine | null = null;
  #injected = 0;

  constructor(seed: bigint, options: HostileRunOptions) {
    this.#options = options;
    this.#random = new Random(seed);
    const random = this.#random;
    this.#ticksPerInjection = [2, 10, 40][random.index(3)] ?? 2;
    this.#ticksPerCrash = [600, 1500, 3000][random.index(3)] ?? 600;
    const replicaCount = REPLICA_COUNTS[random.index(REPLICA_COUNTS.length)] ?? 3;
    const { logger, hostility } = options;
    // What a forged transfer does to the ledger cannot be judged.
    const application: Application = hostility === "old" && random.chance(1, 3) ? LEDGER : STORED_ECHO;
    this.#cluster = new Cluster({
      config: TEST_MIN,
      application,
      seed,
      clientCount: CLIENT_COUNT,
      replicaCount,
      standbyCount: STANDBY_COUNT,
      network: ROUGH,
      judged: hostility === "old",
      onPacket: (event, { bytes }) => {
        if (event === "sent") this.#forger.see(bytes);
      },
      ...(logger === undefined ? {} : { logger }),
    });
    const forgerRandom = new Random(random.u64());
    this.#forger = new Forger(forgerRandom, { config: TEST_MIN, cluster: this.#cluster.id, replicaCount });
  }

  run(): HostileRunResult {
    for (const machine of this.#cluster.machines) {
      machine.format();
      machine.start(SLOW_DISK);
    }
    for (let tick = 0; tick < this.#options.ticks; tick += 1) this.#tick();
    return this.result(this.#options.hostility === "old" ? "kept" : "unharmed");
  }

  result(outcome: HostileRunOutcome): HostileRunResult {
    const { coverage } = this.#options;
    coverage.mark("ticks", this.#cluster.ticks);
    coverage.mark("forgeries", this.#injected);
    coverage.mark("executed", this.#executed);
    if (this.#view > 1) coverage.mark("viewChanges");
    const follows = (machine: Machine): boolean => machine.state === "serving" && machine.replica.state.commitMin > 0;
    if (this.#cluster.machines.some((machine) => machine.standby && follows(machine))) coverage.mark("standbys");
    return { outcome, injected: this.#injected, executed: this.#executed };
  }

  get #states(): readonly ReplicaState[] {
    return this.#cluster.machines.flatMap((machine) => (machine.state === "serving" ? machine.replica.state : []));
  }

  get #executed(): number {
    return Math.max(0, ...this.#states.map(({ commitMin }) => commitMin));
  }

  get #view(): number {
    return Math.max(0, ...this.#states.map(({ view }) => view));
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
    for (const machine of machines) this.#watch(machine);
  }

  #disturb(machine: Machine): void {
    assert(machine.state !== "refused", () => `replica ${machine.index} stopped: ${machine.refusal.message}`);
    if (machine.state === "down") this.#tickOutage(machine);
    else if (this.#random.chance(1, this.#ticksPerCrash)) this.#crash(machine);
  }

  #crash(machine: Machine): void {
    const { coverage } = this.#options;
    const outage = this.#planOutage(machine);
    this.#outages.set(machine, outage);
    coverage.mark("crashes");
    machine.crash();
    if (outage.kind === "headLost") this.#damageHead(machine, outage.op);
  }

  /** Long outages and damaged logs one at a time, and only while all others are well: more, and a cluster may rightly halt. */
  #planOutage(machine: Machine): Outage {
    const others = this.#cluster.machines.filter((other) => other !== machine);
    const well = others.every((other) => other.state === "serving" && other.replica.state.status === "normal");
    if (machine.state !== "serving" || !well || this.#damaged !== null) return SHORT;
    const { op, commitMax } = machine.replica.state;
    switch (this.#random.index(3)) {
      case 0:
        return SHORT;
      case 1:
        return { kind: "long", untilOp: commitMax + OPS_BEHIND, ticksLeft: OUTAGE_TICKS_MAX };
      default:
        return this.#canSpare(machine) ? { kind: "headLost", op } : SHORT;
    }
  }

  /** Whether the other replicas can change the view, so that they can tell this one where its head is. */
  #canSpare({ standby }: Machine): boolean {
    const { replicaCount } = this.#cluster;
    const { viewChange } = quorums(replicaCount, TEST_MIN.cluster.quorumReplicationMax);
    return standby || replicaCount - 1 >= viewChange;
  }

  #tickOutage(machine: Machine): void {
    const outage = this.#outages.get(machine) ?? SHORT;
    if (outage.kind === "long") {
      outage.ticksLeft -= 1;
      if (outage.ticksLeft > 0 && this.#executed < outage.untilOp) return;
    } else if (!this.#random.chance(1, 60)) {
      return;
    }
    this.#outages.delete(machine);
    machine.start(SLOW_DISK);
  }

  /** Damages the slots behind the head, and maybe that of the head, too: an op may have been there that was acknowledged. */
  #damageHead(machine: Machine, op: number): void {
    const { journalSlotCount } = TEST_MIN.cluster;
    const { disk, logOnDisk } = machine;
    this.#damaged = machine;
    const headToo = this.#random.boolean();
    const count = 1 + this.#random.index(SLOTS_DAMAGED_MAX);
    for (let at = headToo ? op : op + 1; at <= op + count; at += 1) {
      const slot = at % journalSlotCount;
      disk.corrupt(logOnDisk.prepareOffset(slot), "sector");
      if (headToo) logOnDisk.changeHeader(slot);
    }
  }

  #watch(machine: Machine): void {
    if (machine.state !== "serving") return;
    const { coverage } = this.#options;
    const { status, syncStage } = machine.replica.state;
    if (entered(this.#headless, machine, status === "recovering_head")) coverage.mark("headsLost");
    if (entered(this.#syncing, machine, syncStage !== "idle")) coverage.mark("stateSyncs");
    if (machine === this.#damaged && status === "normal" && machine.journal.faultyCount === 0) this.#damaged = null;
  }

  #inject(machine: Machine): void {
    const random = this.#random;
    if (machine.state !== "serving" || !random.chance(1, this.#ticksPerInjection)) return;
    const { state } = machine.replica;
    const forgeries = FORGERIES[this.#options.hostility];
    const nodeCount = this.#cluster.machines.length;
    for (let left = random.index(6); left > 0; left -= 1) {
      const forgery = forgeries[random.index(forgeries.length)] ?? "replayed";
      const bytes = this.#forger.forge(forgery, state);
      if (bytes === null) continue;
      const from = (machine.index + 1 + random.index(nodeCount - 1)) % nodeCount;
      this.#cluster.network.inject({ from, to: machine.index, bytes });
      this.#injected += 1;
    }
  }
}

/** Whether something begins to be so. Remembers in `set` whether it is. */
function entered(set: Set<Machine>, machine: Machine, now: boolean): boolean {
  if (!now) set.delete(machine);
  if (!now || set.has(machine)) return false;
  set.add(machine);
  return true;
}
