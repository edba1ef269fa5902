/**
 * Ending a client's session, or refusing it one (spec 03 §22.5, spec 01 §4.21).
 *
 * @module
 */
import { assert } from "@stagbeetle/kernels";
import { Command } from "../command.ts";
import { type EvictionReason, evictionReasonName } from "../eviction.ts";
import type { Checksums } from "../message/checksums.ts";
import { EvictionHeader } from "../message/eviction.ts";
import { initHeader } from "../message/frame.ts";
import type { MessagePool } from "../message/pool.ts";
import type { Logger } from "../ports/logger.ts";
import type { Release } from "../release.ts";
import type { Identity } from "./identity.ts";
import type { Outbox } from "./outbox.ts";
import type { Status } from "./status.ts";
import type { DurableView } from "./view-durable.ts";

/** What evictions are sent with. */
export interface EvictionsOptions {
  readonly release: Release;
  readonly identity: Identity;
  readonly status: Status;
  readonly view: DurableView;
  readonly outbox: Outbox;
  readonly pool: MessagePool;
  readonly checksums: Checksums;
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
    const { status, identity, view } = this.#options;
    return status.normal && identity.primaryOf(view.view);
  }

  /** Tells a client that it has no session any more, and why. `because` is for the log. */
  evict(client: bigint, reason: EvictionReason, because: string): void {
    assert(this.allowed, () => `client ${client} is evicted by a replica that may not`);
    assert(client !== 0n, "the cluster does not evict itself");
    const { release, identity, view, outbox, pool, checksums, logger } = this.#options;
    const message = pool.acquire();
    const header = message.as(EvictionHeader);
    initHeader(header, Command.eviction, identity.cluster);
    header.view = view.logViewDurable;
    header.release = release;
    header.replica = identity.replica;
    header.client = client;
    header.reason = reason;
    checksums.setEmptyBody(header);
    logger.log("info", `client evicted: ${because}`, { client, reason: evictionReasonName(reason) });
    outbox.sendToClient(client, message);
    message.release();
  }
}
