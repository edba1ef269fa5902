/**
 * Looking at a cluster over its network.
 */
import { Diagnosis, type Finding, Probe, type ProbeRole, type ReplicaReport } from "@stagbeetle/client";
import { SystemTime } from "@stagbeetle/io-linux";
import { ClientNetwork, type Connected } from "@stagbeetle/tcp-client";
import { type ConnectionObserver, type Endpoint, formatEndpoint, PRODUCTION } from "@stagbeetle/vsr-protocol";

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

interface Instruments {
  readonly diagnosis: Diagnosis;
  readonly probe: Probe;
  readonly bus: Connected<Probe>["bus"];
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
  const time = new SystemTime();
  const diagnosis = new Diagnosis({
    addresses: endpoints.map(formatEndpoint),
    cluster,
    release: RELEASE,
    nowNs: () => time.monotonic(),
  });
  const network = new ClientNetwork({ config: PRODUCTION, cluster, addresses: endpoints, clientsMax: 1, time });
  const observer: ConnectionObserver = {
    onConnected: (replica) => {
      diagnosis.onConnected(replica);
      probe.onConnected(replica);
    },
    onMessage: (replica, header) => {
      diagnosis.onMessage(replica, header);
      probe.onMessage(replica, header);
    },
    onDisconnected: (replica, end) => diagnosis.onDisconnected(replica, end),
  };
  const { receiver: probe, bus } = network.connect({ release: RELEASE, observer }, (parts) => new Probe(parts));
  return { diagnosis, probe, bus };
}
