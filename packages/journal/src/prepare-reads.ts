/**
 * Reading prepares back, never believing the disk (spec 04 §10.3).
 *
 * @module
 */
import { assert } from "@stagbeetle/kernels";
import {
  type Checksums,
  HEADER_SIZE_BYTES,
  type JournalReadPurpose,
  type Message,
  type MessagePool,
  PrepareHeader,
  SECTOR_SIZE_BYTES,
  sectorCeil,
  type Storage,
  StorageRequest,
} from "@stagbeetle/vsr-protocol";
import { headerBytes } from "./headers.ts";
import type { Slot } from "./slot.ts";
import type { SlotStates } from "./slot-states.ts";
import { storedBodyValid, storedHeaderValid, storedPaddingZero } from "./stored-prepare.ts";

/** Reads that are always left for committing (spec 04 §2): one for the commit loop, one for rebuilding the pipeline. */
const READS_COMMIT_MAX = 2;

/** Told when a read ended: with a message that the callee owns and releases, or with null. */
export type ReadCallback = (message: Message | null) => void;

/** What is wrong with what was read. */
export type PrepareDamage = "header checksum" | "cluster" | "op" | "checksum" | "body checksum" | "padding";

/** Which prepare a read is after. */
interface Wanted {
  readonly op: number;
  readonly checksum: bigint;
  readonly slot: Slot;
  readonly purpose: JournalReadPurpose;
  readonly callback: ReadCallback;
}

/** One read, allocated once and used again and again. */
class PrepareRead {
  readonly request: StorageRequest;
  /** Whether a write to the slot began while it was read, so that the bytes may be of either prepare, or of both. */
  overwritten = false;
  #wanted: Wanted | null = null;
  #message: Message | null = null;

  constructor(onComplete: (read: PrepareRead) => void) {
    this.request = new StorageRequest(() => onComplete(this));
  }

  get idle(): boolean {
    return this.#wanted === null;
  }

