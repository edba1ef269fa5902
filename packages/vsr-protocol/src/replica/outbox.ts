/**
 * The way out: every message that this replica sends passes here (spec 03 §10).
 *
 * @module
 */
import { assert } from "@stagbeetle/kernels";
import { Command } from "../command.ts";
import type { Config } from "../config/config.ts";
import { recordBytes } from "../layout.ts";
import { HEADER_SIZE_BYTES } from "../message/frame.ts";
import { invalidHeader } from "../message/invalid.ts";
import type { Message } from "../message/message.ts";
import type { MessageBus } from "../ports/message-bus.ts";
import { bytesEqual, type SuperBlockImage } from "../superblock/image.ts";
import type { Identity } from "./identity.ts";
import type { MessageCounters } from "./metrics.ts";
import { type SendFacts, sendToClientForbidden, sendToReplicaForbidden } from "./send-rules.ts";
import type { DurableView } from "./view-durable.ts";

/** What messages are sent with. */
export interface OutboxOptions extends SendFacts {
  readonly config: Config;
  readonly identity: Pick<Identity, "replica" | "standby" | "primaryIndex" | "replicaCount" | "nodeCount">;
  readonly view: Pick<DurableView, "view" | "logView" | "viewDurable" | "logViewDurable">;
  readonly superblock: { readonly working: Pick<SuperBlockImage, "viewHeaders"> };
  readonly bus: Pick<MessageBus, "sendMessageToReplica" | "sendMessageToClient">;
  readonly counters: MessageCounters;
  /** Takes a message of the replica to itself. The reference stays the caller's. */
  readonly deliver: (message: Message) => void;
}

/** The commands that state or imply that the log is that of `log_view`. */
const OF_LOG_VIEW: ReadonlySet<number> = new Set([Command.joinView, Command.view, Command.prepareOk]);

/** Hands messages to the bus, or to the replica itself, and counts them. The caller of `send…` keeps its reference. */
export class Outbox {
  readonly #options: OutboxOptions;
  /** The message of the replica to itself that was not delivered yet. */
  #loopback: Message | null = null;

  constructor(options: OutboxOptions) {
    this.#options = options;
  }

  /** Whether a message of the replica to itself waits for {@link flushLoopback}. Never between two events. */
  get loopbackPending(): boolean {
    return this.#loopback !== null;
  }

  /** Sends a finished message to a client. */
  sendToClient(client: bigint, message: Message): void {
    const { bus, counters } = this.#options;
    this.#assertValid(message);
    const forbidden = sendToClientForbidden(message, this.#options);
    assert(forbidden === null, () => `command ${message.header.command} to client ${client}: ${forbidden ?? ""}`);
    counters.count(message.header.command);
    bus.sendMessageToClient(client, message);
  }

  /**
   * Sends a finished message to a replica or standby. To others it may be dropped: by the network, or here, while what it
   * says of the view is not durable; then it is sent again once that is. To itself it is kept until
   * {@link flushLoopback} and never lost.
   */
  sendToReplica(replica: number, message: Message): void {
    const { identity, bus, counters } = this.#options;
    assert(replica < identity.nodeCount, () => `replica ${replica} of ${identity.nodeCount}`);
    this.#assertValid(message);
    const forbidden = sendToReplicaForbidden(message, replica, this.#options);
    assert(forbidden === null, () => `command ${message.header.command} to replica ${replica}: ${forbidden ?? ""}`);
    if (replica === identity.replica) {
      this.sendToSelf(message);
    } else if (!this.#gated(message)) {
      counters.count(message.header.command);
      bus.sendMessageToReplica(replica, message);
    }
  }

  /** Sends to all replicas but this one, in the order of their indexes. Not to standbys. */
  sendToOtherReplicas(message: Message): void {
    this.#sendToOthers(message, this.#options.identity.replicaCount);
  }

  /** Sends to all replicas and standbys but this one, in the order of their indexes. */
  sendToOtherReplicasAndStandbys(message: Message): void {
    this.#sendToOthers(message, this.#options.identity.nodeCount);
  }

  /** Keeps a message of the replica to itself until {@link flushLoopback}. One at a time. */
  sendToSelf(message: Message): void {
    assert(this.#loopback === null, () => `command ${message.header.command} behind one that was not delivered`);
    this.#assertValid(message);
    this.#loopback = message.reference();
  }

  /** Delivers the message of the replica to itself, if there is one. */
  flushLoopback(): void {
    const message = this.#loopback;
    if (message === null) return;
    this.#loopback = null;
    this.#options.deliver(message);
    message.release();
  }

  #sendToOthers(message: Message, count: number): void {
    const { replica } = this.#options.identity;
    for (let destination = 0; destination < count; destination += 1) {
      if (destination !== replica) this.sendToReplica(destination, message);
    }
  }

  /**
   * Whether the message would show a view that a crash could undo. What others authored promises nothing for this
   * replica, and a `get_view` only asks.
   */
  #gated(message: Message): boolean {
    const { identity, view } = this.#options;
    const { header } = message;
    const authored = header.replica === identity.replica && header.command !== Command.request;
    if (!authored || header.command === Command.getView) return false;
    if (header.view > view.viewDurable) return true;
    if (OF_LOG_VIEW.has(header.command) && view.logViewDurable < view.logView) return true;
    if (header.command === Command.joinView) this.#assertDurableHeaders(message);
    return false;
  }

  /** A replica joins a view with exactly the log that its superblock promises. */
  #assertDurableHeaders(message: Message): void {
    const headers = this.#options.superblock.working.viewHeaders();
    const body = message.body();
    assert(
      body.length === headers.length * HEADER_SIZE_BYTES,
      () => `${body.length} bytes of ${headers.length} view headers`,
    );
    for (const [index, header] of headers.entries()) {
      const at = index * HEADER_SIZE_BYTES;
      assert(
        bytesEqual(recordBytes(header), body.subarray(at, at + HEADER_SIZE_BYTES)),
        () => `view header ${index} of a join_view is not the durable one`,
      );
    }
  }

  #assertValid(message: Message): void {
    const invalid = invalidHeader(message.header, this.#options.config);
    assert(invalid === null, () => `command ${message.header.command} is invalid: ${invalid ?? ""}`);
  }
}
