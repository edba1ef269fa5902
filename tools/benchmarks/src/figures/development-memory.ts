/**
 * How much memory a server in development mode has resident under the loads that take most.
 */
import { runProgramSuccessfully, type ServerProcess } from "@stagbeetle/processes";

import { whole } from "./latencies.ts";
import { createTransfers } from "./closed-loop.ts";
import { withEmptyServer, withServer } from "./server.ts";

const REQUEST_SIZE_BYTES = 32 * 1024;
const HEADERS_SIZE_BYTES = 512;
const EVENT_SIZE_BYTES = 128;
const EVENTS = (REQUEST_SIZE_BYTES - HEADERS_SIZE_BYTES) / EVENT_SIZE_BYTES;
/** Three checkpoints. */
const REQUESTS = 3000;
const MIB = 1024 * 1024;
/** What development mode is to stay below, whatever the load. */
const LIMIT_MIB = 256;

/** Fills every kind of memory table: pending transfers that expire, between accounts that keep their history. */
const PENDING = ["--transfer-count=500000", "--transfer-pending", "--account-count=100000"];

function mebibytes(bytes: number | null): number {
  if (bytes === null) throw new Error("the system does not say how much memory a process has");
  return bytes / MIB;
}

function report(load: string, atRest: number, server: ServerProcess): void {
  const [atEnd, atMost] = [mebibytes(server.residentBytes()), mebibytes(server.residentMaxBytes())];
  console.log(
    `--development, ${load}: resident ${whole(atRest)} MiB at rest, ${whole(atEnd)} MiB at the end, ${whole(atMost)} MiB at most`,
  );
  if (atMost <= LIMIT_MIB) return;
  console.error(`error: ${whole(atMost)} MiB are more than ${LIMIT_MIB}`);
  process.exitCode = 1;
}

async function benchLargestRequests(): Promise<void> {
  await withServer(
    1,
    async (clients, transfers, server) => {
      const atRest = mebibytes(server.residentBytes());
      const body = transfers.body(EVENTS);
      for (let request = 0; request < REQUESTS; request += 1) {
        await createTransfers(clients.at(0), transfers, body, EVENTS);
      }
      report(`${whole(REQUESTS)} requests of ${whole(EVENTS)} transfers`, atRest, server);
    },
    ["--development"],
    EVENTS,
  );
}

async function benchPendingTransfers(): Promise<void> {
  await withEmptyServer(
    async (server) => {
      const atRest = mebibytes(server.residentBytes());
      const batches = [`--transfer-batch-count=${EVENTS}`, `--account-batch-count=${EVENTS}`];
      await runProgramSuccessfully(["benchmark", `--addresses=${server.port}`, ...PENDING, ...batches]);
      report(`benchmark ${PENDING.join(" ")}`, atRest, server);
    },
    ["--development"],
  );
}

/** Prints resident memory at rest, at the end and at the most. Fails if that is more than development mode may take. */
export async function benchDevelopmentMemory(): Promise<void> {
  await benchLargestRequests();
  await benchPendingTransfers();
}

if (import.meta.main) await benchDevelopmentMemory();
