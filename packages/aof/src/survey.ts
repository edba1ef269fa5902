/**
 * What a file holds, entry by entry and as a whole.
 *
 * @module
 */
import type { Config, PrepareHeader, Release } from "@stagbeetle/vsr-protocol";
import { DataChecksum } from "./data-checksum.ts";
import type { ReadableFile } from "./file.ts";
import { type AOFFault, Iterator, type IteratorStep } from "./iterator.ts";
import { replayable } from "./replayable.ts";

/** How many faults are kept with their places. All are counted. */
const FAULTS_KEPT_MAX = 100;

/** A place where the file is not a chain of entries. */
export interface SurveyFault {
  readonly fault: AOFFault;
  readonly offset: number;
  /** How many bytes are no entry. */
  readonly sizeBytes: number;
  /** The ops of the entries before and behind; null if there is none. */
  readonly opBefore: number | null;
  readonly opAfter: number | null;
}

/** What was seen so far. */
export interface SurveyReport {
  readonly entries: number;
  /** The ops and checksums of the first and the last entry; 0 if there is none. */
  readonly opFirst: number;
  readonly opLast: number;
  readonly checksumFirst: bigint;
  readonly checksumLast: bigint;
  /** The cluster of the first entry; null if there is none. */
  readonly cluster: bigint | null;
  /** How many entries are of another cluster. */
  readonly foreign: number;
  /** How many entries each operation has, by number. */
  readonly operations: ReadonlyMap<number, number>;
  /** How many entries a replay sends, of which releases (ascending), and with how large a body at most, in bytes. */
  readonly replayable: number;
  readonly replayableReleases: readonly Release[];
  readonly replayableBodySizeMax: number;
  /** One number for what a replay sends; it says something only if there are no faults. */
  readonly dataChecksum: bigint;
  /** The first faults, and how many there are of each kind. */
  readonly faults: readonly SurveyFault[];
  readonly faultCounts: ReadonlyMap<AOFFault, number>;
}

/** How to make one. */
export interface SurveyOptions {
  readonly config: Config;
  readonly file: ReadableFile;
}

/** Goes through a file to its end, behind every fault. */
export class Survey {
  readonly #iterator: Iterator;
  readonly #dataChecksum = new DataChecksum();
  readonly #operations = new Map<number, number>();
  readonly #releases = new Set<Release>();
  readonly #faults: SurveyFault[] = [];
  readonly #faultCounts = new Map<AOFFault, number>();
  /** The fault that no entry has followed yet. */
  #pending: SurveyFault | null = null;
  #entries = 0;
  #first = { op: 0, checksum: 0n };
  #last = { op: 0, checksum: 0n };
  #cluster: bigint | null = null;
  #foreign = 0;
  #replayable = 0;
  #bodySizeMax = 0;

  constructor(options: SurveyOptions) {
    this.#iterator = new Iterator(options);
  }

  /** How far it is, in bytes of the file. */
  get offset(): number {
    return this.#iterator.offset;
  }

  /** One entry or one fault further. The entry is good until the next step. */
  next(): IteratorStep {
    const step = this.#iterator.next();
    if (step.kind === "entry") this.#onEntry(step.entry.header);
    else if (step.kind === "fault") this.#onFault(step.fault, step.offset);
    else this.#keepPending(null);
    return step;
  }

  report(): SurveyReport {
    return {
      entries: this.#entries,
      opFirst: this.#first.op,
      opLast: this.#last.op,
      checksumFirst: this.#first.checksum,
      checksumLast: this.#last.checksum,
      cluster: this.#cluster,
      foreign: this.#foreign,
      operations: this.#operations,
      replayable: this.#replayable,
      replayableReleases: [...this.#releases].toSorted((a, b) => a - b),
      replayableBodySizeMax: this.#bodySizeMax,
      dataChecksum: this.#dataChecksum.value(),
      faults: this.#faults,
      faultCounts: this.#faultCounts,
    };
  }

  #onEntry(header: PrepareHeader): void {
    const { op, checksum, cluster, operation } = header;
    this.#keepPending(op);
    if (this.#entries === 0) {
      this.#first = { op, checksum };
      this.#cluster = cluster;
    }
    this.#last = { op, checksum };
    this.#entries += 1;
    if (cluster !== this.#cluster) this.#foreign += 1;
    this.#operations.set(operation, (this.#operations.get(operation) ?? 0) + 1);
    this.#dataChecksum.add(header);
    if (!replayable(operation)) return;
    this.#replayable += 1;
    this.#releases.add(header.release);
    this.#bodySizeMax = Math.max(this.#bodySizeMax, header.size - header.sizeBytes);
  }

  #onFault(fault: AOFFault, offset: number): void {
    const sizeBytes = this.#iterator.skipFault(fault);
    // What damage leaves out of the chain is said by the ops around it, once.
    this.#iterator.moveTo(this.#iterator.offset);
    this.#keepPending(null);
    this.#faultCounts.set(fault, (this.#faultCounts.get(fault) ?? 0) + 1);
    const opBefore = this.#entries === 0 ? null : this.#last.op;
    this.#pending = { fault, offset, sizeBytes, opBefore, opAfter: null };
  }

  #keepPending(opAfter: number | null): void {
    if (this.#pending !== null && this.#faults.length < FAULTS_KEPT_MAX)
      this.#faults.push({ ...this.#pending, opAfter });
    this.#pending = null;
  }
}
