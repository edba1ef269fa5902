/**
 * The view, and making it durable before anyone hears of it (spec 03 §10.2, §10.3, §30.3).
 *
 * A view that was shown must never go back after a crash: a replica that promised its log to a new primary would serve
 * the old one again. So everything that reveals a view uses the durable one, or waits.
 *
 * @module
 */
import { assert } from "@stagbeetle/kernels";
import type { Config } from "../config/config.ts";
import { HEADER_SIZE_BYTES } from "../message/frame.ts";
import { isParentOf, PrepareHeader } from "../message/prepare.ts";
import { isBlankPrepare } from "../message/special-prepares.ts";
import type { SuperBlock } from "../superblock/superblock.ts";
import type { SyncCheckpoint } from "../superblock/update.ts";
import { checkpointHeaderOf } from "../superblock/vsr-state.ts";
import { type ViewChangeSlice, type ViewHeadersKind, viewHeadersInvalid, viewHeadersKind } from "../view-headers.ts";

/** What the view is made of. */
export interface DurableViewOptions {
  readonly config: Config;
  readonly superblock: SuperBlock;
  /** The highest op known to be committed, which is stored with every view. */
  readonly commitMax: () => number;
  /** The checkpoint of another replica that is to be stored with the view, or null outside of a state sync. */
  readonly syncCheckpoint: () => SyncCheckpoint | null;
  /**
   * Runs each time the superblock was written for the view, before a newer one is looked for: a state sync may have become
   * durable. Returns whether another release has to go on: then nothing more is written.
   */
  readonly onWritten: () => boolean;
  /** Runs after that. A newer view may be on its way already. */
  readonly onDurable: () => void;
}

/**
 * The view and the last view whose log this replica holds, in memory and on disk.
 *
 * The log view is raised in memory as soon as the log of a view is chosen, and stored only when the headers are those of
 * the view: between the two, a primary repairs its log.
 */
export class DurableView {
  readonly #options: DurableViewOptions;
  readonly #headersMemory: Uint8Array;
  #headers: ViewChangeSlice = [];
  #headersKind: ViewHeadersKind = "view";
  #view = 0;
  #logView = 0;

  constructor(options: DurableViewOptions) {
    this.#options = options;
    this.#headersMemory = new Uint8Array(options.config.derived.viewHeadersMax * HEADER_SIZE_BYTES);
  }

  /** The view that this replica is in. */
  get view(): number {
    return this.#view;
  }

  /** The last view in which this replica's log was made that of the view. */
  get logView(): number {
    return this.#logView;
  }

  /** What the log ends with, highest op first: as promised to `view`, or that of `logView`. */
  get headers(): ViewChangeSlice {
    return this.#headers;
  }

  /** Whether the headers are a promise to a view that has not started, or the log of one. */
  get headersKind(): ViewHeadersKind {
    return this.#headersKind;
  }

