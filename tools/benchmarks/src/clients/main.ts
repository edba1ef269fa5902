/**
 * The client library beside the official one: both on the same server, in turns, so that whatever else the machine does
 * happens to both. Of the rounds, the best of each counts.
 */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { createClient } from "@stagbeetle/ledger-client";
import { ServerProcess } from "@stagbeetle/processes";
import { createClient as createOfficialClient } from "tigerbeetle-node";

import { whole } from "../figures/latencies.ts";
import { type Contender, createAccounts, type LedgerClient, type Load, run } from "./load.ts";

const ROUNDS = 3;
const FULL_BATCH = 8189;

const LOADS: readonly Load[] = [
  { name: "1 caller, one transfer a call", callers: 1, events: 1, calls: 300 },
  { name: "100 callers, one transfer a call", callers: 100, events: 1, calls: 10_000 },
  { name: "10,000 callers, one transfer a call", callers: 10_000, events: 1, calls: 50_000 },
  { name: "1 caller, full batches", callers: 1, events: FULL_BATCH, calls: 15 },
  { name: "4 callers, full batches", callers: 4, events: FULL_BATCH, calls: 16 },
];

const CONTENDERS: readonly Contender[] = [
  {
    name: "this client",
    connect: (port) => createClient({ cluster_id: 0n, replica_addresses: [port] }),
  },
  {
    name: "tigerbeetle-node",
    connect: (port) => createOfficialClient({ cluster_id: 0n, replica_addresses: [port] }),
  },
];

/** The seconds of the best round of each contender, in their order. */
async function compare(clients: readonly LedgerClient[], load: Load): Promise<number[]> {
  const best = clients.map(() => Number.POSITIVE_INFINITY);
  for (let round = 0; round < ROUNDS; round += 1) {
    for (const [index, client] of clients.entries()) {
      best[index] = Math.min(best[index] ?? Number.POSITIVE_INFINITY, await run(client, load));
    }
  }
  return best;
}

function describe({ calls, events }: Load, seconds: number): string {
  const perSecond = whole(calls / seconds);
  return events === 1
    ? `${perSecond} calls a second`
    : `${perSecond} calls, ${whole((calls * events) / seconds)} transfers a second`;
}

async function benchClients(port: number): Promise<void> {
  const clients = CONTENDERS.map(({ connect }) => connect(port));
  const [first] = clients;
  if (first !== undefined) await createAccounts(first);
  for (const load of LOADS) {
    const seconds = await compare(clients, load);
    const figures = CONTENDERS.map(({ name }, index) => `${name} ${describe(load, seconds[index] ?? 0)}`);
    console.log(`${load.name}: ${figures.join("; ")}`);
  }
  for (const client of clients) client.destroy();
}

const directory = mkdtempSync(join(tmpdir(), "stagbeetle-bench-"));
try {
  const path = join(directory, "0_0.stagbeetle");
  await ServerProcess.format(path);
  const server = await ServerProcess.start(path);
  await benchClients(server.port);
  await server.stop();
} finally {
  rmSync(directory, { recursive: true, force: true });
}
