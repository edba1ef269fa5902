/**
 * A journal for tests of the replica: prepares in their slots of a memory storage, and nothing else. It writes one prepare
 * at a time and knows no redundant headers, so after a crash a prepare is either whole or not there.
 *
 * @module
 */
import { assert } from "@stagbeetle/kernels";
import {
  type Checksums,
  type Config,
  HEADER_SIZE_BYTES,
  type Journal,
  type JournalReadPurpose,
  type JournalRecovery,
  type JournalRecoveryResult,
  type JournalWriting,
  type Message,
  type MessagePool,
  Operation,
  type OpRange,
  PrepareHeader,
  sectorCeil,
  StorageRequest,
  zoneStart,
} from "@stagbeetle/vsr-protocol";
import type { MemoryStorage } from "./memory-storage.ts";

/** What the journal is made of. */
export interface MemoryJournalOptions {
  readonly config: Config;
  readonly storage: MemoryStorage;
  readonly pool: MessagePool;
  readonly checksums: Checksums;
}

export class MemoryJournal implements Journal {
  /** What the next recovery finds, if the test knows better. */
  outcome: JournalRecoveryResult = { outcome: "recovered" };
  /** Whether reads find damage. */
  damaged: (op: number) => boolean = () => false;
  readonly #options: MemoryJournalOptions;
  /** Ops whose slots may have lost something. */
  readonly faultyOps: Set<number> = new Set();
  readonly #headers: (PrepareHeader | null)[];
  readonly #dirty = new Set<number>();
  readonly #request: StorageRequest = new StorageRequest(() => this.#onWritten());
  #writing: { readonly message: Message; readonly callback: (message: Message | null) => void } | null = null;

  constructor(options: MemoryJournalOptions) {
    this.#options = options;
    this.#headers = Array.from({ length: this.slotCount }, () => null);
  }

  get slotCount(): number {
    return this.#options.config.cluster.journalSlotCount;
  }

  get dirtyCount(): number {
    return this.#dirty.size;
  }

  get faultyCount(): number {
    return this.faultyOps.size;
  }

  get occupiedCount(): number {
    return this.#headers.filter((header) => header !== null).length;
  }

  get writesPending(): number {
    return this.#writing === null ? 0 : 1;
  }

  recover(recovery: JournalRecovery, callback: (result: JournalRecoveryResult) => void): void {
    const { storage } = this.#options;
    storage.nextTick(() => {
      for (let slot = 0; slot < this.slotCount; slot += 1) this.#recoverSlot(recovery, slot);
      callback(this.outcome);
    });
  }

  headerForOp(op: number): PrepareHeader | null {
    return this.#headers[op % this.slotCount] ?? null;
  }

  headerWithOp(op: number): PrepareHeader | null {
    const header = this.headerForOp(op);
    return header?.op === op ? header : null;
  }

  headerWithOpAndChecksum(op: number, checksum: bigint): PrepareHeader | null {
    const header = this.headerWithOp(op);
    return header?.checksum === checksum ? header : null;
  }

