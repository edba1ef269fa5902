/**
 * The journal: the write-ahead log of one replica (spec 04 §9 to §11).
 *
 * @module
 */
import { assert, type LinearMemory } from "@stagbeetle/kernels";
import {
  type Checksums,
  type Config,
  type Journal as JournalPort,
  type JournalReadPurpose,
  type JournalRecovery,
  type JournalRecoveryResult,
  type JournalWriting,
  type Logger,
  type Message,
  type MessagePool,
  type OpRange,
  PrepareHeader,
  SILENT_LOGGER,
  type Storage,
} from "@stagbeetle/vsr-protocol";
import type { BitSet } from "./bit-set.ts";
import { findLatestHeadersBreakBetween } from "./headers-break.ts";
import type { HeaderRing } from "./headers.ts";
import { type PrepareDamage, PrepareReads } from "./prepare-reads.ts";
import { PrepareWrites } from "./prepare-writes.ts";
import { printDecisions } from "./recovery-decisions.ts";
import { Recovery } from "./recovery.ts";
import { type Slot, slotAt, SlotRange } from "./slot.ts";
import { SlotStates } from "./slot-states.ts";

/** What a journal is made of. */
export interface JournalOptions {
  readonly config: Config;
  /** Where rings, bits and buffers live: about 530 bytes a slot and a sector for each write. */
  readonly memory: LinearMemory;
  readonly storage: Storage;
  /** Messages to read into. The journal holds at most {@link journalMessagesMax} of them at once. */
  readonly messagePool: MessagePool;
  readonly checksums: Checksums;
  /** Told about recovery, and about damage found later. */
  readonly logger?: Logger;
}

/** `unusable`: recovery ended with another outcome than `recovered`. */
export type JournalStatus = "init" | "recovering" | "recovered" | "unusable";

/** How many messages of the pool a journal holds at once: one for each read. Written messages are the caller's. */
export function journalMessagesMax(config: Config): number {
  return config.process.journalIopsReadMax;
}

/**
 * Two rings on disk, of prepares and of their headers, and what is known of each slot.
 *
 * Make one, `recover` it once, then read and write. Everything that is asynchronous ends in one call of its callback.
 */
export class Journal implements JournalPort {
  readonly #slots: SlotStates;
  readonly #reads: PrepareReads;
  readonly #writes: PrepareWrites;
  readonly #recovery: Recovery;
  readonly #logger: Logger;
  #status: JournalStatus = "init";
  #solo = false;

