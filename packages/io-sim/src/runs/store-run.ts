/**
 * A run with a damaged disk after checkpoints: the ledger is in the grid, and the log has gone round.
 *
 * Here nothing foresees the outcome. The replica may serve, refuse to start, or stop later when it meets the damage; but it
 * must never answer wrongly, never hang, and never break an assertion.
 *
 * @module
 */
import { assert } from "@stagbeetle/kernels";
import {
  type Config,
  type Logger,
  Random,
  SECTOR_SIZE_BYTES,
  SILENT_LOGGER,
  zoneStart,
} from "@stagbeetle/vsr-protocol";

import { LEDGER } from "../cluster/application.ts";
import { Cluster } from "../cluster/cluster.ts";
import { CONFIGURATIONS } from "../cluster/configurations.ts";
import { ZonesFaultAtlas } from "../faults/atlas.ts";
import { type Latency, NEVER, NO_STORAGE_FAULTS, type StorageFaults } from "../faults/storage-faults.ts";
import type { StorageIncident } from "../storage.ts";
import type { Coverage } from "./coverage.ts";
import { Damage, DAMAGED_ZONES, ZONE_MARKS } from "./damage.ts";

/**
 * `grid`: blocks are corrupt at rest. `log`: sectors of all other zones are. `misdirected`: writes went to other places.
 * `reading`: sectors turn out to be corrupt while they are read.
 */
const STORE_DAMAGES = ["grid", "log", "misdirected", "reading"] as const;
export type StoreDamage = (typeof STORE_DAMAGES)[number];

/** How a run ended. `stopped`: the replica served, and ended with a line when it met the damage. */
export interface StoreRunResult {
  readonly kind: StoreDamage;
  readonly outcome: "served" | "refused" | "stopped";
}

/** What a run is made of, beside its seed. */
export interface StoreRunSetup {
  readonly coverage: Coverage;
  readonly logger?: Logger;
}

const TICKS_MAX = 5000;
const CORRUPTIONS_MAX = 4;
/** As far into the grid as damage is looked for. */
const GRID_SECTORS_MAX = 8192;
const REQUESTS_BEFORE_MIN = 20;
const REQUESTS_BEFORE_MAX = 90;
/** Enough for a checkpoint or two. */
const REQUESTS_AFTER = 40;

/** How long checksums of blocks take on another thread; null if the replica computes them at once. */
const CHECKSUM_LATENCIES: readonly (Latency | null)[] = [
  null,
  { minimumMicroseconds: 0, meanMicroseconds: 0 },
  { minimumMicroseconds: 0, meanMicroseconds: 20_000 },
];

/** Runs one seed. @throws AssertionError for the first thing that is wrong. */
export function runStoreDamage(seed: bigint, setup: StoreRunSetup): StoreRunResult {
  const random = new Random(seed);
  const kind = STORE_DAMAGES[random.index(STORE_DAMAGES.length)] ?? "grid";
  const config = random.boolean() ? CONFIGURATIONS.testMin : CONFIGURATIONS.wide;
  const run = new StoreRun(kind, config, random, setup);
  const outcome = run.run();
  setup.coverage.mark("ticks", run.ticks);
  return { kind, outcome };
}

/** One run. */
class StoreRun {
  readonly #kind: StoreDamage;
  readonly #config: Config;
  readonly #random: Random;
  readonly #coverage: Coverage;
  readonly #cluster: Cluster;

