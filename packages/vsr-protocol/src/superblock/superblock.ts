/**
 * The superblock: the root of a replica's state, written in place in several copies (spec 04 §7).
 *
 * @module
 */
import { assert, type LinearMemory } from "@stagbeetle/kernels";
import type { CheckpointIds } from "../checkpoint.ts";
import type { Config } from "../config/config.ts";
import { SUPERBLOCK_HEADER_SIZE_BYTES } from "../config/derive.ts";
import { fatal, FatalReason } from "../fatal.ts";
import { memberIndex, type Members } from "../members.ts";
import type { Logger } from "../ports/logger.ts";
import { type Storage, StorageRequest } from "../ports/storage.ts";
import { SECTOR_SIZE_BYTES } from "../sector.ts";
import { SuperBlockImage } from "./image.ts";
import { type QuorumFault, type QuorumPurpose, type QuorumSlots, repairNext, selectQuorum } from "./quorum.ts";
import {
  buildCheckpoint,
  buildFormat,
  buildViewChange,
  buildVirtual,
  type CheckpointUpdate,
  type FormatOptions,
  type ViewChangeUpdate,
} from "./update.ts";
import { superblockInvalid } from "./vsr-state.ts";

/** What a superblock is made of. */
export interface SuperBlockOptions {
  readonly config: Config;
  readonly storage: Storage;
  /** Where the copies live: 8192 bytes times (copies + 4). */
  readonly memory: LinearMemory;
  /** The operator's bound on the data file in bytes. Not stored: it may change with every start. */
  readonly storageSizeLimit: number;
  readonly logger: Logger;
}

/** What can change a superblock. */
export type SuperBlockUpdateKind = "checkpoint" | "viewChange";

/**
 * What the superblock does: `closed` before it was formatted or opened, `open` while it rests.
 *
 * `reading` and `repairing` belong to opening; `writing` and `verifying` to formatting and updating.
 */
export type SuperBlockStatus = "closed" | "reading" | "repairing" | "open" | "writing" | "verifying" | "formatted";

const TRANSITIONS: { readonly [from in SuperBlockStatus]: readonly SuperBlockStatus[] } = {
  closed: ["reading", "writing"],
  reading: ["repairing", "open"],
  repairing: ["open"],
  open: ["writing"],
  writing: ["verifying"],
  verifying: ["writing", "open", "formatted"],
  formatted: [],
};

/** One change: its new state, made when it was asked for, and who waits for it. */
class Update {
  readonly kind: SuperBlockUpdateKind | "format";
  /** Only its state and view headers are used. */
  readonly next: SuperBlockImage;
  #callback: (() => void) | null = null;

  constructor(kind: SuperBlockUpdateKind | "format", next: SuperBlockImage) {
    this.kind = kind;
    this.next = next;
  }

  /** Whether someone waits for it: it is queued or running. */
  get pending(): boolean {
    return this.#callback !== null;
  }

  begin(callback: () => void): void {
    assert(this.#callback === null, () => `a second ${this.kind} before the first is durable`);
    this.#callback = callback;
  }

  /** Makes the update usable again and returns who waits. */
  end(): () => void {
    const callback = this.#callback;
    assert(callback !== null, () => `no ${this.kind} is pending`);
    this.#callback = null;
    return callback;
  }
}

/**
 * Keeps the superblock of one replica in memory and on disk.
 *
 * {@link working} is what is known to be durable; {@link staging} is what is being, or was last, written. Nothing of
 * staging may be shown to anyone before the callback.
 *
 * At most one update runs and one of the other kind waits. Copies are written one after the other, so that a crash
 * damages at most one, then read back one after the other and compared.
 *
 * A disk that loses the superblock ends the process (`FatalError`, from inside a completion of the storage).
 */
export class SuperBlock {
  /** What is known to be durable. */
  readonly working: SuperBlockImage;
  /** What is being, or was last, written. Equal to working while nothing is written. */
  readonly staging: SuperBlockImage;

  readonly #config: Config;
  readonly #storage: Storage;
  readonly #storageSizeLimit: number;
  readonly #logger: Logger;
  /** The copies as read, by slot. */
  readonly #reading: readonly SuperBlockImage[];
  /** The only I/O there is. */
  readonly #request: StorageRequest = new StorageRequest(() => this.#onIo());
  readonly #checkpointUpdate: Update;
  readonly #viewChangeUpdate: Update;
  readonly #formatUpdate: Update;

