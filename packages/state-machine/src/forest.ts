/**
 * The port to the forest: what a state machine needs of the store beneath it (spec 02 §8, spec 05 §3, §4, §16, §17).
 *
 * A forest consists of grooves. A groove is one tree of objects, keyed by their timestamps, and index trees over them.
 * The state machine declares its grooves as data; the forest lays out, fills, finds and scans them.
 *
 * One operation goes through three phases, and each allows something else:
 *
 * 1. *Prefetch* (asynchronous): `prefetchBegin`, then `enqueue` what will be looked up, `prefetch`, scans. Nothing is
 *    written.
 * 2. *Commit* (synchronous): `get`, `insert`, `update` and the other writes, in scopes where they may have to be undone.
 * 3. *Compact* (asynchronous): the forest brings what was written to its place.
 *
 * Objects are bytes in the forest's memory. A {@link Pointer} says where. It stays good until the next `insert` or
 * `insertOrphan` into the same groove or the end of the commit, whichever comes first; `update` changes an object where it is.
 *
 * @module
 */
import type { Kernels } from "@stagbeetle/kernels";
import type { Direction, GrooveDeclaration, ScanEnd, ScanInspector, TimestampRange } from "@stagbeetle/lsm";
import type { ManifestReferences } from "@stagbeetle/vsr-protocol";

/** An offset in bytes into the forest's memory: a multiple of 8, at least 8. Or {@link NOT_FOUND}, or {@link ORPHANED}. */
export type Pointer = number;

/** What a lookup returns if there is no object, and if the key was burnt by {@link Groove.insertOrphan}. */
export { NOT_FOUND, ORPHANED } from "@stagbeetle/lsm";

/** What scans are asked for, and how they answer, is the same in the trees. Timestamps of a range are valid (`timestamp.ts`). */
export type { Direction, ScanEnd, ScanInspector, TimestampRange } from "@stagbeetle/lsm";

/** The memory that objects live in. The views change only while a forest opens or between two operations. */
export interface ForestMemory {
  readonly bytes: Uint8Array;
  readonly view: DataView;
  /** The same memory in lanes of 32 bits: the object at a pointer begins at lane `pointer / 4`. */
  readonly u32: Uint32Array;
  /** Room that is never given back, zeroed. `label` names it in reports of memory use. */
  allocate(sizeBytes: number, alignment: number, label: string): Pointer;
}

/** How a scope ends: its writes stay, or it is as if they had never been. */
export type ScopeOutcome = "persist" | "discard";

/**
 * What a groove shows of itself to kernels that write many objects in one call: the cache of objects and the newest objects,
 * at `pointer` in lanes that `packages/lsm/src/groove/groove-window.ts` describes.
 */
export interface GrooveWindow {
  readonly pointer: Pointer;
  /** How many more objects can be written. */
  readonly room: number;
  /** How many more entries can be written to the index that is filled by hand; 0 if there is none. */
  readonly entriesRoom: number;
  /** Prepares for up to `inserts` new objects. Not in a scope. */
  open(inserts: number): void;
  /** So many objects were inserted, in the order of their timestamps; or updated, with the values of all their indexes as before. */
  close(inserted: number, updated: number): void;
}

/** The objects of one kind and their indexes. Keys are passed as lanes: four for a u128, two for a timestamp. */
export interface Groove {
  readonly declaration: GrooveDeclaration;
  /** Null if kernels cannot write to the groove. */
  readonly window: GrooveWindow | null;

  /**
   * Asks for the object with this primary key to be in memory when the operation commits. Keys that are zero are never
   * found and need no asking; asking twice is harmless.
   */
  enqueue(keys: Uint32Array, at: number): void;
  /** The same by timestamp, for grooves whose primary key is another one. Timestamps that are not valid are never found. */
  enqueueTimestamp(timestamps: Uint32Array, at: number): void;
  /** Loads what was enqueued. The callback runs once, never from inside the call. */
  prefetch(callback: () => void): void;

  /** The object with this primary key, which was enqueued before or inserted by this operation. */
  get(keys: Uint32Array, at: number): Pointer;
  /** The object with this timestamp, which was enqueued before. Objects inserted by this operation are not seen. */
  getByTimestamp(timestamps: Uint32Array, at: number): Pointer;
  /** Whether the timestamp is greater than that of every object in the tree (`key_max`). */
  newerThanAll(timestamps: Uint32Array, at: number): boolean;

