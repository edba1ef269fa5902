/**
 * A run of a cluster: first everything goes wrong that may, and nothing that was acknowledged may be lost; then faults stop
 * for a part of the nodes, and these must come to rest (spec 07 §11, §13).
 *
 * @module
 */
import { assert, AssertionError } from "@stagbeetle/kernels";
import {
  Command,
  type Logger,
  quorums,
  Random,
  type Release,
  releaseOf,
  SILENT_LOGGER,
  zoneSize,
  zoneStart,
} from "@stagbeetle/vsr-protocol";

import { checkAof } from "../checkers/aof-checker.ts";
import { ErrorLines } from "../checkers/error-lines.ts";
import { checkJournal } from "../checkers/journal-checker.ts";
import type { Application } from "../cluster/application.ts";
import type { SimulatedClient } from "../cluster/client.ts";
import { Cluster } from "../cluster/cluster.ts";
import type { Machine } from "../cluster/machine.ts";
import { Recovery } from "../cluster/recovery.ts";
import { ClusterFaultAtlas, gridBlockCount } from "../faults/cluster-atlas.ts";
import { chance, NEVER, NO_STORAGE_FAULTS, type StorageFaults } from "../faults/storage-faults.ts";
import { NO_NETWORK_FAULTS } from "../network/network.ts";
import { commandOf } from "../network/rules.ts";
import { type ClusterRunOptions, drawClusterRun, NO_MACHINE_FAULTS, SIMPLIFICATIONS } from "./cluster-options.ts";
import type { Coverage } from "./coverage.ts";
import { excuseOf } from "./recoverability.ts";

/** How a run ended: at rest; without clients; or with something gone that nobody could bring back. */
export type ClusterRunOutcome = "converged" | "allEvicted" | `excused-${string}`;

/** What came of a run. */
export interface ClusterRunResult {
  readonly outcome: ClusterRunOutcome;
  readonly opMax: number;
  readonly ticks: number;
}

/** What a run is made of, beside its seed. */
export interface ClusterRunSetup {
  readonly coverage: Coverage;
  /**
   * How much simulated time there is at least. Until then all nodes have to come to rest, and then other things go wrong, again
   * and again; once, with faults that end for a part of the nodes, unless said.
   */
  readonly minutes?: number;
  readonly applications?: readonly Application[];
  readonly logger?: Logger;
}

const RELEASES: readonly Release[] = [releaseOf(0, 17, 9), releaseOf(0, 17, 10), releaseOf(0, 17, 11)];
const STORAGE_SIZE_BYTES = 128 * 1024 * 1024;
/** So long nobody is answered before the faults stop: what keeps the cluster from answering may be one of them. */
const SILENT_TICKS_MAX = 12_000;
const SAFETY_TICKS_MAX = 60_000;
const TICKS_PER_MINUTE = 6000;
const REPLICAS_FOR_LONG_MIN = 3;
const LIVENESS_TICKS_MAX = 40_000;
/** In one of so many ticks the log of a replica is compared with its disk. */
const JOURNAL_CHECK_TICKS = 100;

const CALM_STORAGE: StorageFaults = {
  ...NO_STORAGE_FAULTS,
  readLatency: { minimumMicroseconds: 1000, meanMicroseconds: 1000 },
  writeLatency: { minimumMicroseconds: 1000, meanMicroseconds: 1000 },
};

/**
 * Runs one seed.
 *
 * @throws AssertionError for the first thing that is wrong; its message says which faults the failure needs.
 */
export function runCluster(seed: bigint, setup: ClusterRunSetup): ClusterRunResult {
  const options = drawRun(seed, setup);
  try {
    return new ClusterRun(seed, options, setup).run();
  } catch (error) {
    if (!(error instanceof AssertionError)) throw error;
    throw new AssertionError(`${error.message}\n${describeOptions(options)}\n${error.stack ?? ""}`);
  }
}