  #status: SuperBlockStatus = "closed";
  /** The copy being read or written. */
  #copy = 0;
  #running: Update | null = null;
  #waiting: Update | null = null;
  #openCallback: (() => void) | null = null;
  #repairSlots: (number | null)[] = [];
  #members: Members = [];
  #replica = 0;
  #checkpointIds: CheckpointIds = { op: 0, id: 0n, parentId: 0n, grandparentId: 0n };

  constructor({ config, storage, memory, storageSizeLimit, logger }: SuperBlockOptions) {
    assert(storageSizeLimit >= config.derived.dataFileSizeMin, () => `storage limit ${storageSizeLimit}`);
    assert(storageSizeLimit <= config.process.storageSizeLimitMax, () => `storage limit ${storageSizeLimit}`);
    assert(storageSizeLimit % SECTOR_SIZE_BYTES === 0, () => `storage limit ${storageSizeLimit} is not whole sectors`);
    this.#config = config;
    this.#storage = storage;
    this.#storageSizeLimit = storageSizeLimit;
    this.#logger = logger;
    const image = (label: string): SuperBlockImage => {
      const start = memory.allocate(SUPERBLOCK_HEADER_SIZE_BYTES, SECTOR_SIZE_BYTES, label);
      return new SuperBlockImage(config, memory.bytes.subarray(start, start + SUPERBLOCK_HEADER_SIZE_BYTES));
    };
    this.working = image("superblock working");
    this.staging = image("superblock staging");
    this.#reading = Array.from({ length: config.cluster.superblockCopies }, () => image("superblock reading"));
    this.#checkpointUpdate = new Update("checkpoint", image("superblock checkpoint"));
    this.#viewChangeUpdate = new Update("viewChange", image("superblock view change"));
    // Formatting is exclusive, so it borrows the memory of a checkpoint.
    this.#formatUpdate = new Update("format", this.#checkpointUpdate.next);
  }

  get status(): SuperBlockStatus {
    return this.#status;
  }