  constructor({ config, memory, storage, messagePool, checksums, logger = SILENT_LOGGER }: JournalOptions) {
    const { journalSlotCount, messageSizeMax } = config.cluster;
    const { journalIopsReadMax, journalIopsWriteMax } = config.process;
    assert(messagePool.messageSizeMax === messageSizeMax, () => `messages of ${messagePool.messageSizeMax} bytes`);
    const slots = new SlotStates(memory, journalSlotCount);
    this.#slots = slots;
    this.#logger = logger;
    this.#reads = new PrepareReads({
      storage,
      slots,
      messagePool,
      checksums,
      slotSizeBytes: messageSizeMax,
      readsMax: journalIopsReadMax,
      onDamage: (op, slot, damage) => this.#onDamage(op, slot, damage),
    });
    this.#writes = new PrepareWrites({
      memory,
      storage,
      slots,
      slotSizeBytes: messageSizeMax,
      writesMax: journalIopsWriteMax,
      onOverwrite: (slot) => this.#reads.overwrite(slot),
    });
    this.#recovery = new Recovery({ config, storage, messagePool, checksums, slots });
  }

  get status(): JournalStatus {
    return this.#status;
  }

  /** The headers that belong in the slots. To look at: the methods below change them. */
  get headers(): HeaderRing {
    return this.#slots.headers;
  }

  /** The headers as they are, or are about to be, in the header ring on disk. */
  get headersRedundant(): HeaderRing {
    return this.#slots.headersRedundant;
  }

  /** The slots whose prepare is to be written or fetched. */
  get dirty(): BitSet {
    return this.#slots.dirty;
  }

  /** The slots in which something durable may have been lost. */
  get faulty(): BitSet {
    return this.#slots.faulty;
  }

  get dirtyCount(): number {
    return this.#slots.dirty.count;
  }

  get faultyCount(): number {
    return this.#slots.faulty.count;
  }

  get slotCount(): number {
    return this.#slots.count;
  }

  get occupiedCount(): number {
    let occupied = 0;
    for (let index = 0; index < this.slotCount; index += 1) {
      if (this.#slots.occupied(slotAt(index, this.slotCount))) occupied += 1;
    }
    return occupied;
  }

  get writesPending(): number {
    return this.#writes.pending;
  }

  recover(recovery: JournalRecovery, callback: (result: JournalRecoveryResult) => void): void {
    assert(this.#status === "init", () => `a journal that is ${this.#status} is recovered`);
    this.#status = "recovering";
    this.#solo = recovery.solo;
    this.#recovery.recover(recovery, (result) => {
      this.#status = result.outcome === "recovered" ? "recovered" : "unusable";
      this.#logRecovery(result);
      callback(result);
    });
  }

  headerForOp(op: number): PrepareHeader | null {
    return this.#slots.headerForOp(op);
  }

  headerWithOp(op: number): PrepareHeader | null {
    return this.#slots.headerWithOp(op);
  }

  headerWithOpAndChecksum(op: number, checksum: bigint): PrepareHeader | null {
    return this.#slots.headerWithOpAndChecksum(op, checksum);
  }

  opMaximum(): number {
    return this.#slots.opMaximum();
  }

  findLatestHeadersBreakBetween(opMin: number, opMax: number): OpRange | null {
    return findLatestHeadersBreakBetween(this.#slots, opMin, opMax);
  }

  hasHeader(header: PrepareHeader): boolean {
    return this.#slots.hasHeader(header);
  }

  hasPrepare(header: PrepareHeader): boolean {
    return this.#slots.hasPrepare(header);
  }

  holdsPrepare(op: number, checksum: bigint): boolean {
    return this.#slots.holdsPrepare(this.#slots.slotForOp(op), checksum);
  }

  hasDirty(op: number): boolean {
    return this.#slots.dirty.bit(this.#slots.slotForOp(op));
  }

  hasFaulty(op: number): boolean {
    return this.#slots.faulty.bit(this.#slots.slotForOp(op));
  }

  setHeaderAsDirty(header: PrepareHeader): void {
    this.#assertRecovered();
    this.#slots.setHeaderAsDirty(header);
  }

  removeEntry(op: number): void {
    this.#assertRecovered();
    this.#slots.removeEntry(this.#slots.slotForOp(op));
  }

  removeEntriesFrom(opMin: number): void {
    this.#assertRecovered();
    this.#slots.removeEntriesFrom(opMin);
  }

  removeDirtyOutside(opMin: number, opMax: number): void {
    this.#assertRecovered();
    assert(opMin <= opMax, () => `from op ${opMin} to ${opMax}`);
    const inside = new SlotRange(this.#slots.slotForOp(opMin), this.#slots.slotForOp(opMax));
    if (inside.head === inside.tail) return;
    for (let index = this.dirty.next(0); index !== null; index = this.dirty.next(index + 1)) {
      const slot = slotAt(index, this.slotCount);
      if (!inside.contains(slot)) this.#slots.removeEntry(slot);
    }
  }

  writeAvailable(): boolean {
    return this.#writes.pending < this.#writes.max;
  }

  writing(header: PrepareHeader): JournalWriting {
    return this.#writes.writing(header);
  }

  writePrepare(message: Message, callback: (message: Message | null) => void): void {
    this.#assertRecovered();
    const header = message.as(PrepareHeader);
    const slot = this.#slots.slotForOp(header.op);
    assert(this.#slots.hasHeader(header), () => `op ${header.op} is not in the log`);
    assert(this.writing(header) === "none", () => `the slot of op ${header.op} is being written`);
    assert(!this.#solo || this.writesPending === 0, "alone, a replica writes one prepare after the other");
    if (!this.#slots.dirty.bit(slot)) {
      assert(this.#slots.holdsPrepare(slot, header.checksum), () => `op ${header.op} is clean and not on disk`);
      assert(
        this.headersRedundant.at(slot).checksum === header.checksum,
        () => `op ${header.op} has no redundant header`,
      );
      callback(message);
      return;
    }
    if (!this.#writes.start(message, callback)) callback(null);
  }

  readPrepare(
    op: number,
    checksum: bigint,
    purpose: JournalReadPurpose,
    callback: (message: Message | null) => void,
  ): void {
    this.#assertRecovered();
    if (this.#slots.headerWithOpAndChecksum(op, checksum) === null) callback(null);
    else this.#reads.start(op, checksum, purpose, callback);
  }

  readPrepareWithOpAndChecksum(
    op: number,
    checksum: bigint,
    purpose: JournalReadPurpose,
    callback: (message: Message | null) => void,
  ): void {
    this.#assertRecovered();
    this.#reads.start(op, checksum, purpose, callback);
  }

  describe(): string {
    const parts = [
      `journal ${this.#status}`,
      `head ${this.opMaximum()}`,
      `${this.occupiedCount} of ${this.slotCount} slots used`,
      `dirty ${printSlots(this.dirty)}`,
      `faulty ${printSlots(this.faulty)}`,
      `writing ${this.#writes.pending} of ${this.#writes.max}`,
      `reading ${this.#reads.pending} of ${this.#reads.max}`,
    ];
    return parts.join(", ");
  }

  #assertRecovered(): void {
    assert(this.#status === "recovered", () => `the journal is ${this.#status}`);
  }

  #logRecovery(result: JournalRecoveryResult): void {
    const { decisions } = this.#recovery;
    assert(decisions !== null, "recovery has decided");
    const level = result.outcome === "recovered" ? "info" : "error";
    if (!this.#logger.enabled(level)) return;
    this.#logger.log(level, `journal: ${result.outcome}`, {
      cases: printDecisions(decisions),
      op_max: decisions.opMax,
      dirty: printSlots(this.dirty),
      faulty: printSlots(this.faulty),
    });
  }

  #onDamage(op: number, slot: Slot, damage: PrepareDamage): void {
    if (!this.#logger.enabled("warn")) return;
    this.#logger.log("warn", "journal: a prepare is damaged on disk", { op, slot, damage });
  }
}

const RANGES_PRINTED_MAX = 8;

/** The members of a set as ranges, `3 (7, 12-13)`, the first few of them. */
function printSlots(slots: BitSet): string {
  if (slots.count === 0) return "0";
  const ranges: string[] = [];
  let first = slots.next(0);
  while (first !== null && ranges.length < RANGES_PRINTED_MAX) {
    let last = first;
    while (last + 1 < slots.length && slots.bit(last + 1)) last += 1;
    ranges.push(first === last ? `${first}` : `${first}-${last}`);
    first = slots.next(last + 1);
  }
  return `${slots.count} (${ranges.join(", ")}${first === null ? "" : ", …"})`;
}
