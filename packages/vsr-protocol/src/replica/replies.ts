/**
 * Replies: sending them, and finding them again for a client that asks twice (spec 03 §22.2, §22.3, spec 01 §9.7).
 *
 * @module
 */
import { assert } from "@stagbeetle/kernels";
import type { ClientReplies } from "../clients/replies.ts";
import type { ClientSession } from "../clients/sessions.ts";
import { recordBytes } from "../layout.ts";
import type { Checksums } from "../message/checksums.ts";
import { HEADER_SIZE_BYTES } from "../message/frame.ts";
import type { Message } from "../message/message.ts";
import type { MessagePool } from "../message/pool.ts";
import { ReplyHeader, setReplyView } from "../message/reply.ts";
import type { Logger } from "../ports/logger.ts";
import type { Release } from "../release.ts";
import type { CheckpointWindow } from "./checkpoint-window.ts";
import type { Identity } from "./identity.ts";
import type { Outbox } from "./outbox.ts";
import { answers } from "./reply-hedge.ts";
import type { Status } from "./status.ts";
import type { DurableView } from "./view-durable.ts";

/** What replies are sent with. */
export interface RepliesOptions {
  readonly release: Release;
  readonly identity: Pick<Identity, "replica" | "replicaCount" | "primaryIndex" | "solo">;
  readonly status: Pick<Status, "current">;
  readonly view: DurableView;
  readonly window: CheckpointWindow;
  readonly clientReplies: ClientReplies;
  readonly outbox: Outbox;
  readonly pool: MessagePool;
  readonly checksums: Checksums;
  readonly logger: Logger;
}

/** Sends replies to clients. */
export class Replies {
  readonly #options: RepliesOptions;

  constructor(options: RepliesOptions) {
    this.#options = options;
  }

  /**
   * Sends the reply of an op that was just executed, if this replica is one of those that answer.
   *
   * @returns whether it did.
   */
  sendExecuted(reply: Message): boolean {
    const { identity, status, view } = this.#options;
    // Nobody is connected yet while a replica that is alone replays its log.
    if (status.current === "recovering") return false;
    const { replica, replicaCount } = identity;
    const answering = answers(reply.as(ReplyHeader).op, replica, identity.primaryIndex(view.view), replicaCount);
    if (answering) this.send(reply);
    return answering;
  }

  /**
   * Sends a reply as it is stored, or, if it was prepared in an older view, a copy that tells the client of the newer
   * one: else it would go on talking to the old primary. The chain of requests is tied to `context`, which stays.
   */
  send(reply: Message): void {
    const { release, view, window, pool, checksums, outbox } = this.#options;
    const header = reply.as(ReplyHeader);
    assert(header.op <= window.opCheckpointNextTrigger, () => `op ${header.op} is answered before its checkpoint`);
    assert(header.release <= release, () => `op ${header.op} has release ${header.release}`);
    assert(header.view <= view.view, () => `op ${header.op} was prepared in view ${header.view}`);
    if (header.view >= view.logViewDurable) {
      outbox.sendToClient(header.client, reply);
      return;
    }
    const copy = pool.acquire();
    copy.buffer.set(reply.bytes());
    setReplyView(copy.as(ReplyHeader), view.logViewDurable, checksums);
    outbox.sendToClient(header.client, copy);
    copy.release();
  }

  /** Sends the latest reply of a session once more: from memory if it is there, else from disk. */
  resend(session: ClientSession): void {
    const { clientReplies, logger } = this.#options;
    const { client } = session.header;
    if (session.header.size === HEADER_SIZE_BYTES) {
      this.#resendHeader(session);
      return;
    }
    const inMemory = clientReplies.readFromMemory(session);
    if (inMemory !== null) {
      this.send(inMemory);
      return;
    }
    const reading = clientReplies.read(session, (reply) => this.#onRead(client, reply));
    if (!reading && logger.enabled("debug"))
      logger.log("debug", "on_request: no read is free for the reply", { client });
  }

  /** A reply without a body is its header, which the session has. */
  #resendHeader(session: ClientSession): void {
    const reply = this.#options.pool.acquire();
    reply.buffer.set(recordBytes(session.header));
    this.send(reply);
    reply.release();
  }

  #onRead(client: bigint, reply: Message | null): void {
    if (reply === null) {
      // With others around, it is repaired. Else the client's session is stuck; all others go on.
      if (this.#options.identity.solo)
        this.#options.logger.log("error", "the stored reply of a client is damaged; the client has to be restarted", {
          client,
        });
      return;
    }
    this.send(reply);
    reply.release();
  }
}
