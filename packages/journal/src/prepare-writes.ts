/**
 * Making prepares durable (spec 04 §10.1).
 *
 * A write goes through two durable steps: the prepare into its slot of the prepare ring, then its header into the header
 * ring. The order is what recovery lives on: a redundant header on disk proves that its prepare was there.
 *
 * @module
 */
import { assert, type LinearMemory } from "@stagbeetle/kernels";
import {
  type JournalWriting,
  type Message,
  PrepareHeader,
  SECTOR_SIZE_BYTES,
  sectorCeil,
  type Storage,
  StorageRequest,
  type Zone,
} from "@stagbeetle/vsr-protocol";
import { headerSectorIndex } from "./headers.ts";
import type { Slot } from "./slot.ts";
import type { SlotStates } from "./slot-states.ts";
import { storedPaddingZero } from "./stored-prepare.ts";
import { type SectorWrite, WriteLock } from "./write-lock.ts";

/** Told when a write ended: with the message if it is durable and still wanted, else with null. */
export type WriteCallback = (message: Message | null) => void;

/** Where one write stands. `waitingForSector`: another write of the same header sector is running. */
type WriteState = "idle" | "writingPrepare" | "waitingForSector" | "writingHeader";

/** From where a write may go on to where. */
const TRANSITIONS: Readonly<Record<WriteState, readonly WriteState[]>> = {
  idle: ["writingPrepare"],
  writingPrepare: ["waitingForSector", "writingHeader", "idle"],
  waitingForSector: ["writingHeader"],
  writingHeader: ["idle"],
};

/** One write, allocated once and used again and again. */
class PrepareWrite implements SectorWrite<PrepareWrite> {
  readonly request: StorageRequest;
  /** The header sector as it goes to disk, 4096 bytes: a snapshot, because the ring goes on changing. */
  readonly sector: Uint8Array;
  nextInSector: PrepareWrite | null = null;
  #state: WriteState = "idle";
  #prepare: { readonly message: Message; readonly slot: Slot; readonly callback: WriteCallback } | null = null;

  constructor(sector: Uint8Array, onComplete: (write: PrepareWrite) => void) {
    this.sector = sector;
    this.request = new StorageRequest(() => onComplete(this));
  }

  get state(): WriteState {
    return this.#state;
  }

