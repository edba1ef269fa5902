/**
 * Recovery of the journal at start-up (spec 04 §11): read both rings, decide on every slot, repair what can be repaired
 * here, and leave the rest dirty and faulty for the cluster.
 *
 * The phases run one after another: headers, prepares, slots (no I/O), fix, done.
 *
 * @module
 */
import { assert } from "@stagbeetle/kernels";
import {
  type Checksums,
  type Config,
  HEADER_SIZE_BYTES,
  invalidHeader,
  type JournalRecovery,
  type JournalRecoveryResult,
  type Message,
  type MessagePool,
  Operation,
  PrepareHeader,
  SECTOR_SIZE_BYTES,
  sectorCeil,
  type Storage,
  StorageRequest,
  viewForOp,
} from "@stagbeetle/vsr-protocol";
import { isReserved } from "./headers.ts";
import { decide, type Decisions, type RingEntry, type SlotDecision } from "./recovery-decisions.ts";
import { type Slot, slotAt, slotForOp } from "./slot.ts";
import type { SlotStates } from "./slot-states.ts";
import { storedBodyValid, storedHeaderValid, storedPaddingZero } from "./stored-prepare.ts";

/** What recovery works with. */
export interface RecoveryOptions {
  readonly config: Config;
  readonly storage: Storage;
  readonly messagePool: MessagePool;
  readonly checksums: Checksums;
  readonly slots: SlotStates;
}

/** Where recovery stands. */
export type RecoveryPhase = "idle" | "headers" | "prepares" | "slots" | "fix" | "done";

const NEXT_PHASE: Readonly<Record<RecoveryPhase, RecoveryPhase | null>> = {
  idle: "headers",
  headers: "prepares",
  prepares: "slots",
  slots: "fix",
  fix: "done",
  done: null,
};

/** A read of a prepare goes in two steps: the first sector, and the rest only if that promises a longer message. */
type ReadStep = "firstSector" | "rest";

/** One of the reads that go on at once. */
interface RecoveryRead {
  readonly request: StorageRequest;
  message: Message | null;
  slot: Slot | null;
  step: ReadStep;
}

/** Recovers the slots of one journal, once. */
export class Recovery {
  readonly #config: Config;
  readonly #storage: Storage;
  readonly #messagePool: MessagePool;
  readonly #checksums: Checksums;
  readonly #slots: SlotStates;
  readonly #slotCount: number;
  readonly #slotSizeBytes: number;
  readonly #reads: readonly RecoveryRead[];
  readonly #fix: StorageRequest;
  #phase: RecoveryPhase = "idle";
  #recovery: JournalRecovery | null = null;
  #callback: ((result: JournalRecoveryResult) => void) | null = null;
  #decisions: Decisions | null = null;
  /** What of the phase's ring was handed to reads: bytes of headers, or slots of prepares. */
  #started = 0;
  #pending = 0;

  constructor({ config, storage, messagePool, checksums, slots }: RecoveryOptions) {
    this.#config = config;
    this.#storage = storage;
    this.#messagePool = messagePool;
    this.#checksums = checksums;
    this.#slots = slots;
    this.#slotCount = config.cluster.journalSlotCount;
    this.#slotSizeBytes = config.cluster.messageSizeMax;
    this.#reads = Array.from({ length: config.process.journalIopsReadMax }, () => this.#createRead());
    this.#fix = new StorageRequest(() => this.#recoverFixNext());
  }

  get phase(): RecoveryPhase {
    return this.#phase;
  }

  /** What was decided about every slot; null before that. */
  get decisions(): Decisions | null {
    return this.#decisions;
  }

  /** Starts. The callback runs once, never from inside the call. */
  recover(recovery: JournalRecovery, callback: (result: JournalRecoveryResult) => void): void {
    assert(
      recovery.opCheckpoint <= recovery.opPrepareMax,
      () => `checkpoint ${recovery.opCheckpoint}, last op ${recovery.opPrepareMax}`,
    );
    assert(
      recovery.opPrepareMax - recovery.opCheckpoint <= this.#slotCount,
      "the ops after the checkpoint fit the log",
    );
    assert(recovery.logView <= recovery.view, () => `log_view ${recovery.logView} > view ${recovery.view}`);
    this.#recovery = recovery;
    this.#callback = callback;
    this.#slots.begin(recovery.cluster);
    this.#recoverHeaders();
  }

  #createRead(): RecoveryRead {
    const read: RecoveryRead = {
      request: new StorageRequest(() => this.#onRead(read)),
      message: null,
      slot: null,
      step: "firstSector",
    };
    return read;
  }

