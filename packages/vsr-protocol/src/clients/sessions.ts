/**
 * The client sessions: who may send requests, and the latest reply to each (spec 03 §22.1, 04 §13).
 *
 * The table is replicated state, slot numbers included: it changes only when ops are executed.
 *
 * @module
 */
import { assert, checksumOf, type LinearMemory } from "@stagbeetle/kernels";
import { Command } from "../command.ts";
import type { Config } from "../config/config.ts";
import { isSafeU64, readU53, recordBytes, writeU53 } from "../layout.ts";
import { HEADER_SIZE_BYTES } from "../message/frame.ts";
import { REPLY_LAYOUT, ReplyHeader } from "../message/reply.ts";

const SESSION_SIZE_BYTES = 8;
const ALIGNMENT_BYTES = 16;

/** The size of the encoded table in bytes: the same at every checkpoint, however many clients there are. */
export function clientSessionsEncodeSize(config: Config): number {
  return config.cluster.clientsMax * (HEADER_SIZE_BYTES + SESSION_SIZE_BYTES);
}

/** One slot of the table. Its reply, if it has a body, is in the same slot of the client-replies zone. */
export interface ClientSession {
  readonly slot: number;
  /** The op that registered the client. */
  readonly session: number;
  /** The latest reply's header, in the table's own memory: it changes with the table. */
  readonly header: ReplyHeader;
}

/** A slot as the table itself sees it. */
interface Slot extends ClientSession {
  session: number;
}

/** At most `clients_max` sessions. */
export class ClientSessions {
  /** The table in its encoded form: `clients_max` headers, then `clients_max` sessions (u64). */
  readonly #bytes: Uint8Array;
  readonly #view: DataView;
  readonly #slots: readonly Slot[];
  readonly #byClient = new Map<bigint, Slot>();

