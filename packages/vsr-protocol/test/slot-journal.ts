/**
 * A journal without a disk, for tests of what moves the log: every slot's header, and what is known of its prepare, as the
 * test sets them.
 *
 * @module
 */
import { assert } from "@stagbeetle/kernels";
import {
  type Config,
  HEADER_SIZE_BYTES,
  type Journal,
  type JournalReadPurpose,
  type JournalWriting,
  type Message,
  type MessagePool,
  type OpRange,
  PrepareHeader,
} from "@stagbeetle/vsr-protocol";

/** One slot. */
interface Slot {
  header: PrepareHeader | null;
  dirty: boolean;
  faulty: boolean;
  /** The header of the prepare on disk. */
  prepare: PrepareHeader | null;
  writing: PrepareHeader | null;
}

/** What a test puts into a slot. `clean` is a prepare on disk. */
export type SlotState = "clean" | "dirty" | "faulty" | "writing";

export class SlotJournal implements Journal {
  readonly slotCount: number;
  readonly occupiedCount = 0;
  /** Reads that wait for {@link completeReads}. */
  readonly #reads: (() => void)[] = [];
  readonly #slots: Slot[];
  readonly #pool: MessagePool | null;

  /** @param pool where prepares that are read come from; null if none are. */
  constructor(config: Config, pool: MessagePool | null = null) {
    this.slotCount = config.cluster.journalSlotCount;
    this.#pool = pool;
    this.#slots = Array.from({ length: this.slotCount }, () => empty());
  }

  /** Puts a header into its slot, with what is known of its prepare. */
  put(header: PrepareHeader, state: SlotState = "clean"): this {
    const copy = copyOf(header);
    this.#slots[header.op % this.slotCount] = {
      header: copy,
      dirty: state !== "clean",
      faulty: state === "faulty",
      prepare: state === "clean" ? copy : null,
      writing: state === "writing" ? copy : null,
    };
    return this;
  }

  /** Empties the op's slot; `faulty` if something may have been lost there. */
  lose(op: number, state: "clean" | "faulty" = "faulty"): this {
    const faulty = state === "faulty";
    this.#slots[op % this.slotCount] = { ...empty(), dirty: faulty, faulty };
    return this;
  }

  /** The prepare in the op's slot is on disk now. */
  written(op: number): void {
    const { header } = this.#slot(op);
    assert(header !== null, () => `op ${op} is not in the log`);
    this.put(header);
  }

  /** How many reads wait. */
  get readsPending(): number {
    return this.#reads.length;
  }

  /** Lets all reads that were asked for end. */
  completeReads(): void {
    for (const read of this.#reads.splice(0)) read();
  }

  get dirtyCount(): number {
    return this.#slots.filter(({ dirty }) => dirty).length;
  }

  get faultyCount(): number {
    return this.#slots.filter(({ faulty }) => faulty).length;
  }

  get writesPending(): number {
    return this.#slots.filter(({ writing }) => writing !== null).length;
  }

  recover(): void {
    assert(false, "nothing is recovered");
  }

  headerForOp(op: number): PrepareHeader | null {
    return this.#slot(op).header;
  }

  headerWithOp(op: number): PrepareHeader | null {
    const { header } = this.#slot(op);
    return header?.op === op ? header : null;
  }

  headerWithOpAndChecksum(op: number, checksum: bigint): PrepareHeader | null {
    const header = this.headerWithOp(op);
    return header?.checksum === checksum ? header : null;
  }

  opMaximum(): number {
    return Math.max(0, ...this.#slots.map(({ header }) => header?.op ?? 0));
  }

  findLatestHeadersBreakBetween(opMin: number, opMax: number): OpRange | null {
    for (let op = opMax; op > opMin; op -= 1) {
      const parent = this.headerWithOp(op - 1);
      if (parent === null || parent.checksum !== this.headerWithOp(op)?.parent) return { opMin, opMax: op - 1 };
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
    const { prepare } = this.#slot(op);
    return prepare?.op === op && prepare.checksum === checksum;
  }

  hasDirty(op: number): boolean {
    return this.#slot(op).dirty;
  }

  hasFaulty(op: number): boolean {
    return this.#slot(op).faulty;
  }

  setHeaderAsDirty(header: PrepareHeader): void {
    const slot = this.#slot(header.op);
    const old = slot.header;
    assert(old === null || old.op <= header.op, () => `op ${header.op} replaces op ${old?.op}`);
    if (old !== null && old.checksum !== header.checksum) slot.faulty = false;
    slot.header = copyOf(header);
    slot.dirty = true;
  }

  removeEntry(op: number): void {
    const { prepare } = this.#slot(op);
    this.#slots[op % this.slotCount] = { ...empty(), prepare };
  }

  removeEntriesFrom(opMin: number): void {
    for (const { header } of this.#slots) if (header !== null && header.op >= opMin) this.removeEntry(header.op);
  }

  removeDirtyOutside(): void {
    assert(false, "nothing is removed");
  }

  writeAvailable(): boolean {
    return true;
  }

  writing(header: PrepareHeader): JournalWriting {
    const { writing } = this.#slot(header.op);
    if (writing === null) return "none";
    return writing.checksum === header.checksum ? "exact" : "slot";
  }

  writePrepare(): void {
    assert(false, "nothing is written");
  }

  readPrepare(
    op: number,
    checksum: bigint,
    _purpose: JournalReadPurpose,
    callback: (message: Message | null) => void,
  ): void {
    this.#reads.push(() => {
      const { prepare } = this.#slot(op);
      if (prepare === null || prepare.checksum !== checksum || this.#pool === null) return callback(null);
      const message = this.#pool.acquire();
      message.buffer.set(prepare.buffer.subarray(prepare.offset, prepare.offset + HEADER_SIZE_BYTES));
      callback(message);
    });
  }

  readPrepareWithOpAndChecksum(): void {
    assert(false, "nothing is read for others");
  }

  describe(): string {
    return `head ${this.opMaximum()}`;
  }

  #slot(op: number): Slot {
    const slot = this.#slots[op % this.slotCount];
    assert(slot !== undefined, () => `op ${op} has a slot`);
    return slot;
  }
}

function empty(): Slot {
  return { header: null, dirty: false, faulty: false, prepare: null, writing: null };
}

function copyOf(header: PrepareHeader): PrepareHeader {
  return new PrepareHeader(header.buffer.slice(header.offset, header.offset + HEADER_SIZE_BYTES));
}
