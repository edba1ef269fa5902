/**
 * What the journal knows of every slot, and how that is edited (spec 04 §9, §10.4).
 *
 * @module
 */
import { assert, type LinearMemory } from "@stagbeetle/kernels";
import { type PrepareHeader, writeReservedPrepare } from "@stagbeetle/vsr-protocol";
import { BitSet } from "./bit-set.ts";
import { ChecksumRing } from "./checksum-ring.ts";
import { HeaderRing, isReserved } from "./headers.ts";
import { type Slot, slotAt, slotForOp } from "./slot.ts";

/**
 * The six facts of a slot. Two of them are votes in the cluster: *dirty* but not faulty means "I never had this", which
 * lets others drop the op; *faulty* means "I may have had it", which must never be denied.
 */
export class SlotStates {
  /** How many slots there are. */
  readonly count: number;
  /** The header that belongs in the slot, as this replica believes; set before the prepare is written. */
  readonly headers: HeaderRing;
  /** The header to be written to the header ring; set only once its prepare is on disk. */
  readonly headersRedundant: HeaderRing;
  /** The prepare of `headers` is not known to be on disk: it is to be written, or fetched. */
  readonly dirty: BitSet;
  /** Something durable in the slot was, or may have been, lost. Implies dirty. */
  readonly faulty: BitSet;
  /** The prepare ring holds a valid prepare in the slot, wanted or not. */
  readonly prepareInhabited: BitSet;
  /** The header checksum of that prepare; 0 if there is none. */
  readonly prepareChecksums: ChecksumRing;
  #cluster = 0n;

  /** Allocates about 530 bytes a slot. */
  constructor(memory: LinearMemory, slotCount: number) {
    this.count = slotCount;
    this.headers = new HeaderRing(memory, slotCount, "journal headers");
    this.headersRedundant = new HeaderRing(memory, slotCount, "journal redundant headers");
    this.dirty = new BitSet(memory, slotCount, "journal dirty");
    this.faulty = new BitSet(memory, slotCount, "journal faulty");
    this.prepareInhabited = new BitSet(memory, slotCount, "journal prepares inhabited");
    this.prepareChecksums = new ChecksumRing(memory, slotCount, "journal prepare checksums");
    this.dirty.fill();
    this.faulty.fill();
  }

  /** The cluster whose prepares the slots hold; 0 until recovery says which. */
  get cluster(): bigint {
    return this.#cluster;
  }

  /** Says which cluster the log belongs to. Once, when recovery begins. */
  begin(cluster: bigint): void {
    assert(this.dirty.count === this.count && this.faulty.count === this.count, "the slots are as new");
    this.#cluster = cluster;
  }

  /** The slot of an op. */
  slotForOp(op: number): Slot {
    return slotForOp(op, this.count);
  }

  /** The header in the op's slot unless it is reserved; its op may be another one. */
  headerForOp(op: number): PrepareHeader | null {
    const header = this.headers.at(this.slotForOp(op));
    if (isReserved(header)) return null;
    assert(header.op % this.count === op % this.count, () => `op ${header.op} is not in its slot`);
    return header;
  }

  /** The header with exactly this op. */
  headerWithOp(op: number): PrepareHeader | null {
    const header = this.headerForOp(op);
    return header !== null && header.op === op ? header : null;
  }

  /** The header with exactly this op and header checksum. */
  headerWithOpAndChecksum(op: number, checksum: bigint): PrepareHeader | null {
    const header = this.headerWithOp(op);
    return header !== null && header.checksum === checksum ? header : null;
  }

  /** The highest op of all headers; 0 if there is none. */
  opMaximum(): number {
    let opMaximum = 0;
    for (let index = 0; index < this.count; index += 1) {
      const header = this.headers.at(slotAt(index, this.count));
      if (!isReserved(header) && header.op > opMaximum) opMaximum = header.op;
    }
    return opMaximum;
  }

  /** Whether the slot's header is not a reserved one. */
  occupied(slot: Slot): boolean {
    return !isReserved(this.headers.at(slot));
  }

  /** Whether exactly this header is in its slot. */
  hasHeader(header: PrepareHeader): boolean {
    return this.headerWithOpAndChecksum(header.op, header.checksum) !== null;
  }

  /** Whether the prepare of this header is durable here. */
  hasPrepare(header: PrepareHeader): boolean {
    const slot = this.slotForOp(header.op);
    if (!this.hasHeader(header) || this.dirty.bit(slot)) return false;
    assert(this.holdsPrepare(slot, header.checksum), () => `the clean slot ${slot} holds its prepare`);
    return true;
  }

  /** Whether the prepare ring holds a prepare with this checksum in the slot, wanted or not. */
  holdsPrepare(slot: Slot, checksum: bigint): boolean {
    return this.prepareInhabited.bit(slot) && this.prepareChecksums.at(slot) === checksum;
  }

  /** Notes that the prepare ring holds a valid prepare in the slot. */
  inhabit(slot: Slot, checksum: bigint): void {
    this.prepareInhabited.set(slot);
    this.prepareChecksums.set(slot, checksum);
  }

  /** Notes that the prepare ring holds nothing of use in the slot, or that this is about to be so. */
  vacate(slot: Slot): void {
    this.prepareInhabited.clear(slot);
    this.prepareChecksums.set(slot, 0n);
  }

  /** Takes over a header whose prepare is still to come. */
  setHeaderAsDirty(header: PrepareHeader): void {
    assert(!isReserved(header), () => `a reserved header for op ${header.op} is no prepare`);
    const slot = this.slotForOp(header.op);
    const old = this.headers.at(slot);
    if (this.hasHeader(header)) {
      assert(this.dirty.bit(slot), () => `op ${header.op} is on disk`);
      return;
    }
    assert(old.op <= header.op, () => `op ${header.op} would replace op ${old.op}`);
    if (!isReserved(old)) {
      // The log held another prepare, so it surely did not hold this one: it may be denied to the cluster. Below an empty
      // header the slot may have held this very prepare before a crash, so there the faulty bit stays as it is.
      this.faulty.clear(slot);
      this.#setReserved(this.headersRedundant, slot);
    }
    this.headers.set(slot, header);
    this.dirty.set(slot);
  }

  /**
   * Empties a slot in memory. What the disk holds is left alone and still known: it may be wanted again after the next
   * view change.
   */
  removeEntry(slot: Slot): void {
    this.#setReserved(this.headers, slot);
    this.#setReserved(this.headersRedundant, slot);
    this.dirty.clear(slot);
    this.faulty.clear(slot);
  }

  /** Empties every slot whose op is at least `opMin`, reserved headers (whose op is the slot) included. */
  removeEntriesFrom(opMin: number): void {
    assert(opMin > 0, "the root is never removed");
    for (let index = 0; index < this.count; index += 1) {
      const slot = slotAt(index, this.count);
      if (this.headers.at(slot).op >= opMin) this.removeEntry(slot);
    }
  }

  /** Makes the slot's header, but not its redundant one, a reserved one. */
  setHeaderReserved(slot: Slot): void {
    this.#setReserved(this.headers, slot);
  }

  #setReserved(ring: HeaderRing, slot: Slot): void {
    writeReservedPrepare(ring.at(slot), this.#cluster, slot);
  }
}
