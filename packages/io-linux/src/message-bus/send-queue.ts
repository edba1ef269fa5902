/**
 * The messages that wait to be written to one connection, or are being written (spec 01 §8.6).
 *
 * @module
 */
import { assert } from "@stagbeetle/kernels";
import type { Message } from "@stagbeetle/vsr-protocol";

/** A queue of fixed capacity, first in, first out. It owns one reference to each message in it. */
export class SendQueue {
  readonly #messages: (Message | null)[];
  #first = 0;
  #length = 0;

  /** @param capacity how many messages fit. */
  constructor(capacity: number) {
    assert(capacity > 0, () => `a queue of ${capacity} messages`);
    this.#messages = Array.from({ length: capacity }, () => null);
  }

  /** How many messages are queued. */
  get length(): number {
    return this.#length;
  }

  /** Adds a message and a reference to it. Returns false, and does neither, if the queue is full. */
  push(message: Message): boolean {
    if (this.#length === this.#messages.length) return false;
    this.#messages[(this.#first + this.#length) % this.#messages.length] = message.reference();
    this.#length += 1;
    return true;
  }

  /** Gives up the oldest message. */
  shift(): void {
    const message = this.#messages[this.#first] ?? null;
    assert(this.#length > 0 && message !== null, "the queue is empty");
    this.#messages[this.#first] = null;
    this.#first = (this.#first + 1) % this.#messages.length;
    this.#length -= 1;
    message.release();
  }

  /** Gives up all messages. */
  clear(): void {
    while (this.#length > 0) this.shift();
  }

  /** The messages, oldest first. */
  *[Symbol.iterator](): Generator<Message, void> {
    for (let index = 0; index < this.#length; index += 1) {
      const message = this.#messages[(this.#first + index) % this.#messages.length] ?? null;
      assert(message !== null, () => `no message at ${index} of ${this.#length}`);
      yield message;
    }
  }
}