/** Leaves out of a failing run whatever it fails without. Returns what is left, in words. */
export function shrinkCluster(seed: bigint, setup: ClusterRunSetup): string {
  let options = drawRun(seed, setup);
  const omitted: string[] = [];
  let failure = failureOf(seed, options, setup);
  for (const { without, simplify } of SIMPLIFICATIONS) {
    const simpler = simplify(options);
    const message = failureOf(seed, simpler, setup);
    if (message === null) continue;
    options = simpler;
    failure = message;
    omitted.push(without);
  }
  return `fails also without ${omitted.join(", ")}: ${failure}\n${describeOptions(options)}`;
}

/** Two replicas halt for good if one of them loses the end of its log: those that go on for long are at least three. */
function drawRun(seed: bigint, { applications, minutes = 0 }: ClusterRunSetup): ClusterRunOptions {
  const options = drawClusterRun(new Random(seed), applications);
  return minutes === 0 ? options : { ...options, replicaCount: Math.max(REPLICAS_FOR_LONG_MIN, options.replicaCount) };
}

function failureOf(seed: bigint, options: ClusterRunOptions, setup: ClusterRunSetup): string | null {
  try {
    new ClusterRun(seed, options, setup).run();
    return null;
  } catch (error) {
    if (!(error instanceof AssertionError)) throw error;
    return error.message;
  }
}

function describeOptions({
  application,
  replicaCount,
  standbyCount,
  clientCount,
  requestsMax,
}: ClusterRunOptions): string {
  return `${application.name}: ${replicaCount} replicas, ${standbyCount} standbys, ${clientCount} clients, ${requestsMax} requests`;
}

/** One run. */
class ClusterRun {
  readonly #coverage: Coverage;
  readonly #ticksMin: number;
  readonly #random: Random;
  readonly #cluster: Cluster;
  readonly #recoveries: Map<number, Recovery> = new Map();
  /** What goes wrong now, and how much. */
  #options: ClusterRunOptions;
  /** All that make requests; in the place of one that lost its session there is another one after a rest. */
  #clients: readonly SimulatedClient[];
  /** Until when each machine stays as it is. */
  readonly #stableTicks: number[];
  readonly #syncing: boolean[];
  #machineFaults: ClusterRunOptions["machines"];
  #storageFaults: StorageFaults;
  #idle = false;
  #requests = 0;
  #reformats = 0;
  #ticks = 0;
  #partitioned = false;
  /** The nodes that must come to rest; null while all may fail. */
  #core: readonly Machine[] | null = null;

  constructor(seed: bigint, options: ClusterRunOptions, setup: ClusterRunSetup) {
    const { config, replicaCount, standbyCount } = options;
    const { coverage, minutes = 0, logger = SILENT_LOGGER } = setup;
    this.#options = options;
    this.#ticksMin = minutes * TICKS_PER_MINUTE;
    this.#coverage = coverage;
    // Not the generator that the options were drawn with: leaving some out must not change the others.
    this.#random = new Random(seed ^ 0x5354_4147n);
    this.#machineFaults = options.machines;
    this.#storageFaults = options.storage;
    const blockCount = gridBlockCount(config, STORAGE_SIZE_BYTES);
    const atlas = new ClusterFaultAtlas({ config, replicaCount, random: this.#random, blockCount });
    this.#cluster = new Cluster({
      config,
      application: options.application,
      seed: this.#random.u64(),
      clientCount: options.clientCount,
      replicaCount,
      standbyCount,
      release: RELEASES[0] ?? 0,
      releaseClientMin: RELEASES[0] ?? 0,
      storageSizeLimit: STORAGE_SIZE_BYTES,
      network: options.network,
      atlas: (replica) => atlas.of(replica),
      time: (replica) => options.clocks[replica] ?? {},
      checksumLatency: options.checksumLatency,
      onIncident: (incident) => coverage.markInterrupted(incident),
      onPacket: (event, packet) => {
        if (event === "arrived" && commandOf(packet) === Command.block) coverage.mark("blocksSent");
        if (event === "arrived" && commandOf(packet) === Command.getPrepare) coverage.mark("prepareRepairs");
      },
      logger: new ErrorLines(logger),
    });
    this.#stableTicks = this.#cluster.machines.map(() => 0);
    this.#syncing = this.#cluster.machines.map(() => false);
    this.#clients = this.#cluster.clients;
  }

