/**
 * A cluster of real processes on this machine, with a ledger to work on.
 */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";

import { ClusterProcesses, localClients, runProgram } from "@stagbeetle/processes";
import type { TcpClients } from "@stagbeetle/tcp-client";

import { Transfers } from "../figures/transfers.ts";

const ACCOUNTS = 10_000;
const TICK_MS = 10;
const PRIMARY_ATTEMPTS_MAX = 30;
const PRIMARY_POLL_MS = 500;

/** What is measured on. */
export interface Bench {
  readonly cluster: ClusterProcesses;
  readonly clients: TcpClients;
  readonly transfers: Transfers;
}

/** Gives `use` a new cluster, as started for production, with accounts and open sessions. */
export async function withCluster<Result>(
  replicaCount: number,
  sessions: number,
  use: (bench: Bench) => Promise<Result>,
): Promise<Result> {
  const directory = mkdtempSync(join(tmpdir(), "stagbeetle-bench-"));
  try {
    const cluster = await ClusterProcesses.format({ directory, replicaCount });
    const clients = localClients({ count: sessions, ports: cluster.ports, tickMs: TICK_MS });
    try {
      await cluster.start();
      // Else the threads that take the memory of all replicas are measured, too.
      await cluster.resident();
      await clients.register();
      const transfers = new Transfers(ACCOUNTS);
      for (const { operation, body } of transfers.accounts()) await clients.at(0).request(operation, body);
      return await use({ cluster, clients, transfers });
    } finally {
      await clients.close();
      await cluster.destroy();
    }
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
}

/** Which replica leads, as soon as all of them answer. @throws Error if they never do, or one has ended. */
export async function primaryOf(cluster: ClusterProcesses): Promise<number> {
  let printed = "";
  for (let attempt = 0; attempt < PRIMARY_ATTEMPTS_MAX; attempt += 1) {
    cluster.check();
    ({ stdout: printed } = await runProgram(["doctor", "--json", cluster.ports.join(",")]));
    const { replicas } = JSON.parse(printed) as { readonly replicas: readonly { readonly role: string }[] };
    const primary = replicas.findIndex(({ role }) => role === "primary");
    if (primary !== -1 && replicas.every(({ role }) => role !== "unknown")) return primary;
    await sleep(PRIMARY_POLL_MS);
  }
  throw new Error(`the cluster has no primary: ${printed}\n${cluster.describe()}`);
}