  /** The 12 ids of the cluster. */
  get members(): Members {
    assert(this.#members.length > 0, "the superblock is not open");
    return this.#members;
  }

  /** The replica's own index among the members; from `replica_count` on, a standby's. */
  get replica(): number {
    assert(this.#members.length > 0, "the superblock is not open");
    return this.#replica;
  }

  /** The ids of the durable checkpoint and of those before it. */
  get checkpointIds(): CheckpointIds {
    assert(this.#members.length > 0, "the superblock is not open");
    return this.#checkpointIds;
  }

  /** Whether an update of this kind runs or waits. */
  updating(kind: SuperBlockUpdateKind): boolean {
    return kind === "checkpoint" ? this.#checkpointUpdate.pending : this.#viewChangeUpdate.pending;
  }

  /** Whether any update runs or waits. */
  get busy(): boolean {
    return this.#running !== null || this.#waiting !== null;
  }

  /** One line for people. */
  describe(): string {
    const { header, vsrState, checkpointHeader } = this.working;
    return (
      `${this.#status} sequence=${header.sequence} checkpoint=${checkpointHeader.op} commit_max=${vsrState.commitMax} ` +
      `view=${vsrState.view} log_view=${vsrState.logView} updating=${this.#running?.kind ?? "none"} waiting=${this.#waiting?.kind ?? "none"}`
    );
  }

  /**
   * Writes the first superblock of a data file, which makes the file one that can be opened: the last step of `format`.
   *
   * @param callback runs when it is durable. This object can do nothing more afterwards.
   */
  format(options: FormatOptions, callback: () => void): void {
    assert(this.#status === "closed", () => `format while ${this.#status}`);
    buildVirtual(this.#config, this.working, options);
    buildFormat(this.#config, this.working, this.#formatUpdate.next, options);
    this.#formatUpdate.begin(callback);
    this.#start(this.#formatUpdate);
  }

  /**
   * Reads the copies, decides which is the superblock, and rewrites the copies that are missing.
   *
   * @param callback runs when the superblock is open; all of it is durable then.
   * @throws FatalError later, from a completion: no superblock can be believed (status 1), or the file is larger than
   * the storage limit (status 4).
   */
  open(callback: () => void): void {
    assert(this.#openCallback === null, "open is called once");
    this.#openCallback = callback;
    this.#transition("reading");
    this.#copy = 0;
    this.#readCopy();
  }

  /** Makes a checkpoint that was taken here durable (spec 04 §7.3). */
  checkpoint(update: CheckpointUpdate, callback: () => void): void {
    assert(!this.#checkpointUpdate.pending, "a second checkpoint before the first is durable");
    buildCheckpoint(this.#config, this.staging, this.#checkpointUpdate.next, update, this.#storageSizeLimit);
    this.#enqueue(this.#checkpointUpdate, callback);
  }

  /** Makes a step of the view, or the checkpoint of another replica, durable (spec 04 §7.4). */
  viewChange(update: ViewChangeUpdate, callback: () => void): void {
    assert(!this.#viewChangeUpdate.pending, "a second view change before the first is durable");
    buildViewChange(this.#config, this.staging, this.#viewChangeUpdate.next, update);
    this.#enqueue(this.#viewChangeUpdate, callback);
  }

  #enqueue(update: Update, callback: () => void): void {
    assert(this.#waiting === null, () => `${update.kind} behind a waiting ${this.#waiting?.kind ?? ""}`);
    assert(this.#running?.kind !== "format", () => `${update.kind} while formatting`);
    update.begin(callback);
    if (this.#running === null) {
      this.#start(update);
    } else {
      this.#waiting = update;
    }
  }

  #start(update: Update): void {
    const { working, staging } = this;
    this.#running = update;
    staging.copyFrom(working);
    staging.header.sequence = working.header.sequence + 1;
    staging.header.parent = working.header.checksum;
    staging.header.vsrState = update.next.header.vsrState;
    staging.setViewHeaders(update.next.viewHeaders());
    staging.header.copy = 0;
    staging.header.checksum = staging.computeChecksum();
    this.#assertWritable();
    this.#log("debug", `${update.kind} begins`);
    this.#transition("writing");
    this.#writeCopy(0);
  }

  /** What must hold for every superblock that reaches the disk. */
  #assertWritable(): void {
    const { working, staging } = this;
    const { header, checkpoint } = staging;
    const invalid = superblockInvalid(this.#config, staging);
    assert(invalid === null, () => `the superblock to be written is not valid: ${invalid ?? ""}`);
    assert(header.releaseFormat > 0 && header.flags === 0n, "the superblock to be written has a release and no flags");
    assert(header.checksumPadding === 0n && header.parentPadding === 0n, "the superblock's paddings are zero");
    assert(header.cluster === working.header.cluster, "the cluster never changes");
    assert(staging.vsrState.replicaId === working.vsrState.replicaId, "the replica's id never changes");
    assert(
      checkpoint.storageSize <= this.#config.process.storageSizeLimitMax,
      () => `storage_size ${checkpoint.storageSize}`,
    );
  }

  /** Writes staging as copy `copy`, into the slot of that number. */
  #writeCopy(copy: number): void {
    assert(copy >= 0 && copy < this.#reading.length, () => `copy ${copy}`);
    this.#copy = copy;
    this.staging.header.copy = copy;
    this.#storage.writeSectors(this.#request, "superblock", this.#copyOffset(copy), this.staging.bytes);
  }

  #readCopy(): void {
    const image = this.#reading[this.#copy];
    assert(image !== undefined, () => `copy ${this.#copy}`);
    this.#storage.readSectors(this.#request, "superblock", this.#copyOffset(this.#copy), image.bytes);
  }

  #copyOffset(copy: number): number {
    return copy * this.#config.derived.superblockCopySize;
  }

  #onIo(): void {
    switch (this.#status) {
      case "writing":
        return this.#onWritten();
      case "reading":
      case "verifying":
        return this.#onRead();
      case "repairing":
        this.#repairSlots[this.#copy] = this.#copy;
        return this.#repair();
      case "closed":
      case "open":
      case "formatted":
        assert(false, () => `an I/O completes while ${this.#status}`);
    }
  }

  #onWritten(): void {
    if (this.#copy + 1 < this.#reading.length) {
      this.#writeCopy(this.#copy + 1);
      return;
    }
    this.staging.header.copy = 0;
    this.#transition("verifying");
    this.#copy = 0;
    this.#readCopy();
  }

  #onRead(): void {
    this.#copy += 1;
    if (this.#copy < this.#reading.length) {
      this.#readCopy();
    } else if (this.#status === "reading") {
      this.#onOpenRead();
    } else {
      this.#onVerifyRead();
    }
  }

  #onOpenRead(): void {
    const slots = this.#choose("open");
    this.#repairSlots = [...slots];
    this.#log("info", "opened");
    if (repairNext(this.#repairSlots) === null) {
      this.#opened();
    } else {
      this.#transition("repairing");
      this.#repair();
    }
  }

  /** Writes the next missing copy, with the same sequence and checksum. Repairs are not read back. */
  #repair(): void {
    const copy = repairNext(this.#repairSlots);
    if (copy === null) {
      this.staging.header.copy = 0;
      this.#opened();
      return;
    }
    this.#logger.log("warn", "superblock: a copy is missing, damaged or misplaced; it is rewritten", { copy });
    this.#writeCopy(copy);
  }

  #opened(): void {
    const callback = this.#openCallback;
    assert(callback !== null, "someone waits for open");
    this.#transition("open");
    callback();
  }

  #onVerifyRead(): void {
    const expected = this.staging.header.checksum;
    this.#choose("verify", expected);
    const finished = this.#running;
    assert(finished !== null, "an update is verified");
    const waiting = this.#waiting;
    this.#running = null;
    this.#waiting = null;
    this.#log("debug", `${finished.kind} is durable`);
    if (waiting !== null) {
      this.#start(waiting);
    } else {
      this.#transition(finished.kind === "format" ? "formatted" : "open");
    }
    const callback = finished.end();
    callback();
  }

  /** Makes the superblock that the copies hold the working one. Returns where its copies were found. */
  #choose(purpose: QuorumPurpose, expected: bigint | null = null): QuorumSlots {
    const result = selectQuorum(this.#config, this.#reading, purpose);
    for (const warning of result.warnings) this.#logger.log("warn", `superblock: ${warning}`);
    if (result.kind === "fault") fatal(FatalReason.cli, faultLine(purpose, result.fault, result.detail));
    const { image } = result;
    if (expected !== null && image.header.checksum !== expected) {
      fatal(FatalReason.cli, faultLine(purpose, "quorumLost", "what was written is not what is read"));
    }
    this.#install(image);
    return result.slots;
  }

  #install(image: SuperBlockImage): void {
    const { working, staging } = this;
    working.copyFrom(image);
    working.header.copy = 0;
    staging.copyFrom(working);
    const { storageSize } = working.checkpoint;
    if (storageSize > this.#storageSizeLimit) {
      fatal(
        FatalReason.storageSizeExceedsLimit,
        `the data file needs ${storageSize} bytes, which exceeds the storage limit of ${this.#storageSizeLimit} bytes: start with a larger --limit-storage`,
      );
    }
    this.#members = working.members();
    const replica = memberIndex(this.#members, working.vsrState.replicaId);
    assert(replica !== null, "a valid superblock names its replica");
    this.#replica = replica;
    this.#checkpointIds = working.checkpointIds();
  }

  #transition(next: SuperBlockStatus): void {
    assert(TRANSITIONS[this.#status].includes(next), () => `the superblock cannot go from ${this.#status} to ${next}`);
    this.#status = next;
  }

  #log(level: "debug" | "info", event: string): void {
    if (!this.#logger.enabled(level)) return;
    const { header, vsrState, checkpointHeader } = this.staging;
    this.#logger.log(level, `superblock: ${event}`, {
      sequence: header.sequence,
      cluster: header.cluster,
      checkpoint: checkpointHeader.op,
      view: vsrState.view,
      logView: vsrState.logView,
      commitMax: vsrState.commitMax,
    });
  }
}

const FAULTS: { readonly [fault in QuorumFault]: string } = {
  notFound: "not found: this is no data file, its format was interrupted, or all copies are damaged",
  quorumLost: "quorum lost: too few copies are intact and equal",
  versionUnknown: "the format's version is unknown: another release wrote this file",
  fork: "fork: there are two different superblocks of one sequence",
  parentSkipped: "parent skipped: newer copies exist than those that have a quorum",
  parentNotConnected: "parent not connected: the copies do not belong to one history",
  vsrStateInvalid: "the content contradicts itself",
  vsrStateNotMonotonic: "the state went backwards",
};

function faultLine(purpose: QuorumPurpose, fault: QuorumFault, detail: string): string {
  const when = purpose === "open" ? "superblock" : "superblock failed verification after writing";
  return `${when}: ${FAULTS[fault]} (${detail})`;
}
