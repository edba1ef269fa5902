/**
 * The port to the write-ahead log (spec 04 §9 to §11).
 *
 * @module
 */
import type { Message } from "../message/message.ts";
import type { PrepareHeader } from "../message/prepare.ts";

/** Why a prepare is read: to be committed here, or for another replica. Reads for others are fewer, so that commits never wait for them. */
export type JournalReadPurpose = "commit" | "repair";

/** Whether a slot is being written, and with which prepare. */
export type JournalWriting = "none" | "slot" | "exact";

/** What the journal must know of the superblock and the replica to recover. */
export interface JournalRecovery {
  readonly cluster: bigint;
  /** The op of the checkpoint. */
  readonly opCheckpoint: number;
  /** The highest op that may be in the log: `prepareMax` of the next checkpoint. */
  readonly opPrepareMax: number;
  readonly view: number;
  readonly logView: number;
  /** The superblock's view headers, highest op first. */
  readonly viewHeaders: readonly PrepareHeader[];
  /** Whether the replica is alone and must repair by itself what it can. */
  readonly solo: boolean;
}

/**
 * How recovery ended. All but `recovered` end the start of the replica, with nothing on disk changed.
 *
 * - `WALInvalid`: no slot at all could be believed.
 * - `WALCorrupt`: the replica is alone and slots are damaged; nobody can repair them. `slot` is the lowest one.
 * - `WALAhead`: the replica is alone and its log holds ops above `opPrepareMax`, which it cannot have written: the
 *   superblock is older than the log.
 */
export type JournalRecoveryResult =
  | { readonly outcome: "recovered" }
  | { readonly outcome: "WALInvalid" }
  | { readonly outcome: "WALCorrupt"; readonly slot: number; readonly faultyCount: number }
  | { readonly outcome: "WALAhead"; readonly slot: number };

/** Ops from `opMin` to `opMax`, both included. */
export interface OpRange {
  readonly opMin: number;
  readonly opMax: number;
}

/** The log of prepares on disk: two rings of `journal_slot_count` slots. The slot of an op is op modulo the count. */
export interface Journal {
  /** Reads both rings, decides on every slot and repairs what it can by itself. The callback runs once, never from inside the call. */
  recover(recovery: JournalRecovery, callback: (result: JournalRecoveryResult) => void): void;

  /** The header in the op's slot unless it is reserved; its op may be another one. A view into the journal's own memory. */
  headerForOp(op: number): PrepareHeader | null;
  /** The header with exactly this op. */
  headerWithOp(op: number): PrepareHeader | null;
  /** The header with exactly this op and header checksum. */
  headerWithOpAndChecksum(op: number, checksum: bigint): PrepareHeader | null;
  /** The highest op of all headers; 0 if there is none. */
  opMaximum(): number;
  /**
   * The newest run of ops from `opMin` to `opMax` whose headers are missing or not hash-chained to the head, or null
   * (spec 04 §10.5). The header of `opMax` must be there; it is never part of the break.
   */
  findLatestHeadersBreakBetween(opMin: number, opMax: number): OpRange | null;

  /** Whether exactly this header is in its slot. */
  hasHeader(header: PrepareHeader): boolean;
  /** Whether the prepare of this header is durable here and nothing newer took its slot. */
  hasPrepare(header: PrepareHeader): boolean;
  /**
   * Whether the disk holds a valid prepare with this checksum in the op's slot, whatever the headers, dirty and faulty
   * say: what a `join_view` calls present (spec 03 §18.3).
   */
  holdsPrepare(op: number, checksum: bigint): boolean;
  /** Whether the prepare in the op's slot is still to be written or fetched. */
  hasDirty(op: number): boolean;
  /** Whether something durable may have been lost in the op's slot. Implies dirty. */
  hasFaulty(op: number): boolean;
  /** How many slots are dirty. */
  readonly dirtyCount: number;
  /** How many slots are faulty. */
  readonly faultyCount: number;
  readonly slotCount: number;
  /** How many slots have a header that is not reserved: how full the log is, for metrics. Looks at every slot. */
  readonly occupiedCount: number;

  /** Takes over a header whose prepare is still to come (spec 04 §10.4). */
  setHeaderAsDirty(header: PrepareHeader): void;
  /** Empties the op's slot in memory. */
  removeEntry(op: number): void;
  /** Empties every slot whose op is at least `opMin`. */
  removeEntriesFrom(opMin: number): void;
  /** Empties every dirty slot outside the slots of `opMin` to `opMax`, around the end of the ring (spec 03 §20.1, step 10). */
  removeDirtyOutside(opMin: number, opMax: number): void;

  /** Whether a write can start now. While not, the bus holds prepares back. */
  writeAvailable(): boolean;
  /** How many prepares are being written. */
  readonly writesPending: number;
  /** Whether the header's slot is being written. */
  writing(header: PrepareHeader): JournalWriting;
  /**
   * Makes a prepare durable, then its redundant header. `callback(message)` when both are on disk and still wanted,
   * `callback(null)` when they are not, or when no write was available. May call back synchronously when the slot is clean.
   */
  writePrepare(message: Message, callback: (message: Message | null) => void): void;
  /**
   * Reads the prepare with this op and header checksum. The callback gets a message it owns (and must release) or null
   * if the headers do not have it, the disk does not, it is damaged (then the slot is marked dirty and faulty), or all
   * reads for repair are taken. At most two reads for committing may be under way.
   *
   * May call back synchronously. The journal does not know the replica's head: who truncates while reading compares
   * the op once more.
   */
  readPrepare(
    op: number,
    checksum: bigint,
    purpose: JournalReadPurpose,
    callback: (message: Message | null) => void,
  ): void;
  /** As `readPrepare`, but asks only whether the disk holds the prepare, not the headers: serves `get_prepare`. */
  readPrepareWithOpAndChecksum(
    op: number,
    checksum: bigint,
    purpose: JournalReadPurpose,
    callback: (message: Message | null) => void,
  ): void;

  /** One line for people: slots that are dirty, faulty, and the head. */
  describe(): string;
}
