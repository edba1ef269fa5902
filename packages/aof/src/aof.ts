/**
 * The append-only file of a replica: every prepare that it commits, in the order in which it commits them (spec 06 §2).
 *
 * ```text
 *   writing ──checkpoint──▶ syncing ──the path leads nowhere──▶ recreating
 *      ▲                       │                                    │
 *      └───────────────────────┴────────────────────────────────────┘
 * ```
 *
 * It borrows its durability from the write-ahead log: until the fsync of a checkpoint, whatever was appended since the last
 * one is still in that log, is committed again after a crash, and is appended again. That is why an entry may be there twice.
 *
 * @module
 */
import { assert } from "@stagbeetle/kernels";
import {
  type AppendOnlyFile,
  Command,
  type Config,
  type Logger,
  type Message,
  PrepareHeader,
  SILENT_LOGGER,
} from "@stagbeetle/vsr-protocol";
import { aofMagic } from "./entry.ts";
import type { AppendFile } from "./file.ts";
import { Iterator, type IteratorOptions } from "./iterator.ts";

/** What the file is doing. */
export type AOFState = "writing" | "syncing" | "recreating";

/** How to make one. */
export interface AOFOptions {
  readonly config: Config;
  /** Open, at its end. What is in it already is neither read nor changed. */
  readonly file: AppendFile;
  readonly logger?: Logger;
}

/** The writer: what a replica has for its port `AppendOnlyFile`. */
export class AOF implements AppendOnlyFile {
  readonly #file: AppendFile;
  readonly #logger: Logger;
  readonly #unflushedMax: number;
  readonly #magic: Uint8Array = aofMagic();
  #state: AOFState = "writing";
  #unflushed = 0;
  /** The checksum of the prepare that was appended last; null before the first. */
  #lastChecksum: bigint | null = null;
  #callback: (() => void) | null = null;

  constructor({ config, file, logger = SILENT_LOGGER }: AOFOptions) {
    this.#file = file;
    this.#logger = logger;
    this.#unflushedMax = config.cluster.journalSlotCount;
  }

  /** Reads what a writer has written. */
  static iterator(options: IteratorOptions): Iterator {
    return new Iterator(options);
  }

  get state(): AOFState {
    return this.#state;
  }

  /** How many prepares were appended since the last fsync: never more than the write-ahead log has slots. */
  get unflushed(): number {
    return this.#unflushed;
  }

  /** Appends a prepare that is about to be executed. @throws whatever the file throws when it cannot be written. */
  write(prepare: Message): void {
    assert(this.#state === "writing", () => `an append while ${this.#state}`);
    assert(this.#unflushed < this.#unflushedMax, () => `${this.#unflushed} appends without a checkpoint`);
    assert(prepare.header.command === Command.prepare, () => `command ${prepare.header.command} is appended`);
    const { checksum, parent, op } = prepare.as(PrepareHeader);
    if (parent !== this.#lastChecksum) {
      this.#logger.log("info", `${this.#file.path}: a new chain begins`, { op, parent: hex(parent) });
    }
    this.#file.append([this.#magic, prepare.bytes()]);
    this.#lastChecksum = checksum;
    this.#unflushed += 1;
  }

  /**
   * Makes durable what was appended. If the file was moved away since, the next one is begun at its path. The callback runs
   * once, never from inside the call.
   */
  checkpoint(callback: () => void): void {
    assert(this.#state === "writing" && this.#callback === null, () => `a checkpoint while ${this.#state}`);
    assert(this.#unflushed <= this.#unflushedMax, () => `${this.#unflushed} appends without a checkpoint`);
    this.#callback = callback;
    this.#state = "syncing";
    this.#file.sync(() => this.#synced());
  }

  /**
   * The replica takes over a newer checkpoint by state sync: what was appended so far will not be committed again by it, so
   * nothing hangs on its being durable. A checkpoint that is under way goes on.
   */
  stateSynced(): void {
    this.#unflushed = 0;
  }

  /** Forgets what is under way, as a replica does that is made anew on the same file. Its callback never runs. */
  reset(): void {
    this.#state = "writing";
    this.#unflushed = 0;
    this.#callback = null;
  }

  #synced(): void {
    if (this.#state !== "syncing") return;
    this.#unflushed = 0;
    if (this.#file.pathTarget() !== "nothing") {
      this.#checkpointed();
      return;
    }
    this.#logger.log("info", `${this.#file.path}: it was moved or removed, a new one is begun`);
    this.#state = "recreating";
    this.#file.recreate(() => {
      if (this.#state === "recreating") this.#checkpointed();
    });
  }

  #checkpointed(): void {
    const { path } = this.#file;
    const target = this.#file.pathTarget();
    if (target === "another") {
      this.#logger.log("error", `${path}: the path leads to another file than the one that is written`);
      this.#logger.log("error", `${path}: move that other file away, so that it can be made anew`);
    }
    if (target === "unknown") this.#logger.log("warn", `${path}: nobody can tell where the path leads`);
    const callback = this.#callback;
    assert(callback !== null, "someone waits for the checkpoint");
    this.#callback = null;
    this.#state = "writing";
    callback();
  }
}

function hex(checksum: bigint): string {
  return checksum.toString(16).padStart(32, "0");
}
