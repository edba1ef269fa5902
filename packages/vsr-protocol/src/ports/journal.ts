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

/** The log of prepares on disk: two rings of `journal_slot_count` slots. The slot of an op is op modulo the count. */
export interface Journal {
  /** Reads both rings, decides on every slot and repairs what it can by itself. The callback runs once. */
  recover(recovery: JournalRecovery, callback: () => void): void;

  /** The header in the op's slot unless it is reserved; its op may be another one. A view into the journal's own memory. */
  headerForOp(op: number): PrepareHeader | null;
  /** The header with exactly this op. */
  headerWithOp(op: number): PrepareHeader | null;
  /** The header with exactly this op and header checksum. */
  headerWithOpAndChecksum(op: number, checksum: bigint): PrepareHeader | null;
  /** The highest op of all headers; 0 if there is none. */
  opMaximum(): number;

  /** Whether the prepare of this header is durable here and nothing newer took its slot. */
  hasPrepare(header: PrepareHeader): boolean;
  /** Whether the prepare in the op's slot is still to be written or fetched. */
  hasDirty(op: number): boolean;
  /** Whether something durable may have been lost in the op's slot. Implies dirty. */
  hasFaulty(op: number): boolean;
  /** How many slots are dirty. */
  readonly dirtyCount: number;
  /** How many slots are faulty. */
  readonly faultyCount: number;
  readonly slotCount: number;

  /** Takes over a header whose prepare is still to come (spec 04 §10.4). */
  setHeaderAsDirty(header: PrepareHeader): void;
  /** Empties the op's slot in memory. */
  removeEntry(op: number): void;
  /** Empties every slot whose op is at least `opMin`. */
  removeEntriesFrom(opMin: number): void;

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
   * if it is not there, damaged (then the slot is marked dirty and faulty), or no read was available.
   */
  readPrepare(
    op: number,
    checksum: bigint,
    purpose: JournalReadPurpose,
    callback: (message: Message | null) => void,
  ): void;

  /** One line for people: slots that are dirty, faulty, and the head. */
  describe(): string;
}
