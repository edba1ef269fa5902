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
import { PrepareHeader } from "../message/prepare.ts";
import type { SuperBlock } from "../superblock/superblock.ts";
import { type ViewHeaders, viewHeadersInvalid, viewHeadersKind } from "../view-headers.ts";

/** What the view is made of. */
export interface DurableViewOptions {
  readonly config: Config;
  readonly superblock: SuperBlock;
  /** The highest op known to be committed, which is stored with every view. */
  readonly commitMax: () => number;
  /** Runs each time the superblock was written for the view, and nothing newer is on its way. */
  readonly onDurable: () => void;
}

/** The view and the last view whose log this replica holds, in memory and on disk. */
export class DurableView {
  readonly #options: DurableViewOptions;
  readonly #headersMemory: Uint8Array;
  #headers: ViewHeaders = [];
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

  /** What the log of `logView` ends with, highest op first. */
  get headers(): ViewHeaders {
    return this.#headers;
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
    this.#setHeaders(working.viewHeaders());
  }

  /** Goes on to a newer view and starts to write it. `headers` are copied. */
  advance(view: number, logView: number, headers: ViewHeaders): void {
    assert(view >= this.#view && logView >= this.#logView, () => `view ${view}, log_view ${logView} go back`);
    assert(view > this.#view || logView > this.#logView, () => `view ${view}, log_view ${logView} are not new`);
    assert(logView <= view, () => `log_view ${logView} beyond view ${view}`);
    this.#view = view;
    this.#logView = logView;
    this.#setHeaders(headers);
    this.#persist();
  }

  /** Writes what is not written yet. One write at a time: the completion looks again. */
  #persist(): void {
    const { superblock, commitMax } = this.#options;
    if (this.updating) return;
    superblock.viewChange(
      {
        view: this.#view,
        logView: this.#logView,
        headers: this.#headers,
        commitMax: commitMax(),
        syncCheckpoint: null,
      },
      () => this.#onPersisted(),
    );
  }

  #onPersisted(): void {
    const { staging } = this.#options.superblock;
    assert(
      this.viewDurable <= this.#view && this.logViewDurable <= this.#logView,
      "a view is durable before it exists",
    );
    const stale = staging.vsrState.view < this.#view || staging.vsrState.logView < this.#logView;
    if (stale) {
      this.#persist();
    } else {
      this.#options.onDurable();
    }
  }

  #setHeaders(headers: ViewHeaders): void {
    const { config } = this.#options;
    const invalid = viewHeadersInvalid(config, viewHeadersKind(this.#logView, this.#view), headers);
    assert(invalid === null, () => `view headers of view ${this.#view}: ${invalid ?? ""}`);
    this.#headers = headers.map((header, index) => this.#copyHeader(header, index));
  }

  #copyHeader(header: PrepareHeader, index: number): PrepareHeader {
    assert(header.buffer !== this.#headersMemory, "view headers are copied from elsewhere");
    const at = index * HEADER_SIZE_BYTES;
    this.#headersMemory.set(header.buffer.subarray(header.offset, header.offset + HEADER_SIZE_BYTES), at);
    return new PrepareHeader(this.#headersMemory, at);
  }
}
