/**
 * Looking at a cluster over its network.
 */
import { randomBytes } from "node:crypto";

import { Diagnosis, type Finding, Probe, type ProbeRole, type ReplicaReport } from "@stagbeetle/client";
import { MessageBus, SystemTime } from "@stagbeetle/io-linux";
import { createKernels, LinearMemory } from "@stagbeetle/kernels";
import { Checksums, type Endpoint, formatEndpoint, MessagePool, PRODUCTION, Random } from "@stagbeetle/vsr-protocol";
import type { MessageBuffer } from "@stagbeetle/vsr-protocol";

import { RELEASE } from "../release.ts";

/** Where to look, and for how long. */
export interface ExaminationOptions {
  readonly endpoints: readonly Endpoint[];
  readonly cluster: bigint;
  readonly timeoutMs: number;
}

/** A replica, and what it is to the others. */
export interface ExaminedReplica extends ReplicaReport {
  readonly role: ProbeRole;
}

/** What was found. */
export interface Examination {
  readonly replicas: readonly ExaminedReplica[];
  /** Why the cluster does not serve clients; null if it does. */
  readonly finding: Finding | null;
}

/** A receive buffer, two pings that are queued, and the message that is looked at. */
const MESSAGES_PER_REPLICA = 4;
const MEMORY_BESIDE_MESSAGES_BYTES = 2 ** 20;

interface Instruments {
  readonly diagnosis: Diagnosis;
  readonly probe: Probe;
  readonly bus: MessageBus;
}

/** Asks every replica until all have answered, or something is known to be wrong with those that have not, or time is up. */
export async function examine(options: ExaminationOptions): Promise<Examination> {
  const { diagnosis, probe, bus } = instruments(options);
  const ticksMax = Math.ceil(options.timeoutMs / PRODUCTION.process.tickMs);
  await new Promise<void>((resolve) => {
    let ticks = 0;
    const timer = setInterval(() => {
      bus.tick();
      diagnosis.tick();
      ticks += 1;
      if (ticks < ticksMax && !known(diagnosis, probe)) return;
      clearInterval(timer);
      resolve();
    }, PRODUCTION.process.tickMs);
  });
  const replicas = diagnosis.replicas.map((replica, index) => ({ ...replica, role: probe.roles[index] ?? "unknown" }));
  const finding = probe.verdict(diagnosis);
  await bus.close();
  return { replicas, finding };
}

function known(diagnosis: Diagnosis, probe: Probe): boolean {
  return diagnosis.replicas.every(({ finding }, replica) => finding !== null || probe.answered(replica));
}

function instruments({ endpoints, cluster }: ExaminationOptions): Instruments {
  const replicaCount = endpoints.length;
  const { messageSizeMax } = PRODUCTION.cluster;
  const messagesMax = replicaCount * MESSAGES_PER_REPLICA;
  const memory = new LinearMemory({ sizeBytes: messagesMax * messageSizeMax + MEMORY_BESIDE_MESSAGES_BYTES });
  const checksums = new Checksums(createKernels({ memory }));
  const pool = new MessagePool({ memory, messageSizeMax, messagesMax });
  const time = new SystemTime();
  const client = BigInt(`0x${randomBytes(16).toString("hex")}`) | 1n;
  const diagnosis = new Diagnosis({
    addresses: endpoints.map(formatEndpoint),
    cluster,
    release: RELEASE,
    nowNs: () => time.monotonic(),
  });
  const bus = new MessageBus({
    role: { kind: "client" },
    config: PRODUCTION,
    addresses: endpoints,
    pool,
    checksums,
    receiver: { onMessages: (buffer: MessageBuffer) => probe.onMessages(buffer) },
    random: new Random(BigInt.asUintN(64, client)),
    observer: {
      onConnected: (replica) => {
        diagnosis.onConnected(replica);
        probe.onConnected(replica);
      },
      onMessage: (replica, header) => {
        diagnosis.onMessage(replica, header);
        probe.onMessage(replica, header);
      },
      onDisconnected: (replica, end) => diagnosis.onDisconnected(replica, end),
    },
  });
  const common = { config: PRODUCTION, pool, checksums, bus, time, cluster, client, release: RELEASE, replicaCount };
  const probe = new Probe(common);
  return { diagnosis, probe, bus };
}