  opMaximum(): number {
    return Math.max(0, ...this.#headers.map((header) => header?.op ?? 0));
  }

  findLatestHeadersBreakBetween(opMin: number, opMax: number): OpRange | null {
    for (let op = opMax; op > opMin; op -= 1) {
      const parent = this.headerWithOp(op - 1);
      if (parent?.checksum !== this.headerWithOp(op)?.parent) return { opMin, opMax: op - 1 };
    }
    return null;
  }

  hasHeader(header: PrepareHeader): boolean {
    return this.headerWithOpAndChecksum(header.op, header.checksum) !== null;
  }

  hasPrepare(header: PrepareHeader): boolean {
    return this.hasHeader(header) && !this.hasDirty(header.op);
  }

  holdsPrepare(op: number, checksum: bigint): boolean {
    const header = this.headerWithOpAndChecksum(op, checksum);
    return header !== null && this.hasPrepare(header);
  }

  hasDirty(op: number): boolean {
    return this.#dirty.has(op % this.slotCount);
  }

  hasFaulty(op: number): boolean {
    return this.faultyOps.has(op);
  }

  setHeaderAsDirty(header: PrepareHeader): void {
    const slot = header.op % this.slotCount;
    const old = this.headerForOp(header.op);
    assert(old === null || old.op <= header.op, () => `op ${header.op} replaces op ${old?.op}`);
    this.#headers[slot] = copyOf(header);
    this.#dirty.add(slot);
  }

  removeEntry(op: number): void {
    this.#headers[op % this.slotCount] = null;
  }

  removeEntriesFrom(opMin: number): void {
    for (const header of this.#headers) if (header !== null && header.op >= opMin) this.removeEntry(header.op);
  }

  removeDirtyOutside(opMin: number, opMax: number): void {
    for (const slot of this.#dirty) {
      const op = this.#headers[slot]?.op ?? opMin;
      assert(op >= opMin && op <= opMax, () => `alone, a replica has nothing dirty outside its log: op ${op}`);
    }
  }

  writeAvailable(): boolean {
    return this.#writing === null;
  }

  writing(header: PrepareHeader): JournalWriting {
    return this.#writing?.message.header.checksum === header.checksum ? "exact" : "none";
  }

  writePrepare(message: Message, callback: (message: Message | null) => void): void {
    const { config, storage } = this.#options;
    const header = message.as(PrepareHeader);
    assert(this.#writing === null, "alone, a replica writes one prepare after the other");
    assert(this.hasHeader(header) && this.hasDirty(header.op), () => `op ${header.op} is not to be written`);
    const buffer = message.buffer.subarray(0, sectorCeil(header.size));
    assert(
      buffer.subarray(header.size).every((byte) => byte === 0),
      () => `op ${header.op} is padded with zeros`,
    );
    this.#writing = { message: message.reference(), callback };
    const offset = (header.op % this.slotCount) * config.cluster.messageSizeMax;
    storage.writeSectors(this.#request, "walPrepares", offset, buffer);
  }

  readPrepare(
    op: number,
    checksum: bigint,
    _purpose: JournalReadPurpose,
    callback: (message: Message | null) => void,
  ): void {
    const header = this.headerWithOpAndChecksum(op, checksum);
    const { storage, pool } = this.#options;
    if (header === null || this.damaged(op)) {
      callback(null);
      return;
    }
    const message = pool.acquire();
    message.buffer.set(storage.read(this.#slotStart(op), message.buffer.length));
    if (message.header.checksum !== checksum) {
      message.release();
      callback(null);
      return;
    }
    // As the real one: a prepare without a body needs no disk.
    if (header.size === HEADER_SIZE_BYTES) callback(message);
    else storage.nextTick(() => callback(message));
  }

  readPrepareWithOpAndChecksum(
    op: number,
    checksum: bigint,
    purpose: JournalReadPurpose,
    callback: (message: Message | null) => void,
  ): void {
    this.readPrepare(op, checksum, purpose, callback);
  }

  describe(): string {
    return `head ${this.opMaximum()}`;
  }

  #slotStart(op: number): number {
    const { config } = this.#options;
    return zoneStart(config, "walPrepares") + (op % this.slotCount) * config.cluster.messageSizeMax;
  }

  /** A prepare that is whole is there; anything else was never finished. */
  #recoverSlot(recovery: JournalRecovery, slot: number): void {
    const { config, storage, checksums } = this.#options;
    const bytes = storage.read(this.#slotStart(slot), config.cluster.messageSizeMax);
    const header = new PrepareHeader(bytes);
    if (!checksums.valid(header) || header.cluster !== recovery.cluster || header.operation === Operation.reserved)
      return;
    if (!checksums.validBody(header, bytes.subarray(HEADER_SIZE_BYTES, header.size))) return;
    if (header.op > recovery.opPrepareMax || header.op % this.slotCount !== slot) return;
    this.#headers[slot] = header;
  }

  #onWritten(): void {
    const writing = this.#writing;
    assert(writing !== null, "a write completes");
    this.#writing = null;
    this.#dirty.delete(writing.message.as(PrepareHeader).op % this.slotCount);
    writing.callback(writing.message);
    writing.message.release();
  }
}

function copyOf(header: PrepareHeader): PrepareHeader {
  return new PrepareHeader(header.buffer.slice(header.offset, header.offset + HEADER_SIZE_BYTES));
}
