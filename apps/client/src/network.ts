/**
 * What a session runs on: memory, connections and what is known of them.
 */
import { Diagnosis, type Eviction, SharedSession } from "@stagbeetle/client";
import { MessageBus } from "@stagbeetle/io-linux";
import { createKernels, LinearMemory } from "@stagbeetle/kernels";
import {
  Checksums,
  formatEndpoint,
  type MessageBuffer,
  MessagePool,
  PRODUCTION,
  Random,
} from "@stagbeetle/vsr-protocol";

import type { ClientOptions } from "./client-args.ts";
import { SYSTEM_TIME } from "./system-time.ts";

/** A connection's receive buffer and its send queue. */
const MESSAGES_PER_REPLICA = 3;
/** The request that is under way, a ping, the message that is looked at, and the memory that is exchanged for it. */
const MESSAGES_BESIDE_REPLICAS = 4;
const MEMORY_BESIDE_MESSAGES_BYTES = 2 ** 20;

/** How often a client ticks, in milliseconds. */
export const TICK_MS: number = PRODUCTION.process.tickMs;

/** A session and its connections. */
export interface Network {
  readonly session: SharedSession;
  readonly diagnosis: Diagnosis;
  readonly bus: MessageBus;
}

/** Who hears of the end of a session. */
export interface NetworkOwner {
  readonly onEviction: (eviction: Eviction) => void;
  /** A broken invariant: the session is not to be used any more. */
  readonly onBroken: (error: unknown) => void;
}

/** Reserves memory: 1 MiB a message, of which only what is used becomes resident. Connects when the session first ticks. */
export function createNetwork({ cluster, endpoints, release }: ClientOptions, owner: NetworkOwner): Network {
  const replicaCount = endpoints.length;
  const { messageSizeMax } = PRODUCTION.cluster;
  const messagesMax = replicaCount * MESSAGES_PER_REPLICA + MESSAGES_BESIDE_REPLICAS;
  const sizeBytes = messagesMax * messageSizeMax + MEMORY_BESIDE_MESSAGES_BYTES;
  const memory = new LinearMemory({ sizeBytes, shared: false });
  const checksums = new Checksums(createKernels({ memory }));
  const pool = new MessagePool({ memory, messageSizeMax, messagesMax });
  const client = randomClientId();
  const random = new Random(BigInt.asUintN(64, client));
  const addresses = endpoints.map(formatEndpoint);
  const diagnosis = new Diagnosis({ addresses, cluster, release, nowNs: () => SYSTEM_TIME.monotonic() });
  const bus = new MessageBus({
    role: { kind: "client" },
    config: PRODUCTION,
    addresses: endpoints,
    pool,
    checksums,
    receiver: { onMessages: (buffer) => receive(buffer) },
    random,
    observer: {
      onConnected: (replica) => {
        diagnosis.onConnected(replica);
        session.onConnected(replica);
      },
      onMessage: (replica, header) => diagnosis.onMessage(replica, header),
      onDisconnected: (replica, end) => diagnosis.onDisconnected(replica, end),
    },
  });
  const session = new SharedSession({
    config: PRODUCTION,
    pool,
    checksums,
    bus,
    time: SYSTEM_TIME,
    random,
    cluster,
    client,
    replicaCount,
    release,
    onEviction: (eviction) => {
      diagnosis.onEviction(eviction);
      owner.onEviction(eviction);
    },
  });
  /** Nothing that is received may end the process in which this client is a guest, not even a mistake of ours. */
  const receive = (buffer: MessageBuffer): void => {
    try {
      session.onMessages(buffer);
    } catch (error) {
      buffer.invalidate("misdirected");
      owner.onBroken(error);
    }
  };
  return { session, diagnosis, bus };
}

/** Fresh for every client: request numbers begin at 0 with each of them. */
function randomClientId(): bigint {
  const halves = crypto.getRandomValues(new BigUint64Array(2));
  const id = ((halves[0] ?? 0n) << 64n) | (halves[1] ?? 0n);
  const valid = id !== 0n && id !== (1n << 128n) - 1n;
  return valid ? id : randomClientId();
}