  /** What is being written. */
  get prepare(): { readonly message: Message; readonly slot: Slot } {
    assert(this.#prepare !== null, "the write is idle");
    return this.#prepare;
  }

  get sectorIndex(): number {
    return headerSectorIndex(this.prepare.slot);
  }

  /** Takes a prepare, with a reference of its own. */
  begin(message: Message, slot: Slot, callback: WriteCallback): void {
    this.transition("writingPrepare");
    this.#prepare = { message: message.reference(), slot, callback };
  }

  transition(next: WriteState): void {
    assert(TRANSITIONS[this.#state].includes(next), () => `a write goes from ${this.#state} to ${next}`);
    this.#state = next;
  }

  /** Becomes idle, then tells the caller, who may start the next write from within. */
  end(durable: boolean): void {
    assert(this.#prepare !== null, "the write is idle");
    assert(!this.request.pending && this.nextInSector === null, "nothing is under way any more");
    const { message, callback } = this.#prepare;
    this.#prepare = null;
    this.transition("idle");
    callback(durable ? message : null);
    message.release();
  }
}

/** What the writes are made of. */
export interface PrepareWritesOptions {
  readonly memory: LinearMemory;
  readonly storage: Storage;
  readonly slots: SlotStates;
  /** `message_size_max`: the size of a prepare slot in bytes. */
  readonly slotSizeBytes: number;
  /** How many prepares are written at once. */
  readonly writesMax: number;
  /** Called when a write begins to overwrite what the prepare ring holds in the slot. */
  readonly onOverwrite: (slot: Slot) => void;
}

/** All writes of prepares: `writesMax` at once, one a slot. */
export class PrepareWrites {
  readonly #slots: SlotStates;
  readonly #storage: Storage;
  readonly #slotSizeBytes: number;
  readonly #onOverwrite: (slot: Slot) => void;
  readonly #writes: readonly PrepareWrite[];
  readonly #lock: WriteLock<PrepareWrite>;
  #pending = 0;

  /** Allocates one sector for each write. */
  constructor({ memory, storage, slots, slotSizeBytes, writesMax, onOverwrite }: PrepareWritesOptions) {
    assert(writesMax > 0, () => `${writesMax} writes`);
    this.#slots = slots;
    this.#storage = storage;
    this.#slotSizeBytes = slotSizeBytes;
    this.#onOverwrite = onOverwrite;
    this.#lock = new WriteLock(slots.headersRedundant.bytes.length / SECTOR_SIZE_BYTES);
    const start = memory.allocate(writesMax * SECTOR_SIZE_BYTES, SECTOR_SIZE_BYTES, "journal header sectors");
    this.#writes = Array.from({ length: writesMax }, (_, index) => {
      const at = start + index * SECTOR_SIZE_BYTES;
      return new PrepareWrite(memory.bytes.subarray(at, at + SECTOR_SIZE_BYTES), (write) => this.#onComplete(write));
    });
  }

  /** How many writes are under way. */
  get pending(): number {
    return this.#pending;
  }

  /** How many can be under way. */
  get max(): number {
    return this.#writes.length;
  }

  /** Whether the header's slot is being written, and if so, with the header's own prepare. */
  writing(header: PrepareHeader): JournalWriting {
    const slot = this.#slots.slotForOp(header.op);
    const write = this.#writes.find((candidate) => candidate.state !== "idle" && candidate.prepare.slot === slot);
    if (write === undefined) return "none";
    return write.prepare.message.header.checksum === header.checksum ? "exact" : "slot";
  }

  /**
   * Starts the write of a prepare whose header is in `slots.headers`, whose slot is dirty and not being written.
   *
   * @returns false if no write is free: nothing has happened and the callback is not called.
   */
  start(message: Message, callback: WriteCallback): boolean {
    const header = message.as(PrepareHeader);
    assert(this.#slots.hasHeader(header), () => `op ${header.op} is not in the log`);
    assert(this.writing(header) === "none", () => `the slot of op ${header.op} is being written`);
    assert(storedPaddingZero(message), () => `op ${header.op} is padded with zeros`);
    const write = this.#writes.find((candidate) => candidate.state === "idle");
    if (write === undefined) return false;
    const slot = this.#slots.slotForOp(header.op);
    assert(this.#slots.dirty.bit(slot), () => `op ${header.op} is on disk`);
    write.begin(message, slot, callback);
    this.#pending += 1;
    // From now on, what the slot held may be torn.
    this.#slots.vacate(slot);
    this.#onOverwrite(slot);
    const bytes = message.buffer.subarray(0, sectorCeil(header.size));
    this.#writeSectors(write, "walPrepares", slot * this.#slotSizeBytes, bytes);
    return true;
  }

  #writeSectors(write: PrepareWrite, zone: Zone, offsetInZone: number, buffer: Uint8Array): void {
    this.#storage.writeSectors(write.request, zone, offsetInZone, buffer);
  }

  #onComplete(write: PrepareWrite): void {
    if (write.state === "writingPrepare") this.#onPrepareWritten(write);
    else this.#onHeaderWritten(write);
  }

  #onPrepareWritten(write: PrepareWrite): void {
    const { message, slot } = write.prepare;
    const header = message.as(PrepareHeader);
    this.#slots.inhabit(slot, header.checksum);
    if (!this.#slots.hasHeader(header)) {
      // A view change replaced it. The disk now holds a prepare that is not the one of the slot's header.
      this.#slots.dirty.set(slot);
      this.#end(write, false);
      return;
    }
    this.#slots.headersRedundant.set(slot, header);
    // The snapshot is taken before the write queues for its sector, and of the redundant headers only: a header must not
    // reach the disk before its prepare.
    write.sector.set(this.#slots.headersRedundant.sector(slot));
    if (this.#lock.lockSectors(write)) this.#writeHeader(write);
    else write.transition("waitingForSector");
  }

  #writeHeader(write: PrepareWrite): void {
    write.transition("writingHeader");
    this.#writeSectors(write, "walHeaders", write.sectorIndex * SECTOR_SIZE_BYTES, write.sector);
  }

  #onHeaderWritten(write: PrepareWrite): void {
    assert(write.state === "writingHeader", () => `a header was written in state ${write.state}`);
    const next = this.#lock.unlockSectors(write);
    if (next !== null) this.#writeHeader(next);
    const { message, slot } = write.prepare;
    const header = message.as(PrepareHeader);
    const durable =
      this.#slots.hasHeader(header) &&
      // Else the entry was removed and came back in between.
      this.#slots.headersRedundant.at(slot).checksum === header.checksum &&
      this.#slots.holdsPrepare(slot, header.checksum);
    if (durable) {
      this.#slots.dirty.clear(slot);
      this.#slots.faulty.clear(slot);
    }
    this.#end(write, durable);
  }

  #end(write: PrepareWrite, durable: boolean): void {
    assert(this.#pending > 0, "a write was under way");
    this.#pending -= 1;
    write.end(durable);
  }
}
