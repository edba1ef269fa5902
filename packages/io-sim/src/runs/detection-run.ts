/**
 * A run with a damaged disk: the replica must serve with all that it ever acknowledged, or say that it cannot and why. It
 * must never answer wrongly, and never hang.
 *
 * @module
 */
import { assert } from "@stagbeetle/kernels";
import { type Config, type Logger, Random, SILENT_LOGGER } from "@stagbeetle/vsr-protocol";

import type { Application } from "../cluster/application.ts";
import { Cluster } from "../cluster/cluster.ts";
import { CONFIGURATIONS } from "../cluster/configurations.ts";
import type { SimulatedDisk } from "../disk.ts";
import { ZonesFaultAtlas } from "../faults/atlas.ts";
import { NO_STORAGE_FAULTS, type StorageFaults } from "../faults/storage-faults.ts";
import type { StorageIncident } from "../storage.ts";
import type { Coverage } from "./coverage.ts";
import { Damage, DAMAGED_ZONES, equal, type Expectation, readZone, ZONE_MARKS } from "./damage.ts";

/** How the disk is damaged. */
export const DETECTION_KINDS = ["corrupt", "lost", "misdirected", "reading", "reply"] as const;

/**
 * `corrupt`: sectors at rest. `lost`: a write that was acknowledged never happened. `misdirected`: it went to another place.
 * `reading`: sectors of the log turn out to be corrupt while the replica reads them. `reply`: stored replies are corrupt while
 * it serves.
 */
export type DetectionKind = (typeof DETECTION_KINDS)[number];

/** How a run ended. */
export interface DetectionRunResult {
  readonly kind: DetectionKind;
  readonly outcome: "served" | "refused";
}

const TICKS_MAX = 5000;
const CORRUPTIONS_MAX = 4;
/** So long a client waits for an answer that will not come. */
const TICKS_UNANSWERED = 200;

/** What a run is made of, beside its seed. */
export interface DetectionRunSetup {
  readonly application: Application;
  readonly coverage: Coverage;
  readonly logger?: Logger;
}

/** Runs one seed. @throws AssertionError for the first thing that is wrong. */
export function runDetection(seed: bigint, setup: DetectionRunSetup): DetectionRunResult {
  const random = new Random(seed);
  const kind = DETECTION_KINDS[random.weighted([8, 3, 3, 3, 1])];
  assert(kind !== undefined, "nothing to choose from");
  const config = random.boolean() ? CONFIGURATIONS.testMin : CONFIGURATIONS.wide;
  const run = new DetectionRun(kind, config, random, setup);
  const outcome = run.run();
  setup.coverage.mark("ticks", run.ticks);
  return { kind, outcome };
}

/** One run. */
class DetectionRun {
  readonly #kind: DetectionKind;
  readonly #config: Config;
  readonly #random: Random;
  readonly #coverage: Coverage;
  readonly #cluster: Cluster;