  /**
   * Whether the log of the view, which this replica follows, is known to have, or to get, another header for the op: it has one,
   * or it has one of an op beside it that is not chained to this one.
   */
  hasOther(header: PrepareHeader): boolean {
    if (this.#logView !== this.#view || this.#headersKind !== "view") return false;
    return this.#headers.some((known) => !isBlankPrepare(known) && excludes(known, header));
  }

  /** The view that survives a crash. */
  get viewDurable(): number {
    return this.#options.superblock.working.vsrState.view;
  }

  /** The log view that survives a crash: the newest that a client may hear of. */
  get logViewDurable(): number {
    return this.#options.superblock.working.vsrState.logView;
  }

  /** Whether a view is being written. */
  get updating(): boolean {
    return this.#options.superblock.updating("viewChange");
  }

  /** Whether the view in memory would survive a crash. */
  get durable(): boolean {
    return this.viewDurable === this.#view && this.logViewDurable === this.#logView;
  }

  /** Takes over what the superblock says, once, at start-up. */
  load(): void {
    const { working } = this.#options.superblock;
    this.#view = working.vsrState.view;
    this.#logView = working.vsrState.logView;
    this.setHeaders(viewHeadersKind(this.#logView, this.#view), working.viewHeaders());
  }

  /** Goes on to a newer view with the log of it, and starts to write both. `headers` are copied. */
  advance(view: number, logView: number, headers: ViewChangeSlice): void {
    assert(view > this.#view || logView > this.#logView, () => `view ${view}, log_view ${logView} are not new`);
    this.setHeaders(viewHeadersKind(logView, view), headers);
    this.#raise(view, logView);
    this.persist();
  }

  /** Joins a newer view, whose log is still to be found, and starts to write it. The headers are the promise to it. */
  join(view: number): void {
    assert(view > this.#view, () => `view ${view} after ${this.#view}`);
    assert(this.#headersKind === "joinView", "a view is joined with a promise");
    this.#raise(view, this.#logView);
    this.persist();
  }

  /** Takes a view of which the log is about to be installed. Nothing is written yet. */
  follow(view: number): void {
    this.#raise(view, this.#logView);
  }

  /** The log in memory has become that of the view. Nothing is written: the headers are still those of the promise. */
  raiseLogView(): void {
    assert(this.#logView < this.#view, () => `log_view ${this.#logView} in view ${this.#view}`);
    this.#raise(this.#view, this.#view);
  }

  /** The log of `view` is installed, with the headers that came with it. Starts to write both. */
  install(view: number): void {
    assert(view > this.#view || view > this.#logView, () => `view ${view} is installed`);
    assert(this.#headersKind === "view", "a log is installed with its headers");
    this.#raise(view, view);
    this.persist();
  }

  /** Replaces the headers, which are copied. Nothing is written. */
  setHeaders(kind: ViewHeadersKind, headers: ViewChangeSlice): void {
    const invalid = viewHeadersInvalid(this.#options.config, kind, headers);
    assert(invalid === null, () => `${kind} headers of view ${this.#view}: ${invalid ?? ""}`);
    // Some of them may be views of this very memory.
    const bytes = headers.map(({ buffer, offset }) => buffer.slice(offset, offset + HEADER_SIZE_BYTES));
    this.#headers = bytes.map((header, index) => {
      this.#headersMemory.set(header, index * HEADER_SIZE_BYTES);
      return new PrepareHeader(this.#headersMemory, index * HEADER_SIZE_BYTES);
    });
    this.#headersKind = kind;
  }

  /** Whether the log view is neither durable nor on its way to be. */
  get logViewPending(): boolean {
    return this.#options.superblock.staging.vsrState.logView < this.#logView;
  }

  /** Writes what is not written yet. One write at a time: the completion looks again. */
  persist(): void {
    const { superblock, commitMax } = this.#options;
    const syncCheckpoint = this.#options.syncCheckpoint();
    assert(!this.durable || syncCheckpoint !== null, () => `view ${this.#view} is durable already`);
    if (this.updating) return;
    const kind = viewHeadersKind(this.#logView, this.#view);
    assert(this.#headersKind === kind, () => `${this.#headersKind} headers, log_view ${this.#logView}`);
    superblock.viewChange(
      { view: this.#view, logView: this.#logView, headers: this.#headers, commitMax: commitMax(), syncCheckpoint },
      () => this.#onPersisted(),
    );
  }

  #raise(view: number, logView: number): void {
    assert(view >= this.#view && logView >= this.#logView, () => `view ${view}, log_view ${logView} go back`);
    assert(logView <= view, () => `log_view ${logView} beyond view ${view}`);
    this.#view = view;
    this.#logView = logView;
  }

  #onPersisted(): void {
    const { onWritten, onDurable } = this.#options;
    assert(
      this.viewDurable <= this.#view && this.logViewDurable <= this.#logView,
      "a view is durable before it exists",
    );
    if (onWritten()) return;
    if (this.#stale() && !this.updating) this.persist();
    onDurable();
  }

  /**
   * Whether there is something newer that can be written. Not while a primary repairs the log of its view: it has no
   * headers of the view yet, and writes when it has.
   */
  #stale(): boolean {
    const { view, logView } = this.#options.superblock.staging.vsrState;
    if (this.#syncWaits()) return true;
    if (view >= this.#view && logView >= this.#logView) return false;
    return this.#headersKind === viewHeadersKind(this.#logView, this.#view);
  }

  #syncWaits(): boolean {
    const sync = this.#options.syncCheckpoint();
    if (sync === null) return false;
    return checkpointHeaderOf(sync.checkpoint).op > this.#options.superblock.staging.checkpointHeader.op;
  }
}

/** Whether two headers cannot be of one log, because they are of the same op, or not chained. */
function excludes(known: PrepareHeader, header: PrepareHeader): boolean {
  switch (header.op - known.op) {
    case -1:
      return !isParentOf(header, known);
    case 0:
      return header.checksum !== known.checksum;
    case 1:
      return !isParentOf(known, header);
    default:
      return false;
  }
}