  #enter(phase: RecoveryPhase): void {
    assert(NEXT_PHASE[this.#phase] === phase, () => `recovery goes from ${this.#phase} to ${phase}`);
    assert(this.#pending === 0, () => `${this.#pending} reads of ${this.#phase} are under way`);
    this.#phase = phase;
    this.#started = 0;
  }

  #onRead(read: RecoveryRead): void {
    this.#pending -= 1;
    if (this.#phase === "headers") this.#recoverHeadersNext(read);
    else this.#onPrepareRead(read);
  }

  /** Reads the header ring as it is, in chunks of the size of a message. */
  #recoverHeaders(): void {
    this.#enter("headers");
    for (const read of this.#reads) this.#recoverHeadersNext(read);
  }

  #recoverHeadersNext(read: RecoveryRead): void {
    const ring = this.#slots.headersRedundant.bytes;
    const offset = this.#started;
    if (offset < ring.length) {
      const end = Math.min(offset + this.#slotSizeBytes, ring.length);
      this.#started = end;
      this.#pending += 1;
      this.#storage.readSectors(read.request, "walHeaders", offset, ring.subarray(offset, end));
    } else if (this.#pending === 0) {
      this.#recoverPrepares();
    }
  }

  /** Reads every slot of the prepare ring; the headers of whole prepares go to `headers`, wherever they belong. */
  #recoverPrepares(): void {
    this.#enter("prepares");
    for (const read of this.#reads) {
      read.message = this.#messagePool.acquire();
      this.#recoverPreparesNext(read);
    }
  }

  #recoverPreparesNext(read: RecoveryRead): void {
    if (this.#started < this.#slotCount) {
      read.slot = slotAt(this.#started, this.#slotCount);
      this.#started += 1;
      this.#readPrepare(read, "firstSector", 0, SECTOR_SIZE_BYTES);
      return;
    }
    read.message?.release();
    read.message = null;
    if (this.#pending === 0) this.#recoverSlots();
  }

  /** Reads bytes `start` to `end` of the read's slot. */
  #readPrepare(read: RecoveryRead, step: ReadStep, start: number, end: number): void {
    const { message, slot } = inProgress(read);
    read.step = step;
    this.#pending += 1;
    const offsetInZone = slot * this.#slotSizeBytes + start;
    this.#storage.readSectors(read.request, "walPrepares", offsetInZone, message.buffer.subarray(start, end));
  }

  #onPrepareRead(read: RecoveryRead): void {
    const { message, slot } = inProgress(read);
    const header = message.as(PrepareHeader);
    if (read.step === "firstSector") {
      if (!storedHeaderValid(header, this.#checksums, this.#slotSizeBytes)) {
        this.#recoverPreparesNext(read);
        return;
      }
      if (header.size > SECTOR_SIZE_BYTES) {
        this.#readPrepare(read, "rest", SECTOR_SIZE_BYTES, sectorCeil(header.size));
        return;
      }
    }
    if (storedBodyValid(message, this.#checksums) && storedPaddingZero(message)) this.#slots.headers.set(slot, header);
    this.#recoverPreparesNext(read);
  }

  /** Decides on every slot and applies the decisions in memory. */
  #recoverSlots(): void {
    this.#enter("slots");
    const { opCheckpoint, opPrepareMax, solo } = this.#given();
    const entries = Array.from({ length: this.#slotCount }, (_, index) => {
      const slot = slotAt(index, this.#slotCount);
      const header = this.#entryOf(this.#slots.headersRedundant.at(slot), slot);
      const prepare = this.#entryOf(this.#slots.headers.at(slot), slot);
      return { header, prepare };
    });
    const writesMax = this.#config.process.journalIopsWriteMax;
    this.#decisions = decide(entries, { opCheckpoint, opPrepareMax, solo, writesMax });
    for (const [index, { decision }] of this.#decisions.slots.entries()) {
      const slot = slotAt(index, this.#slotCount);
      const prepare = entries[index]?.prepare;
      if (prepare?.kind === "prepare") this.#slots.inhabit(slot, prepare.checksum);
      this.#applyDecision(slot, decision);
    }
    this.#dropImpossibleViews();
    this.#recoverFix();
  }

  /** What a header of either ring is worth in a slot. */
  #entryOf(header: PrepareHeader, slot: Slot): RingEntry {
    if (!this.#checksums.valid(header)) return { kind: "bad", parsable: false };
    // The field checks bring what the specification asks for (command, operation) and more than that: what never was
    // a valid prepare is not one because its checksum is right.
    const belongs =
      header.cluster === this.#slots.cluster &&
      invalidHeader(header, this.#config) === null &&
      (isReserved(header) ? header.op === slot : slotForOp(header.op, this.#slotCount) === slot);
    if (!belongs) return { kind: "bad", parsable: true };
    if (isReserved(header)) return { kind: "reserved" };
    return { kind: "prepare", op: header.op, view: header.view, checksum: header.checksum };
  }

  #applyDecision(slot: Slot, decision: SlotDecision["decision"]): void {
    const { headers, headersRedundant, dirty, faulty } = this.#slots;
    dirty.assign(slot, decision === "fix" || decision === "vsr" || decision === "impossible");
    faulty.assign(slot, decision === "vsr" || decision === "impossible");
    // Where both rings agree, `headers` has what it needs: it is the prepare's header.
    if (decision !== "eql" && decision !== "nil" && decision !== "fix") this.#slots.setHeaderReserved(slot);
    if (!keepsEvidence(decision)) headersRedundant.set(slot, headers.at(slot));
  }

  /**
   * Empties slots whose prepare cannot be part of the log that the superblock promises: it was written in a view that the
   * superblock never recorded, or was truncated. It must not become the head.
   *
   * This comes after the decisions, which need the true highest op, and before the fixes are written.
   */
  #dropImpossibleViews(): void {
    const { viewHeaders, logView } = this.#given();
    for (let index = 0; index < this.#slotCount; index += 1) {
      const slot = slotAt(index, this.#slotCount);
      const header = this.#slots.headers.at(slot);
      if (isReserved(header)) continue;
      const views = viewForOp(viewHeaders, header.op, logView);
      if (header.view < views.min || header.view > views.max) this.#slots.removeEntry(slot);
    }
  }

  /** Writes the redundant headers of the slots to fix, sector by sector. A log that cannot be used is left as it is. */
  #recoverFix(): void {
    this.#enter("fix");
    if (this.#result().outcome === "recovered") this.#recoverFixNext();
    else this.#recoverDone();
  }

  #recoverFixNext(): void {
    const first = this.#nextToFix(0);
    if (first === null) {
      this.#recoverDone();
      return;
    }
    const sectorStart = first - (first % (SECTOR_SIZE_BYTES / HEADER_SIZE_BYTES));
    const sectorEnd = sectorStart + SECTOR_SIZE_BYTES / HEADER_SIZE_BYTES;
    for (let slot: Slot | null = first; slot !== null && slot < sectorEnd; slot = this.#nextToFix(slot + 1)) {
      this.#slots.dirty.clear(slot);
    }
    const sector = this.#slots.headersRedundant.sector(first);
    this.#storage.writeSectors(this.#fix, "walHeaders", sectorStart * HEADER_SIZE_BYTES, sector);
  }

  /** The lowest slot from `from` on that is dirty but not faulty. */
  #nextToFix(from: number): Slot | null {
    for (let index = this.#slots.dirty.next(from); index !== null; index = this.#slots.dirty.next(index + 1)) {
      if (!this.#slots.faulty.bit(index)) return slotAt(index, this.#slotCount);
    }
    return null;
  }

  #recoverDone(): void {
    const result = this.#result();
    this.#enter("done");
    if (result.outcome === "recovered") this.#assertRecovered();
    const callback = this.#callback;
    assert(callback !== null, "recovery was started");
    this.#callback = null;
    callback(result);
  }

  #result(): JournalRecoveryResult {
    const { faulty, count } = this.#slots;
    assert(this.#decisions !== null, "the slots are decided on");
    const ahead = this.#decisions.slots.findIndex(({ decision }) => decision === "impossible");
    if (ahead !== -1) return { outcome: "WALAhead", slot: ahead };
    if (faulty.count === count) return { outcome: "WALInvalid" };
    const first = faulty.next(0);
    if (this.#given().solo && first !== null) return { outcome: "WALCorrupt", slot: first, faultyCount: faulty.count };
    return { outcome: "recovered" };
  }

  /** Spec 04 §11.8. */
  #assertRecovered(): void {
    const { headers, headersRedundant, dirty, faulty, count } = this.#slots;
    assert(dirty.count === faulty.count, () => `${dirty.count} slots are dirty, ${faulty.count} faulty`);
    for (let index = 0; index < count; index += 1) {
      const slot = slotAt(index, count);
      const header = headers.at(slot);
      assert(
        this.#checksums.valid(header) && header.cluster === this.#slots.cluster,
        () => `slot ${slot} has a valid header`,
      );
      assert(dirty.bit(slot) === faulty.bit(slot), () => `slot ${slot} is dirty and not faulty`);
      assert(!faulty.bit(slot) || isReserved(header), () => `slot ${slot} is faulty and has op ${header.op}`);
      const kept = this.#decisions?.slots[slot];
      if (kept === undefined || !keepsEvidence(kept.decision)) {
        assert(headersRedundant.at(slot).checksum === header.checksum, () => `slot ${slot} has two headers`);
      }
      if (isReserved(header)) {
        assert(header.op === slot, () => `op ${header.op} is reserved in slot ${slot}`);
      } else {
        assert(slotForOp(header.op, count) === slot, () => `op ${header.op} is in slot ${slot}`);
        assert((header.op === 0) === (header.operation === Operation.root), () => `op ${header.op} in slot ${slot}`);
        assert(this.#slots.holdsPrepare(slot, header.checksum), () => `slot ${slot} holds its prepare`);
      }
    }
  }

  #given(): JournalRecovery {
    assert(this.#recovery !== null, "recovery was started");
    return this.#recovery;
  }
}

/**
 * Whether the slot's redundant header stays as it was found, so that the next write of its sector changes nothing there
 * and, after another crash, the slot is judged on the same evidence. An empty header could make damage look like an empty
 * slot, and a torn prepare like damage.
 */
function keepsEvidence(decision: SlotDecision["decision"]): boolean {
  return decision === "vsr" || decision === "cut_torn" || decision === "impossible";
}

/** The message and slot of a read that is under way. */
function inProgress(read: RecoveryRead): { readonly message: Message; readonly slot: Slot } {
  const { message, slot } = read;
  assert(message !== null && slot !== null, "the read is idle");
  return { message, slot };
}
