/**
 * What a client is made with, and what is wrong with it.
 */
import { assertU128 } from "@stagbeetle/client/accounting";
import {
  type Endpoint,
  formatRelease,
  parseEndpoints,
  parseRelease,
  type Release,
  REPLICAS_MAX,
} from "@stagbeetle/vsr-protocol";

import { RELEASE, RELEASE_MIN } from "./release.ts";

/** How to reach a cluster. */
export interface ClientInitArgs {
  /** The cluster's id: a u128, that of `format --cluster`. */
  cluster_id: bigint;
  /**
   * Where the replicas are, in their order, 1 to 6 of them: `PORT`, `HOST` or `HOST:PORT`, where a host is an IPv4 address, an
   * IPv6 address in brackets or a name. Names are looked up again at every connection. Defaults: 127.0.0.1 and 3001.
   */
  replica_addresses: (string | number)[];
  /** The deadline of every request that does not have its own, in milliseconds. Without one, a request may take for ever. */
  deadline_ms?: number;
  /**
   * The release to present, as `0.17.9`, which is the default; from `0.17.0` on. A cluster serves no client that is newer than
   * itself.
   */
  release?: string;
}

/** The same, checked. */
export interface ClientOptions {
  readonly cluster: bigint;
  readonly endpoints: readonly Endpoint[];
  readonly release: Release;
  readonly deadlineMs: number | null;
}

/** @throws Error that says which argument is wrong, in the official client's words where it has any (spec 01 §12.4). */
export function checkArgs(args: ClientInitArgs): ClientOptions {
  const { cluster_id: cluster, replica_addresses: addresses, deadline_ms: deadlineMs, release } = args;
  const list = addresses.join(",");
  assertU128(cluster, "cluster_id");
  if (list === "") throw new Error("replica_addresses must not be empty");
  const parsed = parseEndpoints(list, REPLICAS_MAX);
  if ("error" in parsed) {
    const { reason, message } = parsed.error;
    const words = reason === "AddressLimitExceeded" ? "Too many replica addresses." : "Invalid replica address.";
    throw new Error(words, { cause: new Error(`'${list}': ${message}`) });
  }
  return {
    cluster,
    endpoints: parsed.endpoints,
    release: checkRelease(release),
    deadlineMs: deadlineMs === undefined ? null : checkDeadline(deadlineMs),
  };
}

/** @throws TypeError unless it is a number of milliseconds greater than 0; `Infinity` is none. */
export function checkDeadline(deadlineMs: unknown): number | null {
  if (typeof deadlineMs !== "number" || !(deadlineMs > 0)) {
    throw new TypeError(`deadline_ms must be a number greater than 0, and is ${String(deadlineMs)}`);
  }
  return Number.isFinite(deadlineMs) ? deadlineMs : null;
}

function checkRelease(text: string | undefined): Release {
  if (text === undefined) return RELEASE;
  const release = parseRelease(text);
  if (release === null || release < RELEASE_MIN || release > RELEASE) {
    throw new Error(
      `release must be from ${formatRelease(RELEASE_MIN)} to ${formatRelease(RELEASE)}, and is '${text}'`,
    );
  }
  return release;
}
