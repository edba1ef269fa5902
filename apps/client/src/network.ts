/**
 * What a session runs on: memory, connections and what is known of them.
 */
import { Diagnosis, type Eviction, SharedSession } from "@stagbeetle/client";
import { ClientNetwork, type Connected } from "@stagbeetle/tcp-client";
import { formatEndpoint, PRODUCTION } from "@stagbeetle/vsr-protocol";

import type { ClientOptions } from "./client-args.ts";
import { SYSTEM_TIME } from "./system-time.ts";

/** How often a client ticks, in milliseconds. */
export const TICK_MS: number = PRODUCTION.process.tickMs;

/** A session and its connections. */
export interface Network {
  readonly session: SharedSession;
  readonly diagnosis: Diagnosis;
  readonly bus: Connected<SharedSession>["bus"];
}

/** Who hears of the end of a session. */
export interface NetworkOwner {
  readonly onEviction: (eviction: Eviction) => void;
  /** A broken invariant: the session is not to be used any more. It must not end the process in which this client is a guest. */
  readonly onBroken: (error: unknown) => void;
}

/** Connects when the session first ticks. */
export function createNetwork({ cluster, endpoints, release }: ClientOptions, owner: NetworkOwner): Network {
  const addresses = endpoints.map(formatEndpoint);
  const diagnosis = new Diagnosis({ addresses, cluster, release, nowNs: () => SYSTEM_TIME.monotonic() });
  const onEviction = (eviction: Eviction): void => {
    diagnosis.onEviction(eviction);
    owner.onEviction(eviction);
  };
  const network = new ClientNetwork({
    config: PRODUCTION,
    cluster,
    addresses: endpoints,
    clientsMax: 1,
    time: SYSTEM_TIME,
  });
  const { receiver: session, bus } = network.connect(
    {
      release,
      observer: {
        onConnected: (replica) => {
          diagnosis.onConnected(replica);
          session.onConnected(replica);
        },
        onMessage: (replica, header) => diagnosis.onMessage(replica, header),
        onDisconnected: (replica, end) => diagnosis.onDisconnected(replica, end),
      },
      onBroken: owner.onBroken,
    },
    (parts) => new SharedSession({ ...parts, onEviction }),
  );
  return { session, diagnosis, bus };
}
