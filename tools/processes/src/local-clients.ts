/**
 * Clients of servers on this machine.
 */
import { TcpClients } from "@stagbeetle/tcp-client";
import { type Address, PRODUCTION, releaseOf } from "@stagbeetle/vsr-protocol";

const RELEASE = releaseOf(0, 17, 9);

/** How to make clients of servers on this machine. */
export interface LocalClientsOptions {
  readonly count: number;
  /** Where the replicas of cluster 0 listen, by index. */
  readonly ports: readonly number[];
  /** How long a tick is in milliseconds. Timeouts are counted in ticks: a shorter one makes a client impatient. */
  readonly tickMs: number;
}

/** Clients of cluster 0, not registered yet. */
export function localClients({ count, ports, tickMs }: LocalClientsOptions): TcpClients {
  const addresses = ports.map((port): Address => ({ family: 4, host: "127.0.0.1", port }));
  return new TcpClients({ count, config: PRODUCTION, cluster: 0n, addresses, release: RELEASE, tickMs });
}
