/**
 * Pings (spec 03 §11, spec 01 §9.2). By them replicas compare their clocks and learn which releases there are, and a client
 * learns which view it is and that its session is alive.
 *
 * @module
 */
import { assert } from "@stagbeetle/kernels";
import type { ClientSessions } from "../clients/sessions.ts";
import type { Clock } from "../clock/clock.ts";
import { Command } from "../command.ts";
import type { Config } from "../config/config.ts";
import { EvictionReason } from "../eviction.ts";
import { HEADER_SIZE_BYTES } from "../message/frame.ts";
import type { Message } from "../message/message.ts";
import { PingHeader, pingSizeBytes } from "../message/ping.ts";
import { PongHeader } from "../message/pong.ts";
import { PingClientHeader } from "../message/ping-client.ts";
import { PongClientHeader } from "../message/pong-client.ts";
import type { Logger } from "../ports/logger.ts";
import { readReleaseList, type Release, writeReleaseList } from "../release.ts";
import type { SuperBlock } from "../superblock/superblock.ts";
import type { Timeout } from "../timeout.ts";
import type { CheckpointWindow } from "./checkpoint-window.ts";
import type { Evictions } from "./evictions.ts";
import type { Identity } from "./identity.ts";
import type { LogPosition } from "./log-position.ts";
import type { MessageBuilder } from "./message-builder.ts";
import type { Outbox } from "./outbox.ts";
import type { Status } from "./status.ts";
import type { Timeouts } from "./timeouts.ts";
import type { Upgrades } from "./upgrade.ts";
import type { DurableView } from "./view-durable.ts";

/** What pings are made of and answered with. */
export interface PingsOptions {
  readonly config: Config;
  readonly release: Release;
  readonly releaseClientMin: Release;
  /** The releases that this installation can run, ascending, the running one among them. May grow. */
  readonly releasesBundled: () => readonly Release[];
  readonly identity: Identity;
  readonly status: Pick<Status, "current">;
  readonly view: DurableView;
  readonly log: LogPosition;
  readonly window: Pick<CheckpointWindow, "opCheckpoint">;
  readonly superblock: Pick<SuperBlock, "checkpointIds">;
  readonly clock: () => Pick<Clock, "monotonic" | "realtime" | "learn" | "roundTripTimeMedian">;
  readonly sessions: ClientSessions;
  readonly evictions: Evictions;
  readonly upgrades: Pick<Upgrades, "onPing">;
  readonly messages: MessageBuilder;
  readonly outbox: Outbox;
  readonly timeouts: Timeouts;
  readonly logger: Logger;
}

/** Pings the others, and answers pings. */
export class Pings {
  readonly #options: PingsOptions;

  constructor(options: PingsOptions) {
    this.#options = options;
  }

  /** The ping timeout: pings all other replicas and standbys. */
  onTimeout(timeout: Timeout): void {
    const { config, release, releasesBundled, view, window, superblock, clock, messages, outbox } = this.#options;
    timeout.reset();
    const releases = releasesBundled();
    assert(releases.includes(release), "the running release is bundled");
    const bodySizeBytes = pingSizeBytes(config) - HEADER_SIZE_BYTES;
    const ping = messages.message(PingHeader, Command.ping, view.viewDurable, bodySizeBytes, (header, body) => {
      header.release = release;
      header.checkpointId = superblock.checkpointIds.id;
      header.checkpointOp = window.opCheckpoint;
      header.pingTimestampMonotonic = clock().monotonic();
      header.releaseCount = releases.length;
      writeReleaseList(body, releases);
    });
    outbox.sendToOtherReplicasAndStandbys(ping);
    ping.release();
  }

  /** A ping of another replica or standby gets a pong, and tells which releases it has. */
  onPing(message: Message): void {
    const { identity, status, outbox, upgrades } = this.#options;
    const ping = message.as(PingHeader);
    if (ping.replica === identity.replica) return this.#drop("warn", ping.replica, "on_ping: of this replica");
    if (status.current !== "normal" && status.current !== "view_change") return;
    const pong = this.#pong(ping);
    outbox.sendToReplica(ping.replica, pong);
    pong.release();
    const releases = readReleaseList(message.body(), ping.releaseCount);
    if (ping.replica < identity.replicaCount) upgrades.onPing(ping, releases);
  }

  /** The answer of a replica: its clock, and how long the way to it and back took. */
  onPong(message: Message): void {
    const { identity, clock, timeouts } = this.#options;
    const pong = message.as(PongHeader);
    if (pong.replica === identity.replica) return this.#drop("warn", pong.replica, "on_pong: of this replica");
    // Standbys are pinged like all others. The time of the cluster is not theirs to say.
    if (pong.replica >= identity.replicaCount) return this.#drop("debug", pong.replica, "on_pong: of a standby");
    const time = clock();
    time.learn(pong.replica, pong.pingTimestampMonotonic, pong.pongTimestampWall, time.monotonic());
    const roundTrip = time.roundTripTimeMedian();
    if (roundTrip !== null) timeouts.get("prepare").setRttNs(roundTrip);
  }

  /** A client's ping gets a pong in any status, unless the client cannot be served at all. */
  onPingClient(message: Message): void {
    const { identity, release, releaseClientMin, evictions } = this.#options;
    const ping = message.as(PingClientHeader);
    if (identity.standby) return;
    if (this.#sessionGone(ping)) {
      evictions.evict(ping.client, EvictionReason.noSession, "on_ping_client: no session");
    } else if (ping.release < releaseClientMin) {
      this.#refuse(ping, EvictionReason.clientReleaseTooLow, "on_ping_client: release too low");
    } else if (ping.release > release) {
      this.#refuse(ping, EvictionReason.clientReleaseTooHigh, "on_ping_client: release too high");
    } else {
      this.#pongClient(ping);
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

  #pongClient(ping: PingClientHeader): void {
    const { release, view, messages, outbox } = this.#options;
    assert(view.logViewDurable <= view.view, "a durable view is known");
    // Never the view in memory: a client that knew a view which a crash undoes would be locked out.
    const pong = messages.header(PongClientHeader, Command.pongClient, view.logViewDurable, (header) => {
      header.release = release;
      header.pingTimestampMonotonic = ping.pingTimestampMonotonic;
    });
    outbox.sendToClient(ping.client, pong);
    pong.release();
  }

  #pong(ping: PingHeader): Message {
    const { release, view, clock, messages } = this.#options;
    return messages.header(PongHeader, Command.pong, view.viewDurable, (header) => {
      header.release = release;
      header.pingTimestampMonotonic = ping.pingTimestampMonotonic;
      header.pongTimestampWall = clock().realtime();
    });
  }

  #drop(level: "warn" | "debug", replica: number, because: string): void {
    this.#options.logger.log(level, `${because}: dropped`, { replica });
  }
}
