/**
 * What is wrong with what a client is to be made with.
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

import type { ClientInitArgs } from "./client-init-args.ts";
import { RELEASE, RELEASE_MIN } from "./release.ts";

/** The arguments, checked. */
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

/** Null if it is later than can be counted. @throws TypeError unless it is a number of milliseconds greater than 0. */
export function checkDeadline(deadlineMs: unknown): number | null {
  if (typeof deadlineMs !== "number" || !(deadlineMs > 0)) {
    throw new TypeError(`deadline_ms must be a number greater than 0, and is ${String(deadlineMs)}`);
  }
  return deadlineMs <= Number.MAX_SAFE_INTEGER ? deadlineMs : null;
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
