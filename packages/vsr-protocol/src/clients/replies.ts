/**
 * The client replies: the latest reply of each client on disk, so that a request that is sent again gets the same answer
 * (spec 04 §14).
 *
 * @module
 */
import { assert } from "@stagbeetle/kernels";
import type { Config } from "../config/config.ts";
import { recordBytes } from "../layout.ts";
import type { Checksums } from "../message/checksums.ts";
import { HEADER_SIZE_BYTES } from "../message/frame.ts";
import type { Message } from "../message/message.ts";
import type { MessagePool } from "../message/pool.ts";
import { ReplyHeader } from "../message/reply.ts";
import { type Storage, StorageRequest } from "../ports/storage.ts";
import { sectorCeil } from "../sector.ts";
import type { ClientSession, ClientSessions } from "./sessions.ts";

/** Why a reply is written: it was just executed, or another replica sent what was lost here. */
export type ReplyWriteTrigger = "commit" | "repair";

/** What the client replies are made of. */
export interface ClientRepliesOptions {
  readonly config: Config;
  readonly storage: Storage;
  readonly sessions: ClientSessions;
  /** Lends one message to each read: `client_replies_iops_read_max` at once. */
  readonly messages: MessagePool;
  readonly checksums: Checksums;
}

/** One write, queued or running. Holds a reference of its message. */
class ReplyWrite {
  readonly request: StorageRequest;
  slot = 0;
  trigger: ReplyWriteTrigger = "commit";
  message: Message | null = null;
  running = false;

  constructor(onWritten: (write: ReplyWrite) => void) {
    this.request = new StorageRequest(() => onWritten(this));
  }
}

/** Takes a reply that was read, which it must release, or null if it is not there. */
export type ReplyReadCallback = (reply: Message | null) => void;

/** One read. Holds a message to read into; `callback` is null once it was answered from memory. */
class ReplyRead {
  readonly request: StorageRequest;
  /** What is expected: a copy of the session's header. */
  readonly expected: ReplyHeader;
  slot = 0;
  message: Message | null = null;
  callback: ReplyReadCallback | null = null;

  constructor(onRead: (read: ReplyRead) => void) {
    this.request = new StorageRequest(() => onRead(this));
    this.expected = new ReplyHeader(new Uint8Array(HEADER_SIZE_BYTES));
  }
}

/**
 * Reads and writes the slots of the client-replies zone.
 *
 * A slot is *faulty* when the disk does not have the reply that the sessions say it has. Writes of one slot never
 * overlap, and a write that has not started is replaced by a newer one.
 */
export class ClientReplies {
  readonly #config: Config;
  readonly #storage: Storage;
  readonly #sessions: ClientSessions;
  readonly #messages: MessagePool;
  readonly #checksums: Checksums;
  readonly #writesFree: ReplyWrite[];
  readonly #writesMax: number;
  readonly #writesRunning: ReplyWrite[] = [];
  /** Writes that have not started, oldest first. The first waits for its slot, and all others for the first. */
  readonly #writeQueue: ReplyWrite[] = [];
  readonly #readsFree: ReplyRead[];
  readonly #readsRunning: ReplyRead[] = [];
  readonly #faulty = new Set<number>();
  #readyCallback: (() => void) | null = null;
  #checkpointCallback: (() => void) | null = null;
  /** Whether the checkpoint had nothing to wait for and only waits for its tick. */
  #checkpointScheduled = false;

  constructor({ config, storage, sessions, messages, checksums }: ClientRepliesOptions) {
    this.#config = config;
    this.#storage = storage;
    this.#sessions = sessions;
    this.#messages = messages;
    this.#checksums = checksums;
    this.#writesMax = config.process.clientRepliesIopsWriteMax;
    const readsMax = config.process.clientRepliesIopsReadMax;
    this.#writesFree = Array.from({ length: this.#writesMax }, () => new ReplyWrite((write) => this.#onWritten(write)));
    this.#readsFree = Array.from({ length: readsMax }, () => new ReplyRead((read) => this.#onRead(read)));
  }

  /** Whether a write can be taken now. */
  get writeAvailable(): boolean {
    return this.#writesFree.length > 0;
  }

  /** How many writes are queued or running. */
  get writesPending(): number {
    return this.#writesMax - this.#writesFree.length;
  }

  /** How many slots are faulty. */
  get faultyCount(): number {
    return this.#faulty.size;
  }

  /** Whether a write of the slot is queued or running. */
  writing(slot: number): boolean {
    return this.#pendingWrites().some((write) => write.slot === slot);
  }

  /** Whether the disk is known not to have the slot's reply. */
  faulty(slot: number): boolean {
    return this.#faulty.has(slot);
  }

