/**
 * How much memory a server in development mode has resident while it is loaded with the largest requests.
 */
import { whole } from "./latencies.ts";
import { createTransfers } from "./closed-loop.ts";
import { withServer } from "./server.ts";

const REQUEST_SIZE_BYTES = 32 * 1024;
const HEADERS_SIZE_BYTES = 512;
const EVENT_SIZE_BYTES = 128;
const EVENTS = (REQUEST_SIZE_BYTES - HEADERS_SIZE_BYTES) / EVENT_SIZE_BYTES;
/** Three checkpoints. */
const REQUESTS = 3000;
const MIB = 1024 * 1024;

function mebibytes(bytes: number | null): number {
  if (bytes === null) throw new Error("the system does not say how much memory a process has");
  return bytes / MIB;
}

/** Prints resident memory at rest, at the end and at the most. */
export async function benchDevelopmentMemory(): Promise<void> {
  await withServer(
    1,
    async (clients, transfers, server) => {
      const atRest = mebibytes(server.residentBytes());
      const body = transfers.body(EVENTS);
      for (let request = 0; request < REQUESTS; request += 1) {
        await createTransfers(clients.at(0), transfers, body, EVENTS);
      }
      const [atEnd, atMost] = [mebibytes(server.residentBytes()), mebibytes(server.residentMaxBytes())];
      console.log(
        `--development, ${whole(REQUESTS)} requests of ${whole(EVENTS)} transfers: resident ${whole(atRest)} MiB at rest, ` +
          `${whole(atEnd)} MiB at the end, ${whole(atMost)} MiB at most`,
      );
    },
    ["--development"],
    EVENTS,
  );
}

if (import.meta.main) await benchDevelopmentMemory();