  constructor(kind: StoreDamage, config: Config, random: Random, { coverage, logger = SILENT_LOGGER }: StoreRunSetup) {
    this.#kind = kind;
    this.#config = config;
    this.#random = random;
    this.#coverage = coverage;
    this.#cluster = new Cluster({
      config,
      application: LEDGER,
      seed: random.u64(),
      clientCount: random.rangeInclusive(32, 1, 4),
      atlas: () =>
        new ZonesFaultAtlas(config, kind === "reading" ? ["walHeaders", "walPrepares", "grid"] : DAMAGED_ZONES),
      onIncident: (incident) => this.#onIncident(incident),
      checksumLatency: CHECKSUM_LATENCIES[random.index(CHECKSUM_LATENCIES.length)] ?? null,
      logger,
    });
  }

  /** How much simulated time has passed, in ticks of 10 ms. */
  get ticks(): number {
    return this.#cluster.ticks;
  }

  run(): StoreRunResult["outcome"] {
    const { machine, history } = this.#cluster;
    machine.format();
    const requests = this.#random.rangeInclusive(32, REQUESTS_BEFORE_MIN, REQUESTS_BEFORE_MAX);
    const before = this.#live(this.#faults("misdirected"), requests);
    assert(before === "served" || this.#kind === "misdirected", () => `a healthy disk: ${this.#describeEnd()}`);
    machine.crash();
    if (this.#kind === "grid") this.#corruptGrid();
    if (this.#kind === "log") this.#corruptLog();
    const outcome = this.#live(this.#faults("reading"), REQUESTS_AFTER);
    this.#coverage.mark("checkpoints", history.counts.checkpoints);
    this.#coverage.mark("executedAgain", history.counts.executedAgain);
    this.#coverage.mark(outcome === "served" ? "starts" : "refusals");
    if (outcome === "served") this.#again();
    return outcome;
  }

  /** What goes wrong in the life that this kind of damage is about. */
  #faults(kind: "misdirected" | "reading"): StorageFaults {
    const happens = this.#kind === kind;
    return {
      ...NO_STORAGE_FAULTS,
      writeMisdirect: happens && kind === "misdirected" ? { numerator: 1, denominator: 50 } : NEVER,
      readFault: happens && kind === "reading" ? { numerator: 1, denominator: 200 } : NEVER,
    };
  }

  /** A replica that has served to the end starts again, or stops at damage that it had not met. */
  #again(): void {
    const { machine } = this.#cluster;
    machine.crash();
    machine.start(NO_STORAGE_FAULTS);
    this.#until(() => machine.state === "serving");
    if (machine.state === "refused") this.#assertLine();
  }

  /** A life: start, and answer requests. */
  #live(faults: StorageFaults, requests: number): StoreRunResult["outcome"] {
    const { machine, clients, workload } = this.#cluster;
    machine.start(faults);
    this.#until(() => machine.state === "serving");
    if (machine.state === "refused") return this.#ended("refused");
    for (const client of clients) if (client.state === "new") client.register();
    this.#until(() => this.#quiet);
    for (let made = 0; made < requests && this.#quiet; made += 1) {
      const client = clients[this.#random.index(clients.length)];
      assert(client !== undefined, "there are clients");
      client.request(workload.next(client.bodySizeMax));
      this.#until(() => this.#quiet);
    }
    return this.#quiet ? "served" : this.#ended("stopped");
  }

  #ended(outcome: "refused" | "stopped"): StoreRunResult["outcome"] {
    this.#assertLine();
    return outcome;
  }

  /** Whoever stops says why, in a line for the operator. */
  #assertLine(): void {
    const { message } = this.#cluster.machine.refusal;
    assert(!message.includes("\n") && message.length > 20, () => `not a line for an operator: ${message}`);
  }

  #corruptGrid(): void {
    const { machine } = this.#cluster;
    const start = zoneStart(this.#config, "grid");
    const written: number[] = [];
    for (let sector = 0; sector < GRID_SECTORS_MAX; sector += 1) {
      if (machine.disk.isWritten(start + sector * SECTOR_SIZE_BYTES)) written.push(start + sector * SECTOR_SIZE_BYTES);
    }
    for (let count = this.#random.rangeInclusive(32, 1, CORRUPTIONS_MAX); count > 0 && written.length > 0; count -= 1) {
      const offset = written[this.#random.index(written.length)];
      if (offset === undefined) continue;
      this.#coverage.mark("blockCorrupt");
      if (this.#random.boolean()) machine.disk.corrupt(offset);
      else machine.disk.write(offset, new Uint8Array(SECTOR_SIZE_BYTES));
    }
  }

  #corruptLog(): void {
    const { machine, history } = this.#cluster;
    const damage = new Damage(this.#config, machine.disk, this.#random, history.opMax);
    for (let count = this.#random.rangeInclusive(32, 1, CORRUPTIONS_MAX); count > 0; count -= 1) {
      const zone = DAMAGED_ZONES[this.#random.index(DAMAGED_ZONES.length)] ?? "walPrepares";
      const kinds = ["bit", "zeros", "garbage"] as const;
      damage.corrupt(zone, kinds[this.#random.index(kinds.length)] ?? "bit");
      this.#coverage.mark(ZONE_MARKS[zone]);
    }
  }

  get #quiet(): boolean {
    return this.#cluster.clients.every(({ state }) => state === "idle");
  }

  /** Lets time pass until the condition holds, or the replica has stopped. */
  #until(condition: () => boolean): void {
    const { machine } = this.#cluster;
    for (let ticks = 0; !condition() && machine.state !== "refused"; ticks += 1) {
      assert(ticks < TICKS_MAX, () => `nothing happens: ${this.#cluster.describe()}`);
      this.#cluster.tick();
      while (this.#cluster.deliver());
      while (machine.step());
      while (this.#cluster.deliver());
    }
  }

  #describeEnd(): string {
    const { machine } = this.#cluster;
    return machine.state === "refused" ? machine.refusal.message : this.#cluster.describe();
  }

  #onIncident(incident: StorageIncident): void {
    if (incident.kind === "misdirected") this.#coverage.mark("misdirected");
    if (incident.kind === "corrupted")
      this.#coverage.mark(incident.zone === "grid" ? "blockCorrupt" : "prepareCorrupt");
  }
}
