/**
 * Ending a client's session, or refusing it one (spec 03 §22.5, spec 01 §4.21).
 *
 * @module
 */
import { assert } from "@stagbeetle/kernels";
import { Command } from "../command.ts";
import { type EvictionReason, evictionReasonName } from "../eviction.ts";
import { EvictionHeader } from "../message/eviction.ts";
import type { Logger } from "../ports/logger.ts";
import type { Release } from "../release.ts";
import type { MessageBuilder } from "./message-builder.ts";
import type { Outbox } from "./outbox.ts";
import type { Roles } from "./roles.ts";
import type { DurableView } from "./view-durable.ts";

/** What evictions are sent with. */
export interface EvictionsOptions {
  readonly release: Release;
  readonly roles: Pick<Roles, "primary">;
  readonly view: Pick<DurableView, "logViewDurable">;
  readonly outbox: Pick<Outbox, "sendToClient">;
  readonly messages: MessageBuilder;
  readonly logger: Logger;
}

/** Sends evictions. They end the client for good, so only the primary of a view that is under way may send one. */
export class Evictions {
  readonly #options: EvictionsOptions;

  constructor(options: EvictionsOptions) {
    this.#options = options;
  }

  /** Whether this replica may end sessions. */
  get allowed(): boolean {
    return this.#options.roles.primary;
  }

  /** Tells a client that it has no session any more, and why. `because` is for the log. */
  evict(client: bigint, reason: EvictionReason, because: string): void {
    assert(this.allowed, () => `client ${client} is evicted by a replica that may not`);
    assert(client !== 0n, "the cluster does not evict itself");
    const { release, view, outbox, messages, logger } = this.#options;
    const message = messages.header(EvictionHeader, Command.eviction, view.logViewDurable, (header) => {
      header.release = release;
      header.client = client;
      header.reason = reason;
    });
    logger.log("info", `client evicted: ${because}`, { client, reason: evictionReasonName(reason) });
    outbox.sendToClient(client, message);
    message.release();
  }
}
