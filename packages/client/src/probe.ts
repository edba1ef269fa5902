/**
 * Looking at a cluster without touching it.
 *
 * @module
 */
import { assert } from "@stagbeetle/kernels";
import {
  type Checksums,
  Command,
  type Config,
  EvictionHeader,
  EvictionReason,
  type Header,
  initHeader,
  invalidHeader,
  type MessageBuffer,
  type MessageBus,
  type MessageBusReceiver,
  type MessagePool,
  PingClientHeader,
  PongClientHeader,
  type Release,
  type Time,
} from "@stagbeetle/vsr-protocol";

import { type Diagnosis, evictionFinding } from "./diagnosis/diagnosis.ts";
import type { Finding } from "./diagnosis/finding.ts";

/** What a probe is made with. */
export interface ProbeOptions {
  readonly config: Config;
  readonly pool: MessagePool;
  readonly checksums: Checksums;
  readonly bus: MessageBus;
  readonly time: Time;
  readonly cluster: bigint;
  /** Random: u128, neither 0 nor 2^128 − 1. */
  readonly client: bigint;
  readonly release: Release;
  readonly replicaCount: number;
}

/** Who a replica is, as far as its answers tell: `primary` and `backup` are those of a view that is under way. */
export type ProbeRole = "unknown" | "backup" | "primary";

interface Sent {
  readonly plainNs: bigint;
  readonly withSessionNs: bigint;
}

/** No session has this number: the first op of a log registers none. */
const NO_SESSION = 1;

/**
 * Asks each replica twice how it is: by a ping without a session, which every replica answers, and by one of a session that
 * does not exist, which the primary answers with an eviction and the others with a pong. So it finds the primary without a
 * session of its own, which would cost somebody else's.
 */
export class Probe implements MessageBusReceiver {
  readonly #options: ProbeOptions;
  readonly #sent: (Sent | null)[];
  readonly #plainAnswered: boolean[];
  readonly #roles: ProbeRole[];
  #refused: { readonly reason: EvictionReason; readonly clusterRelease: Release } | null = null;

  constructor(options: ProbeOptions) {
    const { replicaCount } = options;
    assert(replicaCount > 0, () => `${replicaCount} replicas`);
    this.#options = options;
    this.#sent = Array.from({ length: replicaCount }, () => null);
    this.#plainAnswered = Array.from({ length: replicaCount }, () => false);
    this.#roles = Array.from({ length: replicaCount }, () => "unknown");
  }

  /** What each replica is, in the order of the addresses. */
  get roles(): readonly ProbeRole[] {
    return this.#roles;
  }

  /** Why the primary would not serve a client of this release; null if nothing is known to be in the way. */
  get refused(): { readonly reason: EvictionReason; readonly clusterRelease: Release } | null {
    return this.#refused;
  }

  /** Whether a replica has answered everything. */
  answered(replica: number): boolean {
    return this.#roles[replica] !== "unknown" && this.#plainAnswered[replica] === true;
  }

  /** Why the cluster would not serve a client, given what was seen of its connections; null if it would. */
  verdict(diagnosis: Diagnosis): Finding | null {
    if (this.#refused !== null) return evictionFinding({ ...this.#refused, message: "" }, this.#options.release);
    const finding = diagnosis.finding(Number.POSITIVE_INFINITY);
    // Nobody waits for a request here: whether there is a primary was asked. Replicas before 0.17.6 do not say.
    const everybodySaid = diagnosis.replicas.every(
      ({ answers }, replica) => !answers || this.#roles[replica] === "backup",
    );
    return finding?.code === "no_primary" && !everybodySaid ? null : finding;
  }

  /** Asks the replica to which there is a connection now. */
  onConnected(replica: number): void {
    const plainNs = this.#options.time.monotonic();
    const sent: Sent = { plainNs, withSessionNs: plainNs + 1n };
    this.#sent[replica] = sent;
    this.#ping(replica, 0, sent.plainNs);
    this.#ping(replica, NO_SESSION, sent.withSessionNs);
  }

  /** Hears what a replica answers, from the bus. */
  onMessage(replica: number, header: Header): void {
    const { config, cluster, client } = this.#options;
    const sent = this.#sent[replica] ?? null;
    if (sent === null || header.cluster !== cluster || invalidHeader(header, config) !== null) return;
    if (header.command === Command.pongClient) {
      const { pingTimestampMonotonic } = new PongClientHeader(header.buffer, header.offset);
      if (pingTimestampMonotonic === sent.plainNs) this.#plainAnswered[replica] = true;
      if (pingTimestampMonotonic === sent.withSessionNs) this.#roles[replica] = "backup";
    }
    if (header.command !== Command.eviction) return;
    const eviction = new EvictionHeader(header.buffer, header.offset);
    if (eviction.client === client) this.#onEviction(replica, eviction);
  }

  /** Everything was looked at when it came in. */
  onMessages(buffer: MessageBuffer): void {
    while (buffer.next() !== null) buffer.consume().release();
  }

  #onEviction(replica: number, { reason, release }: EvictionHeader): void {
    // Only the primary ends sessions.
    this.#roles[replica] = "primary";
    if (reason === EvictionReason.noSession) return;
    this.#plainAnswered[replica] = true;
    this.#refused = { reason: reason as EvictionReason, clusterRelease: release };
  }

  #ping(replica: number, session: number, timestampNs: bigint): void {
    const { bus, checksums, cluster, client, pool, release } = this.#options;
    const message = pool.acquire();
    const ping = message.as(PingClientHeader);
    initHeader(ping, Command.pingClient, cluster);
    ping.release = release;
    ping.client = client;
    ping.pingTimestampMonotonic = timestampNs;
    ping.session = session;
    checksums.setEmptyBody(ping);
    bus.sendMessageToReplica(replica, message);
    message.release();
  }
}