  /** Whether the slot's reply is on disk, as far as is known. */
  replyDurable(slot: number): boolean {
    return !this.faulty(slot) && !this.writing(slot);
  }

  /** The lowest faulty slot, or null: the one to ask another replica for. */
  faultyNext(): number | null {
    let lowest: number | null = null;
    for (const slot of this.#faulty) if (lowest === null || slot < lowest) lowest = slot;
    return lowest;
  }

  /** Notes that the slot's reply must come from another replica. Only for occupied slots whose reply has a body. */
  markFaulty(slot: number): void {
    const session = this.#sessions.at(slot);
    assert(session !== null && session.header.size > HEADER_SIZE_BYTES, () => `slot ${slot} has no reply to lose`);
    this.#faulty.add(slot);
  }

  /** Forgets all faults, before a state sync. */
  resetFaulty(): void {
    this.#faulty.clear();
  }

  /**
   * Calls back once a write can be taken. Only when none can be now, and one caller at a time. The callback never runs
   * from inside the call.
   */
  whenWriteAvailable(callback: () => void): void {
    assert(!this.writeAvailable, "a write is available");
    assert(this.#readyCallback === null, "one caller waits for a write");
    this.#readyCallback = callback;
  }

  /**
   * Writes a reply that has a body to its client's slot. Takes its own reference of the message, which must not change
   * any more; the bytes after it, up to the next sector, are zeroed.
   */
  write(slot: number, message: Message, trigger: ReplyWriteTrigger): void {
    const reply = message.as(ReplyHeader);
    const session = this.#sessions.at(slot);
    assert(
      session !== null && session.header.checksum === reply.checksum,
      () => `slot ${slot} belongs to another reply`,
    );
    assert(reply.size > HEADER_SIZE_BYTES, "a reply without a body is not written");
    assert(trigger === "commit" || this.faulty(slot), () => `slot ${slot} needs no repair`);
    assert(trigger === "repair" || this.#checkpointCallback === null, "no op is executed during a checkpoint");
    this.#answerReads(message);
    // At the start: a fault that is noted while this is written must not be cleared by it.
    this.#faulty.delete(slot);
    zeroPadding(message);
    const queued = this.#writeQueue.find((write) => write.slot === slot);
    if (queued === undefined) this.#queueWrite(slot, message, trigger);
    else replaceWrite(queued, message, trigger);
    this.#pump();
  }

  /** The slot's new reply has no body: the disk need not have it. */
  remove(slot: number): void {
    this.#faulty.delete(slot);
  }

  /** The reply from memory, without a reference for the caller, or null: it must be {@link read}. */
  readFromMemory(session: ClientSession): Message | null {
    assert(session.header.size > HEADER_SIZE_BYTES, "the session's header is the whole reply");
    let newest: Message | null = null;
    for (const { slot, message } of this.#pendingWrites()) {
      assert(message !== null, "a pending write has a message");
      if (slot !== session.slot) continue;
      const reply = message.as(ReplyHeader);
      // A slot can change hands while the old owner's reply is being written.
      if (reply.client !== session.header.client) continue;
      if (newest === null || reply.request > newest.as(ReplyHeader).request) newest = message;
    }
    if (newest === null) return null;
    if (newest.header.checksum === session.header.checksum) return newest;
    assert(this.faulty(session.slot), () => `slot ${session.slot} is written with an older reply, but is not faulty`);
    return null;
  }

  /**
   * Reads the reply of a session from disk. Not for replies without a body, which are the session's header.
   *
   * A reply that is damaged, stale or in the wrong place marks its slot faulty, unless the session has moved on.
   *
   * @returns false if all reads are busy: the callback will not run.
   */
  read(session: ClientSession, callback: ReplyReadCallback): boolean {
    assert(session.header.size > HEADER_SIZE_BYTES, "the session's header is the whole reply");
    const read = this.#readsFree.pop();
    if (read === undefined) return false;
    copyHeader(session.header, read.expected);
    read.slot = session.slot;
    read.callback = callback;
    read.message = this.#messages.acquire();
    this.#readsRunning.push(read);
    const buffer = read.message.buffer.subarray(0, sectorCeil(session.header.size));
    this.#storage.readSectors(read.request, "clientReplies", this.#slotOffset(session.slot), buffer);
    return true;
  }

  /** Calls back when all replies written by commits are durable; repairs may go on. Never from inside the call. */
  checkpoint(callback: () => void): void {
    assert(this.#checkpointCallback === null, "one checkpoint at a time");
    this.#checkpointCallback = callback;
    if (this.#commitWritePending()) return;
    this.#checkpointScheduled = true;
    this.#storage.nextTick(() => {
      this.#checkpointScheduled = false;
      this.#finishCheckpoint();
    });
  }

  /** One line for people. */
  describe(): string {
    return `writes=${this.#writesRunning.length}+${this.#writeQueue.length} reads=${this.#readsRunning.length} faulty=${this.#faulty.size}`;
  }

  #slotOffset(slot: number): number {
    return slot * this.#config.cluster.messageSizeMax;
  }

  #pendingWrites(): readonly ReplyWrite[] {
    return [...this.#writesRunning, ...this.#writeQueue];
  }

  #commitWritePending(): boolean {
    return this.#pendingWrites().some((write) => write.trigger === "commit");
  }

  /** Reads that wait for this very reply have it: a slower disk must not call the slot faulty again. */
  #answerReads(message: Message): void {
    for (const read of this.#readsRunning) {
      if (read.expected.checksum !== message.header.checksum || read.callback === null) continue;
      const callback = read.callback;
      read.callback = null;
      callback(message.reference());
    }
  }

