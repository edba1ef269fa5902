/**
 * Pings of clients (spec 03 §11, spec 01 §9.2): by them a client learns which view it is, and that its session is alive.
 *
 * @module
 */
import { assert } from "@stagbeetle/kernels";
import type { ClientSessions } from "../clients/sessions.ts";
import { Command } from "../command.ts";
import { EvictionReason } from "../eviction.ts";
import type { Checksums } from "../message/checksums.ts";
import { initHeader } from "../message/frame.ts";
import type { Message } from "../message/message.ts";
import { PingClientHeader } from "../message/ping-client.ts";
import { PongClientHeader } from "../message/pong-client.ts";
import type { MessagePool } from "../message/pool.ts";
import type { Release } from "../release.ts";
import type { Evictions } from "./evictions.ts";
import type { Identity } from "./identity.ts";
import type { LogPosition } from "./log-position.ts";
import type { Outbox } from "./outbox.ts";
import type { DurableView } from "./view-durable.ts";

/** What pings are answered with. */
export interface PingsOptions {
  readonly release: Release;
  readonly releaseClientMin: Release;
  readonly identity: Identity;
  readonly view: DurableView;
  readonly log: LogPosition;
  readonly sessions: ClientSessions;
  readonly evictions: Evictions;
  readonly outbox: Outbox;
  readonly pool: MessagePool;
  readonly checksums: Checksums;
}

/** Answers pings. */
export class Pings {
  readonly #options: PingsOptions;

  constructor(options: PingsOptions) {
    this.#options = options;
  }

  /** A client's ping gets a pong in any status, unless the client cannot be served at all. */
  onPingClient(message: Message): void {
    const { release, releaseClientMin, evictions } = this.#options;
    const ping = message.as(PingClientHeader);
    if (this.#sessionGone(ping)) {
      evictions.evict(ping.client, EvictionReason.noSession, "on_ping_client: no session");
    } else if (ping.release < releaseClientMin) {
      this.#refuse(ping, EvictionReason.clientReleaseTooLow, "on_ping_client: release too low");
    } else if (ping.release > release) {
      this.#refuse(ping, EvictionReason.clientReleaseTooHigh, "on_ping_client: release too high");
    } else {
      this.#pong(ping);
    }
  }

  /** Whether the client's session, which was registered before what is executed here, is gone for certain. */
  #sessionGone(ping: PingClientHeader): boolean {
    const { sessions, evictions, log } = this.#options;
    if (ping.session === 0 || sessions.get(ping.client) !== null) return false;
    return evictions.allowed && log.commitMin >= ping.session;
  }

  #refuse(ping: PingClientHeader, reason: EvictionReason, because: string): void {
    if (this.#options.evictions.allowed) this.#options.evictions.evict(ping.client, reason, because);
  }

  #pong(ping: PingClientHeader): void {
    const { release, identity, view, outbox, pool, checksums } = this.#options;
    const message = pool.acquire();
    const pong = message.as(PongClientHeader);
    assert(view.logViewDurable <= view.view, "a durable view is known");
    initHeader(pong, Command.pongClient, identity.cluster);
    // Never the view in memory: a client that knew a view which a crash undoes would be locked out.
    pong.view = view.logViewDurable;
    pong.release = release;
    pong.replica = identity.replica;
    pong.pingTimestampMonotonic = ping.pingTimestampMonotonic;
    checksums.setEmptyBody(pong);
    outbox.sendToClient(ping.client, message);
    message.release();
  }
}
