/**
 * A real server process over TCP, as built and as it is started for production. Checkpoints, every 960 requests, are part of what is
 * measured.
 */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";

import { localClients, ServerProcess } from "@stagbeetle/processes";
import type { TcpClient, TcpClients } from "@stagbeetle/tcp-client";

import { copyGigabytesPerSecond } from "./checksum.ts";
import { type ClosedLoad, closedLoop, createTransfers } from "./closed-loop.ts";
import { Latencies, whole } from "./latencies.ts";
import { Transfers, TRANSFERS_MAX } from "./transfers.ts";

const ACCOUNTS = 10_000;
const TICK_MS = 10;
const ONE_EVENT_REQUESTS = 5000;
const FULL_BATCHES = 200;
const BATCHES_BEFORE_RESTART = 100;
const EVENT_SIZE_BYTES = 128;

/** What is measured. */
interface Load extends ClosedLoad {
  /** Requests a second that arrive whether or not there were answers; null: each session asks again once it is answered. */
  readonly arrivalsPerSecond: number | null;
}

/** What came out. */
interface Outcome {
  readonly requestsPerSecond: number;
  readonly latencies: Latencies;
}

/** Serves a new data file to `use`, and clients with accounts. */
export async function withServer<Result>(
  sessions: number,
  use: (clients: TcpClients, transfers: Transfers, server: ServerProcess, path: string) => Promise<Result>,
  flags: readonly string[] = [],
  eventsPerRequest: number = TRANSFERS_MAX,
): Promise<Result> {
  return withEmptyServer(async (server, path) => {
    const clients = localClients({ count: sessions, ports: [server.port], tickMs: TICK_MS });
    await clients.register();
    const transfers = new Transfers(ACCOUNTS);
    for (const { operation, body } of transfers.accounts(eventsPerRequest))
      await clients.at(0).request(operation, body);
    const result = await use(clients, transfers, server, path);
    await clients.close();
    return result;
  }, flags);
}

/** Serves a new data file to `use`. */
export async function withEmptyServer<Result>(
  use: (server: ServerProcess, path: string) => Promise<Result>,
  flags: readonly string[] = [],
): Promise<Result> {
  const directory = mkdtempSync(join(tmpdir(), "stagbeetle-bench-"));
  const path = join(directory, "0_0.stagbeetle");
  try {
    await ServerProcess.format(path);
    const server = await ServerProcess.start(path, { flags, built: true });
    const result = await use(server, path);
    if (!server.ended) await server.stop();
    return result;
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
}

/** Requests arrive at their rate. Who finds no session free waits, and the waiting counts. */
async function openLoop(load: Load, clients: TcpClients, transfers: Transfers, latencies: Latencies): Promise<void> {
  const begin = performance.now();
  const intervalMs = 1000 / (load.arrivalsPerSecond ?? 1);
  let next = 0;
  const session = async (client: TcpClient): Promise<void> => {
    const body = transfers.body(load.events);
    while (next < load.requests) {
      const arrival = begin + next * intervalMs;
      next += 1;
      // The timer is coarse: what it sleeps too long would be taken for the server's time.
      while (performance.now() < arrival) await sleep(0);
      await createTransfers(client, transfers, body, load.events);
      latencies.add(performance.now() - arrival);
    }
  };
  await Promise.all(clients.all.map(session));
}

async function measure(load: Load): Promise<Outcome> {
  return withServer(load.sessions, async (clients, transfers) => {
    const latencies = new Latencies();
    const begin = performance.now();
    const loop = load.arrivalsPerSecond === null ? closedLoop : openLoop;
    await loop(load, clients, transfers, latencies);
    return { requestsPerSecond: (1000 * latencies.count) / (performance.now() - begin), latencies };
  });
}

async function benchOneEvent(): Promise<void> {
  for (const sessions of [1, 32]) {
    const load: Load = { sessions, events: 1, requests: ONE_EVENT_REQUESTS, arrivalsPerSecond: null };
    const closed = await measure(load);
    const who = sessions === 1 ? "1 session" : `${sessions} sessions`;
    console.log(
      `TCP, one transfer a request, ${who}: ${whole(closed.requestsPerSecond)} requests a second; ${closed.latencies.describe()}`,
    );
    if (sessions === 1) continue;
    const rate = Math.round(closed.requestsPerSecond / 2);
    const open = await measure({ ...load, arrivalsPerSecond: rate });
    console.log(
      `  the same at a fixed ${whole(rate)} requests a second, with the waiting: ${open.latencies.describe()}`,
    );
  }
}

async function benchFullBatches(): Promise<void> {
  const copy = copyGigabytesPerSecond();
  for (const sessions of [1, 4]) {
    const load: Load = { sessions, events: TRANSFERS_MAX, requests: FULL_BATCHES, arrivalsPerSecond: null };
    const { requestsPerSecond, latencies } = await measure(load);
    const transfersPerSecond = requestsPerSecond * TRANSFERS_MAX;
    const gigabytes = (transfersPerSecond * EVENT_SIZE_BYTES) / 1e9;
    const who = sessions === 1 ? "1 session" : `${sessions} sessions`;
    console.log(
      `TCP, ${whole(TRANSFERS_MAX)} transfers a request, ${who}: ${whole(transfersPerSecond)} transfers a second; a request ${latencies.describe()}; ` +
        `${gigabytes.toFixed(3)} GB/s, ${((100 * gigabytes) / copy).toPrecision(2)} % of a copy`,
    );
  }
}

/** How long a server that was killed takes to serve again. */
async function benchRestart(): Promise<void> {
  const seconds = await withServer(1, async (clients, transfers, server, path) => {
    const body = transfers.body(TRANSFERS_MAX);
    for (let batch = 0; batch < BATCHES_BEFORE_RESTART; batch += 1) {
      await createTransfers(clients.at(0), transfers, body, TRANSFERS_MAX);
    }
    await server.kill();
    const begin = performance.now();
    const next = await ServerProcess.start(path, { built: true });
    const elapsedMs = performance.now() - begin;
    await next.stop();
    return elapsedMs / 1000;
  });
  console.log(
    `killed with ${BATCHES_BEFORE_RESTART} full batches in the log: serves again after ${seconds.toFixed(2)} s`,
  );
}

/** Prints requests and transfers a second over TCP. */
export async function benchServer(): Promise<void> {
  await benchOneEvent();
  await benchFullBatches();
  await benchRestart();
}