  /** Allocates the encoded size. */
  constructor({ config, memory }: { readonly config: Config; readonly memory: LinearMemory }) {
    const size = clientSessionsEncodeSize(config);
    const start = memory.allocate(size, ALIGNMENT_BYTES, "client sessions");
    const bytes = memory.bytes.subarray(start, start + size).fill(0);
    this.#bytes = bytes;
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
    this.#slots = Array.from({ length: config.cluster.clientsMax }, (_, slot) => {
      return { slot, session: 0, header: new ReplyHeader(bytes, slot * HEADER_SIZE_BYTES) };
    });
  }

  /** The size of the encoded table in bytes. */
  get encodeSizeBytes(): number {
    return this.#bytes.length;
  }

  /** How many clients have a session. */
  get count(): number {
    return this.#byClient.size;
  }

  /** How many clients can have a session. */
  get capacity(): number {
    return this.#slots.length;
  }

  /** Whether a new client needs another one's slot. */
  get full(): boolean {
    return this.count === this.capacity;
  }

  /** The session of a client (u128), or null. */
  get(client: bigint): ClientSession | null {
    assert(client !== 0n, "client 0 has no session");
    return this.#byClient.get(client) ?? null;
  }

  /** The session in a slot, or null if the slot is free. */
  at(slot: number): ClientSession | null {
    const entry = this.#slots[slot];
    assert(entry !== undefined, () => `slot ${slot} of ${this.capacity}`);
    return entry.session === 0 ? null : entry;
  }

  /** All sessions in the order of their slots. */
  *entries(): IterableIterator<ClientSession> {
    for (const entry of this.#slots) if (entry.session !== 0) yield entry;
  }

  /** Whom to remove when the table is full: the client whose latest reply is the oldest. */
  evictee(): ClientSession {
    assert(this.full, () => `${this.count} of ${this.capacity} sessions`);
    let oldest: Slot | null = null;
    for (const entry of this.#slots) {
      if (oldest === null || entry.header.commit < oldest.header.commit) oldest = entry;
      else assert(entry.header.commit !== oldest.header.commit, () => `two replies of op ${entry.header.commit}`);
    }
    assert(oldest !== null, "a full table is not empty");
    return oldest;
  }

  /**
   * Gives a new client the lowest free slot. A full table must be relieved of its {@link evictee} first.
   *
   * @param session the op of the `register` request.
   * @param reply the header of its reply, which is copied.
   */
  insert(session: number, reply: ReplyHeader): ClientSession {
    assert(Number.isSafeInteger(session) && session > 0, () => `session ${session}`);
    assert(
      reply.commit >= session && reply.commit === reply.op,
      () => `op ${reply.op}, commit ${reply.commit}, session ${session}`,
    );
    assert(reply.client !== 0n && !this.#byClient.has(reply.client), () => `client ${reply.client} has a session`);
    const entry = this.#slots.find((slot) => slot.session === 0);
    assert(entry !== undefined, "a slot is free");
    this.#set(entry, session, reply);
    return entry;
  }

  /** Replaces the latest reply of a client that has a session. The header is copied. */
  update(reply: ReplyHeader): ClientSession {
    const entry = this.#byClient.get(reply.client);
    assert(entry !== undefined, () => `client ${reply.client} has no session`);
    assert(entry.header.cluster === reply.cluster, "a session stays in its cluster");
    assert(reply.commit > entry.header.commit, () => `op ${reply.commit} after ${entry.header.commit}`);
    assert(reply.commit === reply.op, () => `op ${reply.op}, commit ${reply.commit}`);
    this.#set(entry, entry.session, reply);
    return entry;
  }

  /** Ends a client's session and frees its slot. */
  remove(client: bigint): void {
    const entry = this.#byClient.get(client);
    assert(entry !== undefined, () => `client ${client} has no session`);
    this.#byClient.delete(client);
    entry.session = 0;
    recordBytes(entry.header).fill(0);
    writeU53(this.#view, this.#sessionOffset(entry.slot), 0);
  }

  /** Ends all sessions. */
  reset(): void {
    this.#byClient.clear();
    for (const entry of this.#slots) entry.session = 0;
    this.#bytes.fill(0);
  }

  /** Writes the encoded table, {@link encodeSizeBytes}. */
  encode(target: Uint8Array): void {
    assert(target.length === this.#bytes.length, () => `${target.length} bytes for ${this.#bytes.length}`);
    target.set(this.#bytes);
  }

  /**
   * Replaces the table by an encoded one. Safe on any bytes of the right size.
   *
   * @returns why the bytes are not an encoded table, or null. The table is empty then. Bytes whose checksum was verified
   * are never refused unless a replica wrote them wrongly.
   */
  decode(source: Uint8Array): string | null {
    this.reset();
    if (source.length !== this.#bytes.length) return `${source.length} bytes, not ${this.#bytes.length}`;
    this.#bytes.set(source);
    for (const entry of this.#slots) {
      const reason = this.#decodeSlot(entry);
      if (reason === null) continue;
      this.reset();
      return `slot ${entry.slot}: ${reason}`;
    }
    return null;
  }

  #decodeSlot(entry: Slot): string | null {
    const { header, slot } = entry;
    if (!isSafeU64(this.#view, this.#sessionOffset(slot))) return "session is out of range";
    const session = readU53(this.#view, this.#sessionOffset(slot));
    if (session === 0) return recordBytes(header).every((byte) => byte === 0) ? null : "a free slot is not zero";
    if (header.checksum !== checksumOf(recordBytes(header).subarray(16))) return "checksum";
    if (header.command !== Command.reply) return `command ${header.command}`;
    if (!isSafeU64(header.dataView, header.offset + REPLY_LAYOUT.commit.offset)) return "commit is out of range";
    if (header.commit < session) return `commit ${header.commit} is below the session ${session}`;
    if (header.client === 0n || this.#byClient.has(header.client)) return `client ${header.client} is not unique`;
    entry.session = session;
    this.#byClient.set(header.client, entry);
    return null;
  }

  #set(entry: Slot, session: number, reply: ReplyHeader): void {
    recordBytes(entry.header).set(recordBytes(reply));
    entry.session = session;
    writeU53(this.#view, this.#sessionOffset(entry.slot), session);
    this.#byClient.set(reply.client, entry);
  }

  #sessionOffset(slot: number): number {
    return this.capacity * HEADER_SIZE_BYTES + slot * SESSION_SIZE_BYTES;
  }
}