  get wanted(): Wanted {
    assert(this.#wanted !== null, "the read is idle");
    return this.#wanted;
  }

  /** What is read into. */
  get message(): Message {
    assert(this.#message !== null, "the read is idle");
    return this.#message;
  }

  begin(wanted: Wanted, message: Message): void {
    assert(this.#wanted === null, "the read is idle");
    this.overwritten = false;
    this.#wanted = wanted;
    this.#message = message;
  }

  /** Becomes idle, then hands the message over, or releases it and hands over null. */
  end(valid: boolean): void {
    const { callback } = this.wanted;
    const { message } = this;
    this.#wanted = null;
    this.#message = null;
    if (!valid) message.release();
    callback(valid ? message : null);
  }
}

/** What the reads are made of. */
export interface PrepareReadsOptions {
  readonly storage: Storage;
  readonly slots: SlotStates;
  readonly messagePool: MessagePool;
  readonly checksums: Checksums;
  /** `message_size_max`: the size of a prepare slot in bytes. */
  readonly slotSizeBytes: number;
  /** How many prepares are read at once, for whatever purpose: more than {@link READS_COMMIT_MAX}. */
  readonly readsMax: number;
  /** Called when what was read is not what was written. The slot is marked already, if it is still the prepare's. */
  readonly onDamage: (op: number, slot: Slot, damage: PrepareDamage) => void;
}

/** All reads of prepares. Those for other replicas leave {@link READS_COMMIT_MAX} to the commit path. */
export class PrepareReads {
  readonly #storage: Storage;
  readonly #slots: SlotStates;
  readonly #messagePool: MessagePool;
  readonly #checksums: Checksums;
  readonly #slotSizeBytes: number;
  readonly #onDamage: (op: number, slot: Slot, damage: PrepareDamage) => void;
  readonly #reads: readonly PrepareRead[];

  constructor(options: PrepareReadsOptions) {
    assert(
      options.readsMax > READS_COMMIT_MAX,
      () => `${options.readsMax} reads, ${READS_COMMIT_MAX} kept for commits`,
    );
    this.#storage = options.storage;
    this.#slots = options.slots;
    this.#messagePool = options.messagePool;
    this.#checksums = options.checksums;
    this.#slotSizeBytes = options.slotSizeBytes;
    this.#onDamage = options.onDamage;
    this.#reads = Array.from({ length: options.readsMax }, () => new PrepareRead((read) => this.#onComplete(read)));
  }

  /** How many reads are under way. */
  get pending(): number {
    return this.#reads.filter((read) => !read.idle).length;
  }

  /** How many can be under way. */
  get max(): number {
    return this.#reads.length;
  }

  /** Reads the prepare with this op and checksum if the prepare ring holds it, whatever the headers say. */
  start(op: number, checksum: bigint, purpose: JournalReadPurpose, callback: ReadCallback): void {
    const slot = this.#slots.slotForOp(op);
    if (!this.#slots.holdsPrepare(slot, checksum)) {
      callback(null);
      return;
    }
    const header = this.#slots.headerWithOpAndChecksum(op, checksum);
    if (header !== null && header.size === HEADER_SIZE_BYTES) {
      callback(this.#fromMemory(header));
      return;
    }
    const read = this.#acquire(purpose);
    if (read === null) {
      callback(null);
      return;
    }
    const message = this.#messagePool.acquire();
    read.begin({ op, checksum, slot, purpose, callback }, message);
    const sizeBytes = header === null ? this.#slotSizeBytes : sectorCeil(header.size);
    const buffer = message.buffer.subarray(0, sizeBytes);
    this.#storage.readSectors(read.request, "walPrepares", slot * this.#slotSizeBytes, buffer);
  }

  /** Tells the reads of a slot that it is being overwritten. */
  overwrite(slot: Slot): void {
    for (const read of this.#reads) {
      if (!read.idle && read.wanted.slot === slot) read.overwritten = true;
    }
  }

  /** A prepare without a body needs no disk: its header is all of it. */
  #fromMemory(header: PrepareHeader): Message {
    const message = this.#messagePool.acquire();
    message.buffer.set(headerBytes(header));
    message.buffer.fill(0, HEADER_SIZE_BYTES, SECTOR_SIZE_BYTES);
    return message;
  }

  #acquire(purpose: JournalReadPurpose): PrepareRead | null {
    const samePurpose = this.#reads.filter((read) => !read.idle && read.wanted.purpose === purpose).length;
    if (purpose === "commit") assert(samePurpose < READS_COMMIT_MAX, () => `${samePurpose} reads for commits already`);
    else if (samePurpose >= this.#reads.length - READS_COMMIT_MAX) return null;
    const read = this.#reads.find((candidate) => candidate.idle);
    assert(read !== undefined, "the purposes share all the reads");
    return read;
  }

  #onComplete(read: PrepareRead): void {
    const { op, checksum, slot } = read.wanted;
    if (read.overwritten || !this.#slots.holdsPrepare(slot, checksum)) {
      read.end(false);
      return;
    }
    const damage = this.#damageOf(read);
    if (damage !== null) this.#markDamaged(op, checksum, slot, damage);
    // Who asked may have known the checksum, and not the op: then nothing is wrong with what is here.
    read.end(damage === null && read.message.as(PrepareHeader).op === op);
  }

  /** The first thing that is wrong with what was read, or null. */
  #damageOf({ message, wanted }: PrepareRead): PrepareDamage | null {
    const header = message.as(PrepareHeader);
    if (!storedHeaderValid(header, this.#checksums, this.#slotSizeBytes)) return "header checksum";
    if (header.cluster !== this.#slots.cluster) return "cluster";
    if (header.checksum !== wanted.checksum) return header.op === wanted.op ? "checksum" : "op";
    if (!storedBodyValid(message, this.#checksums)) return "body checksum";
    if (!storedPaddingZero(message)) return "padding";
    return null;
  }

  #markDamaged(op: number, checksum: bigint, slot: Slot, damage: PrepareDamage): void {
    this.#slots.vacate(slot);
    // Whatever op was asked for: the damage is that of the slot.
    if (this.#slots.occupied(slot) && this.#slots.headers.at(slot).checksum === checksum) {
      this.#slots.dirty.set(slot);
      this.#slots.faulty.set(slot);
    }
    this.#onDamage(op, slot, damage);
  }
}
