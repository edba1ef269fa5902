/**
 * All the messages that a replica or client ever has (spec 01 §7.4).
 *
 * @module
 */
import { assert, type LinearMemory } from "@stagbeetle/kernels";
import { Message } from "./message.ts";

/** The alignment of message buffers, so that they are read from and written to disk in place: one sector. */
const ALIGNMENT_BYTES = 4096;

/** What a pool is made of. */
export interface MessagePoolOptions {
  /** Where the buffers live. */
  readonly memory: LinearMemory;
  /** The size of every buffer in bytes: a multiple of the sector size. */
  readonly messageSizeMax: number;
  /** How many messages there are. Whoever sizes it adds up what every owner can hold at once. */
  readonly messagesMax: number;
}

/**
 * A fixed number of messages, lent out and taken back. Running out is a bug, not a condition: every owner's share is
 * known at start-up.
 */
export class MessagePool {
  /** The size of every buffer in bytes. */
  readonly messageSizeMax: number;
  /** How many messages there are, lent out or not. */
  readonly messagesMax: number;
  readonly #free: Message[] = [];

  /** Allocates `messagesMax` × `messageSizeMax` bytes. */
  constructor({ memory, messageSizeMax, messagesMax }: MessagePoolOptions) {
    assert(messageSizeMax > 0 && messageSizeMax % ALIGNMENT_BYTES === 0, () => `message_size_max of ${messageSizeMax}`);
    assert(Number.isInteger(messagesMax) && messagesMax > 0, () => `a pool of ${messagesMax} messages`);
    this.messageSizeMax = messageSizeMax;
    this.messagesMax = messagesMax;
    const start = memory.allocate(messageSizeMax * messagesMax, ALIGNMENT_BYTES, "messages");
    const giveBack = (message: Message): void => this.#giveBack(message);
    // From the end, so that messages are lent out in the order of their addresses.
    for (let index = messagesMax - 1; index >= 0; index -= 1) {
      const at = start + index * messageSizeMax;
      this.#free.push(new Message(memory.bytes.subarray(at, at + messageSizeMax), giveBack));
    }
  }

  /** How many messages can be acquired now. */
  get available(): number {
    return this.#free.length;
  }

  /**
   * Lends out a message with one reference, to be given back by `message.release()`. Its bytes are those of an earlier use.
   *
   * @throws AssertionError if none is left.
   */
  acquire(): Message {
    const message = this.#free.pop();
    assert(message !== undefined, () => `all ${this.messagesMax} messages are in use`);
    assert(message.references === 0, () => `a free message has ${message.references} references`);
    return message.reference();
  }

  #giveBack(message: Message): void {
    assert(message.references === 0, () => `a message comes back with ${message.references} references`);
    assert(this.#free.length < this.messagesMax, "a message comes back that was never lent out");
    this.#free.push(message);
  }
}
