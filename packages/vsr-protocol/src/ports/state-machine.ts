/**
 * The port to the state machine: what the replica needs of the thing that it replicates (spec 02 §1, §7, §19; spec 03 §16).
 *
 * All of it is deterministic: the same committed operations give the same replies and the same stored bytes everywhere.
 *
 * @module
 */
import type { ManifestReferences } from "../block-reference.ts";

/** One committed operation, handed to `prefetch` and then to `commit`. */
export interface Committing {
  /** The client's id; 0 for operations of the cluster itself. */
  readonly client: bigint;
  readonly op: number;
  /** The prepare's timestamp in nanoseconds: the last one of its batch. */
  readonly timestamp: bigint;
  /** The operation as in the header (u8): 128 and above, or `pulse` (4). */
  readonly operation: number;
  /** The body of the prepare, in the replica's linear memory. */
  readonly body: Uint8Array;
}

/**
 * A replicated state machine.
 *
 * Methods with a callback are asynchronous: the callback runs once, never from inside the call, and no second call of
 * the same kind is made before it.
 */
export interface StateMachine {
  /** Whether `checkpoint` makes the state durable. If not, the replica takes requests only as long as its log can hold them all. */
  readonly checkpoints: boolean;
  /** The newest timestamp given to a prepare by this primary, in nanoseconds. */
  prepareTimestamp: bigint;
  /** The timestamp of the last committed prepare, in nanoseconds. */
  commitTimestamp: bigint;

  /** Opens the store: as of the checkpoint that the superblock refers to. Called once before anything is committed. */
  open(callback: () => void): void;
  /**
   * Whether the operation (u8, ≥ 128, or `pulse`) is one of this state machine. One that ever needs a pulse has that operation.
   */
  operationValid(operation: number): boolean;
  /**
   * Whether a body may enter the log: of a request, or of a prepare that another replica sent. Never throws, whatever the bytes.
   * Asked at any time, before `open` has ended and between `prefetch` and `commit`, too. Depends on nothing but the bytes and
   * what all replicas have in common: what one replica takes, all others have to take.
   */
  inputValid(operation: number, body: Uint8Array): boolean;
  /** Advances `prepareTimestamp` by the timestamps that the body's events need. */
  prepare(operation: number, body: Uint8Array): void;
  /** Whether the primary should add a `pulse` to the log at `timestamp`. */
  pulseNeeded(timestamp: bigint): boolean;
  /**
   * Loads into memory all that `commit` of the same operation may read.
   *
   * @param snapshot the snapshot that scans see (spec 03 §16.4).
   */
  prefetch(committing: Committing, snapshot: number, callback: () => void): void;
  /**
   * Executes the operation and writes its result to `output` (`message_body_size_max` bytes of linear memory).
   *
   * @returns the result's size in bytes.
   */
  commit(committing: Committing, output: Uint8Array): number;
  /**
   * One beat of compaction for `op`, after its commit. Ops up to the trigger of the checkpoint that was opened are replayed
   * to refill memory: their compaction is in the checkpoint, and must not be done again (spec 04 §22).
   */
  compact(op: number, callback: () => void): void;
  /**
   * Writes a checkpoint: the state as of the bar before the last one. Called only if `checkpoints`, right after the
   * compaction of its trigger. Acquires and releases all its blocks, and hands over all writes, before it returns: the free
   * set is encoded right after.
   */
  checkpoint(callback: () => void): void;
  /** What the superblock keeps of the checkpoint that was written last. Called only once that is durable. */
  checkpointReferences(): ManifestReferences;
  /** Forgets everything but its options, before a state sync. */
  reset(): void;
}
