/**
 * A message: a 256-byte header and a body, in a buffer of `message_size_max` bytes that a pool lends out.
 *
 * @module
 */
import { assert } from "@stagbeetle/kernels";
import type { Layout, RecordClass, RecordOf } from "../layout.ts";
import { sectorCeil } from "../sector.ts";
import { Header, HEADER_SIZE_BYTES } from "./frame.ts";

/**
 * A reference-counted buffer that holds one message.
 *
 * Messages come from a `MessagePool` and go back to it when their last reference is released; the views below stay the
 * same over all uses. After the message was queued for sending or writing it is immutable: copy it to change it.
 */
export class Message {
  /** `message_size_max` bytes of the replica's linear memory, aligned to a sector. Bytes beyond the message are stale. */
  readonly buffer: Uint8Array;
  /** The frame of the message in `buffer`. */
  readonly header: Header;
  readonly #views = new Map<unknown, unknown>();
  readonly #free: (message: Message) => void;
  #references = 0;

  /** Called by the pool only. `free` takes the message back once nothing refers to it. */
  constructor(buffer: Uint8Array, free: (message: Message) => void) {
    this.buffer = buffer;
    this.header = new Header(buffer);
    this.#free = free;
  }

  /** How many owners hold the message; 0 while it is in the pool. */
  get references(): number {
    return this.#references;
  }

  /** The header seen as that of one command, for example `message.as(PrepareHeader).op`. Made once per class. */
  as<Fields extends Layout>(command: RecordClass<Fields>): RecordOf<Fields> {
    assert(this.#references > 0, "a released message is used");
    let view = this.#views.get(command);
    if (view === undefined) {
      view = new command(this.buffer);
      this.#views.set(command, view);
    }
    return view as RecordOf<Fields>;
  }

  /** Header and body: `size` bytes. */
  bytes(): Uint8Array {
    return this.buffer.subarray(0, this.#size());
  }

  /** The body: `size` − 256 bytes, possibly none. */
  body(): Uint8Array {
    return this.buffer.subarray(HEADER_SIZE_BYTES, this.#size());
  }

  /**
   * Zeroes the bytes between the message and the end of its last sector. They are written to disk with it, must be the
   * same in all replicas and no checksum covers them.
   */
  zeroSectorPadding(): void {
    const size = this.#size();
    this.buffer.fill(0, size, sectorCeil(size));
  }

  /** Adds an owner, who must `release` it. Returns the message. */
  reference(): this {
    this.#references += 1;
    return this;
  }

  /** Gives up one reference; with the last one the buffer returns to its pool. */
  release(): void {
    assert(this.#references > 0, "a message is released more often than it was referenced");
    this.#references -= 1;
    if (this.#references === 0) this.#free(this);
  }

  #size(): number {
    assert(this.#references > 0, "a released message is used");
    const size = this.header.size;
    assert(
      size >= HEADER_SIZE_BYTES && size <= this.buffer.length,
      () => `message size ${size} of at most ${this.buffer.length}`,
    );
    return size;
  }
}