  constructor(kind: DetectionKind, config: Config, random: Random, setup: DetectionRunSetup) {
    const { application, coverage, logger = SILENT_LOGGER } = setup;
    this.#kind = kind;
    this.#config = config;
    this.#random = random;
    this.#coverage = coverage;
    this.#cluster = new Cluster({
      config,
      application,
      seed: random.u64(),
      clientCount: random.rangeInclusive(32, 1, 4),
      atlas: () => new ZonesFaultAtlas(config, kind === "reading" ? ["walHeaders", "walPrepares"] : DAMAGED_ZONES),
      onIncident: (incident) => this.#onIncident(incident),
      logger,
    });
  }

  /** How much simulated time has passed, in ticks of 10 ms. */
  get ticks(): number {
    return this.#cluster.ticks;
  }

  run(): DetectionRunResult["outcome"] {
    const { machine } = this.#cluster;
    machine.format();
    this.#live(this.#faultsOfFirstLife(), this.#random.index(4));
    const earlier = machine.disk.clone();
    this.#live(this.#faultsOfFirstLife(), this.#random.index(8));
    const expectation = this.#damage(earlier);
    const faults: StorageFaults =
      this.#kind === "reading"
        ? { ...NO_STORAGE_FAULTS, readFault: { numerator: 1, denominator: 20 } }
        : NO_STORAGE_FAULTS;
    const outcome = this.#start(faults);
    if (expectation !== null)
      assert(outcome === expectation, () => `the replica ${outcome}, but it ${expectation}, as it should be`);
    this.#coverage.mark("executedAgain", this.#cluster.history.counts.executedAgain);
    if (outcome === "refuses") return this.#checkRefusal();
    this.#coverage.mark("starts");
    this.#checkService();
    return "served";
  }

  #faultsOfFirstLife(): StorageFaults {
    if (this.#kind !== "misdirected") return NO_STORAGE_FAULTS;
    return { ...NO_STORAGE_FAULTS, writeMisdirect: { numerator: 1, denominator: 10 } };
  }

  /** A life without a crash: start, answer some requests, and stop at rest. */
  #live(faults: StorageFaults, requests: number): void {
    const { machine } = this.#cluster;
    const outcome = this.#start(faults);
    assert(outcome === "serves" || this.#kind === "misdirected", () => `a healthy disk: ${this.#cluster.describe()}`);
    if (outcome === "serves") this.#request(requests);
    machine.crash();
  }

  /** Damages the disk at rest. Returns what must come of it, or null if both can. */
  #damage(earlier: SimulatedDisk): Expectation | null {
    const { machine, history } = this.#cluster;
    const damage = new Damage(this.#config, machine.disk, this.#random, history.opMax);
    switch (this.#kind) {
      case "corrupt":
        this.#corrupt(damage);
        return damage.expectation;
      case "lost": {
        const zone = DAMAGED_ZONES[this.#random.index(DAMAGED_ZONES.length)] ?? "walPrepares";
        if (damage.takeBack(zone, earlier)) this.#coverage.mark("writesLost");
        return damage.expectation;
      }
      case "reply":
        return "serves";
      case "misdirected":
      case "reading":
        return null;
    }
  }

  #corrupt(damage: Damage): void {
    const sectors = this.#random.rangeInclusive(32, 1, CORRUPTIONS_MAX);
    const zones = this.#random.boolean()
      ? DAMAGED_ZONES
      : [DAMAGED_ZONES[this.#random.index(DAMAGED_ZONES.length)] ?? "walPrepares"];
    for (let index = 0; index < sectors; index += 1) {
      const zone = zones[this.#random.index(zones.length)] ?? "walPrepares";
      // A single wrong bit of a superblock may lie in the one byte that does not matter.
      const kinds = zone === "superblock" ? (["zeros", "garbage"] as const) : (["bit", "zeros", "garbage"] as const);
      damage.corrupt(zone, kinds[this.#random.index(kinds.length)] ?? "garbage");
      this.#coverage.mark(ZONE_MARKS[zone]);
    }
  }

  /** Starts the replica and lets it come to a decision. */
  #start(faults: StorageFaults): Expectation {
    const { machine } = this.#cluster;
    machine.start(faults);
    this.#until(() => machine.state === "serving" || machine.state === "refused");
    return machine.state === "serving" ? "serves" : "refuses";
  }

  /** Lets clients make requests, and get their answers. */
  #request(count: number): void {
    const { clients, workload } = this.#cluster;
    for (const client of clients) if (client.state === "new") client.register();
    this.#until(() => this.#quiet);
    for (let requests = 0; requests < count; requests += 1) {
      const client = clients[this.#random.index(clients.length)];
      assert(client !== undefined, "there are clients");
      client.request(workload.next(client.bodySizeMax));
      this.#until(() => this.#quiet);
    }
  }

  /** A replica that refuses says why, leaves the log as it was, and refuses again. */
  #checkRefusal(): DetectionRunResult["outcome"] {
    const { machine } = this.#cluster;
    const { message } = machine.refusal;
    assert(!message.includes("\n") && message.length > 20, () => `not a line for an operator: ${message}`);
    this.#coverage.mark(message.includes("cannot be read back") ? "fatalReplays" : "refusals");
    machine.crash();
    if (this.#kind !== "corrupt" && this.#kind !== "lost") return "refused";
    const before = readZone(this.#config, machine.disk, "walPrepares");
    const outcome = this.#start(NO_STORAGE_FAULTS);
    assert(outcome === "refuses" && machine.refusal.message === message, () => `then the replica ${outcome}`);
    assert(
      equal(before, readZone(this.#config, machine.disk, "walPrepares")),
      "a replica that refuses changes the log",
    );
    return "refused";
  }

  /** A replica that serves has everything, works, and starts again. */
  #checkService(): void {
    const { machine } = this.#cluster;
    this.#probe();
    this.#request(2);
    if (this.#kind === "reply") this.#damageReplies();
    machine.crash();
    const outcome = this.#start(NO_STORAGE_FAULTS);
    if (this.#kind === "misdirected") return;
    assert(outcome === "serves", () => `the replica refuses after it has served: ${machine.refusal.message}`);
    this.#probe();
  }

  /** All replies on the disk become corrupt: who asks again gets no answer, never a wrong one, until the replica starts anew. */
  #damageReplies(): void {
    const { machine, history } = this.#cluster;
    const damage = new Damage(this.#config, machine.disk, this.#random, history.opMax);
    const slots = this.#config.cluster.clientsMax;
    for (let slot = 0; slot < slots; slot += 1) {
      damage.corruptAt("clientReplies", slot * this.#config.cluster.messageSizeMax, "garbage");
      this.#coverage.mark("repliesCorrupt");
    }
    for (const client of this.#cluster.clients) client.probe();
    for (let ticks = 0; ticks < TICKS_UNANSWERED; ticks += 1) this.#tick();
    assert(machine.state === "serving", () => `corrupt replies stop the replica: ${this.#cluster.describe()}`);
  }

  /** Every client asks for the answer to its last request once more. */
  #probe(): void {
    for (const client of this.#cluster.clients) if (client.state === "idle" && client.registered) client.probe();
    this.#until(() => this.#quiet);
    this.#coverage.mark("repeated", this.#cluster.history.counts.repeated);
  }

  get #quiet(): boolean {
    return this.#cluster.clients.every(({ state }) => state === "idle" || state === "new");
  }

  #until(condition: () => boolean): void {
    for (let ticks = 0; !condition(); ticks += 1) {
      assert(ticks < TICKS_MAX, () => `nothing happens: ${this.#cluster.describe()}`);
      this.#tick();
    }
  }

  #tick(): void {
    const { machine } = this.#cluster;
    this.#cluster.tick();
    while (this.#cluster.deliver());
    while (machine.step());
    while (this.#cluster.deliver());
  }

  #onIncident(incident: StorageIncident): void {
    if (incident.kind === "misdirected") this.#coverage.mark("misdirected");
    if (incident.kind !== "corrupted") return;
    this.#coverage.mark(incident.zone === "walHeaders" ? "headersCorrupt" : "prepareCorrupt");
  }
}