  run(): ClusterRunResult {
    const { machines, history } = this.#cluster;
    // With faults on from the first start too many replicas could lose the ends of their logs at once.
    const { viewChange } = this.#quorums;
    for (const machine of machines) {
      machine.format();
      this.#start(machine, machine.index < viewChange ? "masked" : "shown");
    }
    for (const client of this.#clients) client.register();
    for (;;) {
      const finished = this.#runSafety();
      const last = this.#ticks >= this.#ticksMin;
      const over = this.#clients.every(({ state }) => state === "evicted") && this.#ticksMin === 0;
      if (over) return this.#result("allEvicted");
      this.#beginLiveness(finished && last ? this.#drawCore() : machines);
      const pending = this.#runLiveness();
      if (pending !== null) {
        const excuse = this.#excuse();
        assert(excuse !== null, () => `no liveness: ${pending}; op ${history.opMax}; ${this.#cluster.describe()}`);
        return this.#result(`excused-${excuse}`);
      }
      this.#checkRest();
      if (last) return this.#result("converged");
      this.#goOn();
    }
  }

  /** After a rest, other things go wrong. */
  #goOn(): void {
    const { machines, network } = this.#cluster;
    const { application, replicaCount } = this.#options;
    this.#coverage.mark("rests");
    this.#core = null;
    this.#requests = 0;
    this.#reformats = 0;
    const drawn = drawClusterRun(new Random(this.#random.u64()), [application]);
    const { network: networkFaults, storage, requestsMax, requestPercent, idleOnPercent, idleOffPercent } = drawn;
    const faults = replicaCount > 2 ? drawn.machines : { ...drawn.machines, reformat: NEVER };
    const changed = { network: networkFaults, storage, machines: faults };
    this.#options = { ...this.#options, ...changed, requestsMax, requestPercent, idleOnPercent, idleOffPercent };
    this.#machineFaults = faults;
    this.#storageFaults = storage;
    network.faults = networkFaults;
    for (const machine of machines) machine.storageFaults = storage;
    this.#clients = this.#clients.map((client) => {
      if (client.state !== "evicted") return client;
      const other = this.#cluster.addClient();
      other.register();
      return other;
    });
  }

