/**
 * The way in: from a connection's bytes to the handler of a message (spec 03 §9, spec 01 §9.1).
 *
 * Nothing that arrives can be trusted. Where the reference stops the process because a peer is wrong (spec 01 §16.2), the
 * message is dropped here.
 *
 * @module
 */
import { assert } from "@stagbeetle/kernels";
import { Command, commandName } from "../command.ts";
import type { Config } from "../config/config.ts";
import { isZero } from "../layout.ts";
import type { Header } from "../message/frame.ts";
import type { Checksums } from "../message/checksums.ts";
import { invalidBody } from "../message/invalid-body.ts";
import { invalidHeader } from "../message/invalid.ts";
import type { MessageBuffer } from "../message/message-buffer.ts";
import type { Message } from "../message/message.ts";
import { REQUEST_LAYOUT, RequestHeader } from "../message/request.ts";
import type { Journal } from "../ports/journal.ts";
import type { Logger } from "../ports/logger.ts";
import type { MessageBus } from "../ports/message-bus.ts";
import { sectorCeil } from "../sector.ts";
import type { Identity } from "./identity.ts";
import type { Outbox } from "./outbox.ts";
import type { MessageCounters, ReleasesSeen } from "./metrics.ts";

/** What to do with a message of a command whose header is valid. The reference stays the caller's. */
export type MessageHandlers = ReadonlyMap<number, (message: Message) => void>;

/** What messages are received with. */
export interface IngressOptions {
  readonly config: Config;
  readonly identity: Identity;
  /** How many replicas and standbys there are. */
  readonly nodeCount: number;
  readonly aofRecovery: boolean;
  readonly journal: Pick<Journal, "writeAvailable">;
  readonly bus: Pick<MessageBus, "resumeReceive">;
  readonly outbox: Pick<Outbox, "loopbackPending">;
  /** Whether a `block` could be written now. */
  readonly blockWriteAvailable: () => boolean;
  /** Whether a state sync drops everything: the view must not move on beyond that of the log to be installed. */
  readonly syncCanceling: () => boolean;
  /** Runs before a message of a replica is handled: it may tell of a newer view. */
  readonly onHeader: (header: Header) => void;
  readonly checksums: Checksums;
  readonly counters: MessageCounters;
  readonly releasesSeen: ReleasesSeen;
  readonly handlers: MessageHandlers;
  readonly logger: Logger;
}

/**
 * The highest view that is believed: four billion views are not reached in the life of a cluster, and from here on there is room
 * for more, whatever happens.
 */
const VIEW_MAX = 0xffff_0000;

/** The commands whose messages are written to disk as they are, so that the bytes after them must be zero. */
const STORED: ReadonlySet<number> = new Set([Command.request, Command.prepare, Command.block, Command.reply]);

/** The commands whose header has the index of the replica that sends them. */
const OF_SENDER: ReadonlySet<number> = new Set([
  Command.ping,
  Command.pong,
  Command.prepareOk,
  Command.commit,
  Command.exitView,
  Command.joinView,
  Command.view,
  Command.getView,
  Command.getHeaders,
  Command.getPrepare,
  Command.getReply,
  Command.headers,
  Command.getBlocks,
]);

/** Takes messages from connections, filters them, and dispatches them. */
export class Ingress {
  readonly #options: IngressOptions;
  /** Whether a connection keeps messages that it has to offer again. */
  #suspended = false;

  constructor(options: IngressOptions) {
    this.#options = options;
  }

  /** Visits all complete messages of a connection. */
  onMessages(buffer: MessageBuffer): void {
    const { identity } = this.#options;
    for (let header = buffer.next(); header !== null; header = buffer.next()) {
      if (!identity.loaded) {
        buffer.consume().release();
      } else if (header.cluster !== identity.cluster) {
        this.#warn(header, `of cluster ${header.cluster}; the connection is closed`);
        buffer.invalidate("header_cluster");
      } else if (this.#mustWait(header)) {
        this.#suspended = true;
        buffer.suspend();
      } else {
        this.#onBytes(buffer.consume());
      }
    }
  }

  /** Whether a connection keeps messages although they could be taken: someone forgot to call {@link Ingress.resume}. */
  get stuck(): boolean {
    const { journal, blockWriteAvailable } = this.#options;
    return this.#suspended && journal.writeAvailable() && blockWriteAvailable();
  }

  /** A write of the journal or of a block has ended: messages that had to wait for one may come again. */
  resume(): void {
    if (!this.#suspended) return;
    this.#suspended = false;
    this.#options.bus.resumeReceive();
  }

  /**
   * Takes one message whose checksums are valid. The reference stays the caller's.
   *
   * @returns whether it was handled, not dropped.
   */
  onMessage(message: Message): boolean {
    const { config, identity, nodeCount, checksums, counters, handlers, outbox, syncCanceling, onHeader } =
      this.#options;
    const { header } = message;
    const invalid = invalidHeader(header, config) ?? invalidBody(message, config, checksums);
    if (invalid !== null) return this.#drop(header, invalid);
    if (header.cluster !== identity.cluster) return this.#drop(header, `of cluster ${header.cluster}`);
    if (header.view > VIEW_MAX) return this.#drop(header, `of view ${header.view}`);
    if (header.replica >= nodeCount) return this.#drop(header, `of replica ${header.replica} of ${nodeCount}`);
    counters.count(header.command);
    if (syncCanceling()) return false;
    onHeader(header);
    const handler = handlers.get(header.command);
    if (handler === undefined) return this.#drop(header, "misdirected: it is for clients");
    this.#seeRelease(message);
    handler(message);
    assert(!outbox.loopbackPending, () => `command ${header.command} leaves a message of the replica to itself`);
    return true;
  }

  #onBytes(message: Message): void {
    const { header } = message;
    // The header is not validated yet, but its checksum is, and its size is within the buffer.
    if (STORED.has(header.command)) message.buffer.fill(0, header.size, sectorCeil(header.size));
    if (this.#forged(message)) this.#warn(header, "of client 0");
    else if (this.#misdirected(header)) this.#warn(header, "of this replica");
    else this.onMessage(message);
    message.release();
  }

  /** Only the cluster itself is client 0, and it does not use the network; but an AOF's requests come over it. */
  #forged(message: Message): boolean {
    if (message.header.command !== Command.request || this.#options.aofRecovery) return false;
    return isZero(message.as(RequestHeader), REQUEST_LAYOUT.client);
  }

  /** What a replica says to itself does not use the network. Prepares, replies and blocks carry the index of someone else. */
  #misdirected({ command, replica }: Header): boolean {
    return OF_SENDER.has(command) && replica === this.#options.identity.replica;
  }

  /** Back-pressure: a prepare or block stays in the connection's buffer while it could not be written. */
  #mustWait(header: Header): boolean {
    const { journal, blockWriteAvailable } = this.#options;
    if (header.command === Command.prepare) return !journal.writeAvailable();
    return header.command === Command.block && !blockWriteAvailable();
  }

  #seeRelease(message: Message): void {
    const { command, release } = message.header;
    const ofClient =
      command === Command.pingClient ||
      (command === Command.request && !isZero(message.as(RequestHeader), REQUEST_LAYOUT.client));
    if (ofClient) this.#options.releasesSeen.see(release);
  }

  #drop(header: Header, because: string): false {
    this.#warn(header, because);
    return false;
  }

  #warn(header: Header, because: string): void {
    const { logger } = this.#options;
    if (!logger.enabled("warn")) return;
    logger.log("warn", `on_message: dropped: ${because}`, {
      command: commandName(header.command),
      replica: header.replica,
    });
  }
}
