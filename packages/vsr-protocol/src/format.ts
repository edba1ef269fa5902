/**
 * Formatting: what a new data file contains (spec 04 §25).
 *
 * @module
 */
import { assert, type LinearMemory } from "@stagbeetle/kernels";
import type { Config } from "./config/config.ts";
import { HEADER_SIZE_BYTES } from "./message/frame.ts";
import { PrepareHeader } from "./message/prepare.ts";
import { writeReservedPrepare, writeRootPrepare } from "./message/special-prepares.ts";
import type { Logger } from "./ports/logger.ts";
import { type Storage, StorageRequest } from "./ports/storage.ts";
import { SECTOR_SIZE_BYTES } from "./sector.ts";
import { SuperBlock } from "./superblock/superblock.ts";
import type { FormatOptions } from "./superblock/update.ts";

/** What a data file is formatted with and on. */
export interface FormatDataFileOptions extends FormatOptions {
  readonly config: Config;
  /** The file: at least `dataFileSizeMin` bytes, all zero. */
  readonly storage: Storage;
  readonly memory: LinearMemory;
  readonly logger: Logger;
}

/**
 * Formats a data file: the write-ahead log first, then the superblock. Whoever stops in between leaves a file without a
 * superblock, which cannot be opened.
 *
 * Client replies and grid are not written: a new file is zero there, and nothing refers to them.
 *
 * @param callback runs when everything is durable.
 */
export function formatDataFile(options: FormatDataFileOptions, callback: () => void): void {
  const { config, storage, memory, logger } = options;
  const superblock = new SuperBlock({
    config,
    storage,
    memory,
    storageSizeLimit: config.process.storageSizeLimitMax,
    logger,
  });
  const log = new LogFormat(options, () => superblock.format(options, callback));
  log.start();
}

/** Writes the two rings of the log: all headers at once, and one sector of each prepare, several at a time. */
class LogFormat {
  readonly #config: Config;
  readonly #storage: Storage;
  readonly #callback: () => void;
  /** The ring of headers, `journal_slot_count` × 256 bytes: also what the prepares are copied from. */
  readonly #headers: Uint8Array;
  readonly #sectors: readonly PrepareSector[];
  readonly #headersRequest: StorageRequest = new StorageRequest(() => this.#onWritten());
  #slotNext = 0;
  #writing = 0;

  constructor({ config, storage, memory, cluster }: FormatDataFileOptions, callback: () => void) {
    this.#config = config;
    this.#storage = storage;
    this.#callback = callback;
    const start = memory.allocate(config.derived.journalSizeHeaders, SECTOR_SIZE_BYTES, "format headers");
    this.#headers = memory.bytes.subarray(start, start + config.derived.journalSizeHeaders);
    this.#sectors = Array.from({ length: config.process.journalIopsWriteMax }, () => {
      return new PrepareSector(memory, (sector) => {
        this.#writePrepare(sector);
        this.#onWritten();
      });
    });
    for (let slot = 0; slot < config.cluster.journalSlotCount; slot++) {
      const header = new PrepareHeader(this.#headers, slot * HEADER_SIZE_BYTES);
      if (slot === 0) writeRootPrepare(header, cluster);
      else writeReservedPrepare(header, cluster, slot);
    }
  }

  start(): void {
    assert(this.#writing === 0 && this.#slotNext === 0, "the log is formatted once");
    this.#writing += 1;
    this.#storage.writeSectors(this.#headersRequest, "walHeaders", 0, this.#headers);
    for (const sector of this.#sectors) this.#writePrepare(sector);
  }

  /** Writes the next slot's header and zeros, one sector, if any slot is left. */
  #writePrepare(sector: PrepareSector): void {
    const slot = this.#slotNext;
    if (slot === this.#config.cluster.journalSlotCount) return;
    this.#slotNext += 1;
    this.#writing += 1;
    sector.bytes.set(this.#headers.subarray(slot * HEADER_SIZE_BYTES, (slot + 1) * HEADER_SIZE_BYTES));
    const offset = slot * this.#config.cluster.messageSizeMax;
    this.#storage.writeSectors(sector.request, "walPrepares", offset, sector.bytes);
  }

  #onWritten(): void {
    assert(this.#writing > 0, "a write completes");
    this.#writing -= 1;
    if (this.#writing > 0) return;
    assert(this.#slotNext === this.#config.cluster.journalSlotCount, "every slot was written");
    this.#callback();
  }
}

/** One sector on its way to the ring of prepares: 256 bytes of header, then zeros. */
class PrepareSector {
  readonly bytes: Uint8Array;
  readonly request: StorageRequest;

  constructor(memory: LinearMemory, onWritten: (sector: PrepareSector) => void) {
    const start = memory.allocate(SECTOR_SIZE_BYTES, SECTOR_SIZE_BYTES, "format prepare");
    this.bytes = memory.bytes.subarray(start, start + SECTOR_SIZE_BYTES).fill(0);
    this.request = new StorageRequest(() => onWritten(this));
  }
}