  /** What holds of the messages and the append-only files of all nodes, once some have come to rest. */
  #checkRest(): void {
    const { machines, history } = this.#cluster;
    const core = this.#core ?? [];
    for (const machine of machines) {
      machine.assertMessagesHeld();
      const expectation = core.includes(machine) ? "ended" : "running";
      this.#coverage.mark("entriesOfAof", checkAof(machine, { config: this.#options.config, history, expectation }));
    }
  }

  #result(outcome: ClusterRunOutcome): ClusterRunResult {
    this.#markRun();
    this.#coverage.mark("ticks", this.#ticks);
    this.#coverage.mark("comparisons", this.#cluster.storageChecker.comparisons);
    this.#coverage.mark("blocksCompared", this.#cluster.gridChecker.comparisons);
    this.#coverage.mark("manifestsCompared", this.#cluster.manifestChecker.comparisons);
    return { outcome, opMax: this.#cluster.history.opMax, ticks: this.#ticks };
  }

  get #quorums(): ReturnType<typeof quorums> {
    return quorums(this.#options.replicaCount, this.#options.config.cluster.quorumReplicationMax);
  }

  /** Returns whether all requests were made and answered, as far as their clients live. */
  #runSafety(): boolean {
    const clients = this.#clients;
    const ticksMax = this.#ticks + SAFETY_TICKS_MAX;
    let replies = 0;
    let silentTicks = 0;
    while (silentTicks < SILENT_TICKS_MAX && this.#ticks < ticksMax) {
      this.#tick();
      this.#maybeRequest();
      for (const machine of this.#cluster.machines) this.#maybeFail(machine);
      const now = clients.reduce((sum, client) => sum + client.replies, 0);
      silentTicks = now > replies ? 0 : silentTicks + 1;
      replies = now;
      const live = clients.filter(({ state }) => state !== "evicted");
      if (live.length === 0) return true;
      if (this.#requests >= this.#options.requestsMax && live.every(({ state }) => state === "idle")) return true;
    }
    return false;
  }

  /** Lets 10 ms pass. */
  #tick(): void {
    this.#ticks += 1;
    this.#cluster.tick();
    this.#cluster.settle();
    for (const [index, recovery] of this.#recoveries) this.#tickRecovery(index, recovery);
    for (const machine of this.#cluster.machines) {
      if (machine.state === "refused") this.#onRefused(machine);
      if (machine.state !== "serving") continue;
      this.#markMachine(machine);
      if (this.#random.chance(1, JOURNAL_CHECK_TICKS)) checkJournal(machine);
    }
    const partitioned = this.#cluster.network.partitions.active;
    if (partitioned && !this.#partitioned) this.#coverage.mark("partitions");
    this.#partitioned = partitioned;
  }

  #onRefused(machine: Machine): void {
    assert(false, () => `replica ${machine.index} refuses to go on: ${machine.refusal.message}`);
  }

  #tickRecovery(index: number, recovery: Recovery): void {
    if (recovery.stage === "evicted") {
      // An operator with time tries again.
      if (this.#ticksMin > 0) this.#recover(recovery.machine);
      return;
    }
    if (recovery.tick() !== "formatted") return;
    this.#recoveries.delete(index);
    this.#coverage.mark("reformats");
    this.#start(recovery.machine, "shown");
  }

  #start(machine: Machine, damage: "shown" | "masked"): void {
    this.#coverage.mark("starts");
    machine.start(this.#storageFaults, damage);
  }

  #maybeRequest(): void {
    const { requestsMax, requestPercent, idleOnPercent, idleOffPercent } = this.#options;
    this.#idle = this.#idle ? !this.#random.chance(idleOffPercent, 100) : this.#random.chance(idleOnPercent, 100);
    if (this.#idle || this.#requests >= requestsMax || !this.#random.chance(requestPercent, 100)) return;
    const { workload } = this.#cluster;
    const client = this.#clients[this.#random.index(this.#clients.length)];
    if (client?.state !== "idle") return;
    this.#requests += 1;
    client.request(workload.next(client.bodySizeMax));
  }

  #maybeFail(machine: Machine): void {
    const stable = this.#stableTicks[machine.index] ?? 0;
    if (stable > 0) {
      this.#stableTicks[machine.index] = stable - 1;
      return;
    }
    this.#maybeUpgrade(machine);
    if (this.#recoveries.has(machine.index)) return;
    if (machine.state === "down") this.#maybeRestart(machine);
    else if (machine.paused) this.#maybeUnpause(machine);
    else this.#maybeCrashOrPause(machine);
  }

  #maybeCrashOrPause(machine: Machine): void {
    const { crash, crashTicks, pause, pauseTicks } = this.#machineFaults;
    const times = machine.pendingCount > 0 ? 10 : 1;
    if (chance(this.#random, { numerator: crash.numerator * times, denominator: crash.denominator })) {
      this.#coverage.mark("crashes");
      if (machine.state === "opening") this.#coverage.mark("crashesOpening");
      machine.crash();
      this.#stableTicks[machine.index] = this.#random.rangeInclusive(32, 0, crashTicks);
    } else if (machine.state === "serving" && chance(this.#random, pause)) {
      this.#coverage.mark("pauses");
      machine.pause();
      this.#stableTicks[machine.index] = this.#random.rangeInclusive(32, 0, pauseTicks);
    }
  }

  #maybeUnpause(machine: Machine): void {
    if (chance(this.#random, this.#machineFaults.unpause)) machine.unpause();
  }

  #maybeUpgrade(machine: Machine): void {
    if (!chance(this.#random, this.#machineFaults.upgrade)) return;
    machine.releasesBundled = RELEASES.slice(0, machine.releasesBundled.length + 1);
  }

  /** A restart finds the disk as it is, without its damage if too few others could help, or empty. */
  #maybeRestart(machine: Machine): void {
    const { restart, restartTicks, reformat } = this.#machineFaults;
    if (!chance(this.#random, restart)) return;
    // It may be down because it lacks a release that the others have.
    const newest = Math.max(...this.#cluster.machines.map(({ releasesBundled }) => releasesBundled.length));
    machine.releasesBundled = RELEASES.slice(0, newest);
    const others = this.#cluster.machines.filter((other) => this.#canHelp(other)).length;
    const enough = others >= this.#quorums.viewChange || machine.standby;
    const reformatsMax = this.#options.replicaCount + 2;
    const replaceable = enough && !machine.standby && this.#reformats < reformatsMax && this.#othersWhole(machine);
    if (replaceable && chance(this.#random, reformat)) {
      this.#reformats += 1;
      this.#cluster.replaceDisk(machine.index);
      this.#recover(machine);
      return;
    }
    this.#restart(machine, enough ? "shown" : "masked");
    this.#stableTicks[machine.index] = this.#random.rangeInclusive(32, 0, restartTicks);
  }

  /** Whether a run that must go on can: an op that may be on the lost disk only, and on another one is damaged, halts a cluster. */
  #othersWhole(machine: Machine): boolean {
    if (this.#ticksMin === 0) return true;
    const { machines, replicaCount } = this.#cluster;
    const others = machines.slice(0, replicaCount).filter((other) => other !== machine);
    return others.every((other) => this.#canHelp(other) && other.journal.dirtyCount === 0);
  }

  #recover(machine: Machine): void {
    this.#recoveries.set(machine.index, new Recovery(this.#cluster, machine.index));
  }

  #canHelp(machine: Machine): boolean {
    if (machine.state !== "serving" || machine.standby || machine.paused) return false;
    const { status, syncStage } = machine.replica.state;
    return status !== "recovering_head" && syncStage === "idle";
  }

  #restart(machine: Machine, damage: "shown" | "masked"): void {
    const { config } = this.#options;
    // The smallest log has so few sectors of headers that one crash could take all of them.
    machine.disk.cureRange(zoneStart(config, "walHeaders"), zoneSize(config, "walHeaders"));
    if (damage === "masked") machine.logOnDisk.restoreHeaders();
    this.#start(machine, damage);
  }

  /** From now on nothing new goes wrong with some of the nodes; with the others it stays as it is, for good. */
  #beginLiveness(core: readonly Machine[]): void {
    const { machines, network } = this.#cluster;
    this.#core = core;
    if (core.length < machines.length) this.#coverage.mark("coreSmaller");
    this.#machineFaults = NO_MACHINE_FAULTS;
    this.#storageFaults = CALM_STORAGE;
    network.faults = { ...NO_NETWORK_FAULTS, delayMinTicks: 1, linkCapacity: this.#options.network.linkCapacity };
    network.partitions.heal();
    for (const machine of machines) {
      if (core.includes(machine)) this.#calm(machine);
      else if (machine.up && this.#random.boolean()) machine.crash();
    }
  }

  #calm(machine: Machine): void {
    if (this.#recoveries.has(machine.index)) return;
    if (machine.paused) machine.unpause();
    if (machine.state === "down") this.#restart(machine, "masked");
    else machine.storageFaults = CALM_STORAGE;
  }

  /** A view change quorum of replicas or more, and any standbys. */
  #drawCore(): readonly Machine[] {
    const { machines, replicaCount } = this.#cluster;
    const voters = this.#drawSome(machines.slice(0, replicaCount), this.#quorums.viewChange);
    return [...voters, ...this.#drawSome(machines.slice(replicaCount), 0)];
  }

  #drawSome(machines: readonly Machine[], min: number): readonly Machine[] {
    let left = this.#random.rangeInclusive(32, min, machines.length);
    return machines.filter((_, index) => {
      const taken = left > 0 && this.#random.chance(left, machines.length - index);
      if (taken) left -= 1;
      return taken;
    });
  }

  /** Returns what the core still has to do after all the time that it has, or null. */
  #runLiveness(): string | null {
    let pending = this.#pending();
    for (let ticks = 0; pending !== null && ticks < LIVENESS_TICKS_MAX; ticks += 1) {
      this.#tick();
      this.#catchUpReleases();
      pending = this.#pending();
    }
    return pending;
  }

  /** A node of the core that is down lacks a release, and gets it. */
  #catchUpReleases(): void {
    for (const machine of this.#core ?? []) {
      if (machine.state !== "down" || this.#recoveries.has(machine.index)) continue;
      machine.releasesBundled = RELEASES;
      this.#restart(machine, "shown");
    }
  }

  #pending(): string | null {
    const { history } = this.#cluster;
    if (this.#clients.some(({ state }) => state === "busy")) return "a request is not answered";
    for (const machine of this.#core ?? []) {
      const who = `replica ${machine.index}`;
      if (machine.state !== "serving") return `${who} is ${machine.state}`;
      const { commitMin, opCheckpoint, syncContentDone } = machine.replica.state;
      if (commitMin !== history.opMax) return `${who} is at op ${commitMin}`;
      for (let op = opCheckpoint + 1; op <= commitMin; op += 1) {
        const header = machine.journal.headerWithOp(op);
        if (header === null || !machine.journal.hasPrepare(header)) return `${who} lacks prepare ${op}`;
      }
      if (!syncContentDone) return `${who} still syncs`;
    }
    if (!this.#sameRelease()) return "the release is not the same";
    // Of the last op that was executed, a checkpoint may still be written.
    return this.#sameCheckpoint() ? null : "the checkpoint is not the same";
  }

  #sameCheckpoint(): boolean {
    return new Set((this.#core ?? []).map(({ superblock }) => superblock.checkpointIds.id)).size === 1;
  }

  #sameRelease(): boolean {
    return new Set((this.#core ?? []).map(({ release }) => release)).size === 1;
  }

  #excuse(): string | null {
    const recoveries = [...this.#recoveries.values()];
    if (recoveries.some(({ stage }) => stage === "evicted")) return "reformatEvicted";
    const core = this.#core ?? [];
    const outside = this.#cluster.machines.filter(
      (machine) =>
        machine.state === "serving" && !core.includes(machine) && isPrimary(machine, this.#options.replicaCount),
    );
    if (outside.length > 0) return "primaryOutside";
    return excuseOf(this.#cluster, core);
  }

  #markMachine({ index, replica }: Machine): void {
    const syncing = replica.state.syncStage !== "idle";
    if (syncing && this.#syncing[index] !== true) this.#coverage.mark("stateSyncs");
    this.#syncing[index] = syncing;
  }

  #markRun(): void {
    const { machines, history } = this.#cluster;
    const clients = this.#clients;
    const coverage = this.#coverage;
    const views = machines.flatMap((machine) => (machine.state === "serving" ? machine.replica.state.view : []));
    if (Math.max(0, ...views) > 1) coverage.mark("viewChanges");
    if (machines.some(({ release }) => release !== RELEASES[0])) coverage.mark("upgrades");
    coverage.mark("evictions", clients.filter(({ state }) => state === "evicted").length);
    coverage.mark("executed", history.counts.executed);
    coverage.mark("executedAgain", history.counts.executedAgain);
    coverage.mark("acknowledged", history.counts.acknowledged);
    coverage.mark("repeated", history.counts.repeated);
  }
}

function isPrimary({ index, replica }: Machine, replicaCount: number): boolean {
  return replica.state.status === "normal" && replica.state.view % replicaCount === index;
}