  #queueWrite(slot: number, message: Message, trigger: ReplyWriteTrigger): void {
    const write = this.#writesFree.pop();
    assert(write !== undefined, "a write is available");
    write.slot = slot;
    write.trigger = trigger;
    write.message = message.reference();
    this.#writeQueue.push(write);
  }

  #pump(): void {
    for (;;) {
      const write = this.#writeQueue[0];
      if (write === undefined) return;
      if (this.#writesRunning.some((running) => running.slot === write.slot)) return;
      this.#writeQueue.shift();
      this.#startWrite(write);
    }
  }

  #startWrite(write: ReplyWrite): void {
    const { message, slot } = write;
    assert(message !== null && !write.running, "a queued write has a message and has not started");
    write.running = true;
    this.#writesRunning.push(write);
    const buffer = message.buffer.subarray(0, sectorCeil(message.header.size));
    this.#storage.writeSectors(write.request, "clientReplies", this.#slotOffset(slot), buffer);
  }

  #onWritten(write: ReplyWrite): void {
    const { message } = write;
    assert(message !== null && write.running, "a running write completes");
    write.message = null;
    write.running = false;
    this.#writesRunning.splice(this.#writesRunning.indexOf(write), 1);
    this.#writesFree.push(write);
    message.release();
    this.#pump();
    this.#finishWaiting();
    if (this.#checkpointCallback === null || this.#checkpointScheduled || this.#commitWritePending()) return;
    this.#finishCheckpoint();
  }

  #finishWaiting(): void {
    const callback = this.#readyCallback;
    if (callback === null) return;
    assert(this.writeAvailable, "a write has just completed");
    this.#readyCallback = null;
    callback();
  }

  #finishCheckpoint(): void {
    const callback = this.#checkpointCallback;
    assert(callback !== null, "a checkpoint waits");
    assert(!this.#commitWritePending(), "the checkpoint waits for commits");
    this.#checkpointCallback = null;
    callback();
  }

  #onRead(read: ReplyRead): void {
    const { message, callback, slot } = read;
    assert(message !== null, "a running read has a message");
    read.message = null;
    read.callback = null;
    this.#readsRunning.splice(this.#readsRunning.indexOf(read), 1);
    this.#readsFree.push(read);
    const valid = callback !== null && this.#replyValid(message, read.expected);
    if (!valid) message.release();
    if (callback === null) return;
    if (!valid) this.#onReadInvalid(slot, read.expected);
    callback(valid ? message : null);
  }

  /** Whether the bytes read are the expected reply, whole. The expected header bounds what is looked at. */
  #replyValid(message: Message, expected: ReplyHeader): boolean {
    if (message.header.checksum !== expected.checksum) return false;
    if (!this.#checksums.valid(message.header)) return false;
    assert(message.header.size === expected.size, "equal checksums mean equal headers");
    return this.#checksums.validBody(message.header, message.body());
  }

  #onReadInvalid(slot: number, expected: ReplyHeader): void {
    const session = this.#sessions.at(slot);
    if (session === null || session.header.checksum !== expected.checksum) return;
    this.markFaulty(slot);
  }
}

function replaceWrite(write: ReplyWrite, message: Message, trigger: ReplyWriteTrigger): void {
  assert(write.message !== null && !write.running, "only a write that has not started is replaced");
  write.message.release();
  write.message = message.reference();
  // A checkpoint that waits for the commit waits for what replaced it.
  if (trigger === "commit") write.trigger = "commit";
}

function zeroPadding(message: Message): void {
  const { size } = message.header;
  message.buffer.fill(0, size, sectorCeil(size));
}

function copyHeader(from: ReplyHeader, to: ReplyHeader): void {
  to.buffer.set(recordBytes(from), to.offset);
}