  /** Where the next object to insert is to be composed: its bytes are undefined, all of them must be written. */
  slot(): Pointer;
  /**
   * Inserts the object in the {@link Groove.slot}, with its index entries. Its timestamp is valid and its key is new.
   *
   * @returns where the object is now.
   */
  insert(): Pointer;
  /**
   * Replaces the object at `object` by the one at `replacement`, which has the same key and timestamp and differs in at
   * least one byte. Index entries whose value changed move.
   */
  update(object: Pointer, replacement: Pointer): void;
  /** Burns a primary key: `get` answers {@link ORPHANED} from now on. Not in a scope. */
  insertOrphan(keys: Uint32Array, at: number): void;
  /** Adds the entry (value, timestamp of the object) to an index that is filled by hand. The object was just inserted. */
  putEntry(index: number, values: Uint32Array, at: number, object: Pointer): void;
  /** Removes the entry that the object (or a copy of it, at `object`) has in an index that is derived from it. */
  removeEntry(index: number, object: Pointer): void;

  /** Begins to remember how to undo what follows. Scopes do not nest and do not span operations. */
  scopeOpen(): void;
  scopeClose(outcome: ScopeOutcome): void;
  /** Whether a scope is open. */
  readonly scopeActive: boolean;

  /** The number of an index by its name, for the calls above and for scans. */
  indexOf(name: string): number;
}

declare const scan: unique symbol;

/** A scan that was built and not yet released. Only the forest that built it can look inside. */
export interface Scan {
  readonly [scan]: true;
}

/** What a scan is read into. */
export interface ScanRead {
  /** Whose objects are fetched by the timestamps that the scan yields: the scanned groove or another one. */
  readonly groove: Groove;
  /** Where the objects go, one after the other, in scan order. */
  readonly destination: Pointer;
  /** How many objects to take at most. Once so many were taken, the scan is not looked at again. */
  readonly countMax: number;
  /** Only for scans of a single tree. */
  readonly inspect?: ScanInspector;
}

/** Builds and reads scans, during prefetch only. At most `lsm_scans_max` trees are scanned between two releases. */
export interface Scans {
  /** The objects whose entry in `index` has exactly this value (lanes of the index's kind), by timestamp. */
  prefix(
    groove: Groove,
    index: number,
    values: Uint32Array,
    at: number,
    range: TimestampRange,
    direction: Direction,
  ): Scan;
  /** The objects of a groove by timestamp. */
  objects(groove: Groove, range: TimestampRange, direction: Direction): Scan;
  /** All entries of an index that is not `void` or `unique`, ascending by value and then by timestamp. */
  entries(groove: Groove, index: number): Scan;
  /** The timestamps that at least one operand yields, each once. Operands have the same direction and are used up. */
  union(operands: readonly Scan[]): Scan;
  /** The timestamps that all operands yield. Operands have the same direction and are used up. */
  intersection(operands: readonly Scan[]): Scan;
  /** Reads objects. The callback runs once, never from inside the call, with the count of objects taken. */
  read(scan: Scan, into: ScanRead, callback: (count: number, end: ScanEnd) => void): void;
  /** Ends all scans. */
  release(): void;
}

/** All grooves of a state machine. */
export interface Forest {
  readonly memory: ForestMemory;
  /** Kernels over that memory, if it never changes. */
  readonly kernels: Kernels | null;
  readonly scans: Scans;
  /** Whether `checkpoint` makes the forest durable. */
  readonly checkpoints: boolean;

  /** The groove with this name; the same object every time. */
  groove(name: string): Groove;

  /** Opens the store. Called once. The callback runs once, never from inside the call; so do all callbacks below. */
  open(callback: () => void): void;
  /**
   * Begins the prefetch of the next operation: forgets what was enqueued for the one before.
   *
   * @param snapshot which tables on disk the operation sees (spec 05 §16.1).
   */
  prefetchBegin(snapshot: number): void;
  /** One beat of compaction, after the commit of `op`. */
  compact(op: number, callback: () => void): void;
  /** Writes a checkpoint. Only if `checkpoints`. Acquires all its blocks before it returns. */
  checkpoint(callback: () => void): void;
  /** Where the manifest log of the checkpoint that was written last begins and ends. Only if `checkpoints`. */
  checkpointReferences(): ManifestReferences;
  /** Forgets everything, before a state sync. */
  reset(): void;
}
