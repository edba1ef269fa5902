/**
 * What a client has seen of one replica.
 *
 * @module
 */
import { assert } from "@stagbeetle/kernels";
import {
  Command,
  type ConnectionEnd,
  EvictionHeader,
  formatRelease,
  type Header,
  PongClientHeader,
  type Release,
} from "@stagbeetle/vsr-protocol";

import type { Finding } from "./finding.ts";
import type { ReplicaReport } from "./replica-report.ts";

/** How long a connection may be silent before that means something: 2 s, for a client that pings whoever it connects to. */
export const SILENCE_TICKS = 200;

/** Watches the connection to one address. */
export class ReplicaWatch {
  readonly #address: string;
  readonly #position: number;
  readonly #cluster: bigint;
  #connectedTicks: number | null = null;
  #answers = false;
  #foreignCluster: bigint | null = null;
  #end: ConnectionEnd | null = null;
  /** What the connection that ended last had come to. */
  #endedWhen: "connecting" | "silent" | "answering" = "connecting";
  #replica: number | null = null;
  #release: Release | null = null;
  #view: number | null = null;
  #roundTripNs: bigint | null = null;

  constructor(address: string, position: number, cluster: bigint) {
    this.#address = address;
    this.#position = position;
    this.#cluster = cluster;
  }

  /** Whether a replica of the right cluster has answered on the connection there is. */
  get answers(): boolean {
    return this.#answers;
  }

  tick(): void {
    if (this.#connectedTicks !== null) this.#connectedTicks += 1;
  }

  onConnected(): void {
    assert(this.#connectedTicks === null, () => `${this.#address} is connected already`);
    this.#connectedTicks = 0;
  }

  /** @param nowNs the clock that pings carry, in nanoseconds. */
  onMessage(header: Header, nowNs: bigint): void {
    if (header.cluster !== this.#cluster) {
      this.#foreignCluster = header.cluster;
      return;
    }
    this.#answers = true;
    this.#end = null;
    this.#foreignCluster = null;
    if (header.command === Command.pongClient) {
      this.#replica = header.replica;
      this.#release = header.release;
      this.#view = header.view;
      const sentNs = new PongClientHeader(header.buffer, header.offset).pingTimestampMonotonic;
      if (sentNs <= nowNs) this.#roundTripNs = nowNs - sentNs;
    }
    if (header.command === Command.eviction) {
      this.#replica = header.replica;
      this.#release = new EvictionHeader(header.buffer, header.offset).release;
      this.#view = header.view;
    }
  }

  onDisconnected(end: ConnectionEnd): void {
    this.#end = end;
    this.#endedWhen = this.#connectedTicks === null ? "connecting" : this.#answers ? "answering" : "silent";
    this.#connectedTicks = null;
    this.#answers = false;
  }

  /** @param addressCount how many addresses there are. */
  report(addressCount: number): ReplicaReport {
    return {
      address: this.#address,
      connected: this.#connectedTicks !== null,
      answers: this.#answers,
      replica: this.#replica,
      release: this.#release === null ? null : formatRelease(this.#release),
      view: this.#view,
      roundTripMs: this.#roundTripNs === null ? null : Number(this.#roundTripNs) / 1e6,
      finding: this.finding(addressCount),
    };
  }

  /** What is wrong with this replica. */
  finding(addressCount: number): Finding | null {
    if (this.#foreignCluster !== null) {
      return {
        code: "wrong_cluster",
        message: `${this.#address} belongs to cluster ${this.#foreignCluster}, and this client to cluster ${this.#cluster}`,
      };
    }
    if (this.#answers) return this.#misplaced(addressCount);
    if (this.#end !== null) return this.#ended(this.#end);
    if (this.#connectedTicks === null || this.#connectedTicks < SILENCE_TICKS) return null;
    return {
      code: "no_answer",
      message: `${this.#address} takes the connection and does not answer: it is no replica, or one that is still starting`,
    };
  }

  #misplaced(addressCount: number): Finding | null {
    if (this.#replica === null || this.#replica === this.#position) return null;
    const message =
      this.#replica >= addressCount
        ? `${this.#address} is replica ${this.#replica} of a cluster that has more replicas than the ${addressCount} listed: list them all`
        : `${this.#address} is replica ${this.#replica} and stands at position ${this.#position} of the list: list the replicas in their order`;
    return { code: "wrong_addresses", message };
  }

  #ended({ reason, detail }: ConnectionEnd): Finding | null {
    const address = this.#address;
    switch (reason) {
      case "refused":
        return { code: "nothing_listens", message: `nothing listens on ${address} (${detail})` };
      case "host_not_found":
        return { code: "host_not_found", message: `the host name of ${address} has no address (${detail})` };
      case "unreachable":
        return { code: "unreachable", message: `${address} cannot be reached (${detail})` };
      case "invalid_bytes":
        return {
          code: "not_a_replica",
          message: `what answers on ${address} is no replica: it speaks another protocol`,
        };
      case "unknown_command":
        return {
          code: "release_too_old",
          message: `${address} sends messages that this client does not know: the client is too old for it (${detail})`,
        };
      case "wrong_cluster":
      case "closed":
        return this.#closed();
      case "given_up":
        return null;
    }
  }

  #closed(): Finding | null {
    switch (this.#endedWhen) {
      case "connecting":
        return null;
      case "answering":
        return { code: "connecting", message: `the connection to ${this.#address} was lost and is being made again` };
      case "silent":
        return {
          code: "closed_without_answer",
          message:
            `${this.#address} closes the connection without an answer: its cluster has another id than ${this.#cluster}, ` +
            `or it has no room for another client`,
        };
    }
  }
}
