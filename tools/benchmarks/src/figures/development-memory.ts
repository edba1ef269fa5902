/**
 * How much memory a server in development mode has resident while it is loaded with the largest requests.
 */
import { readFileSync } from "node:fs";

import { whole } from "./latencies.ts";
import { createTransfers } from "./closed-loop.ts";
import { withServer } from "./server.ts";

const REQUEST_SIZE_BYTES = 32 * 1024;
const HEADERS_SIZE_BYTES = 512;
const EVENT_SIZE_BYTES = 128;
const EVENTS = (REQUEST_SIZE_BYTES - HEADERS_SIZE_BYTES) / EVENT_SIZE_BYTES;
/** Three checkpoints. */
const REQUESTS = 3000;
const KIB_PER_MIB = 1024;

/** Resident memory of a process in MiB: of its own at the moment, or the most that it ever had. */
function residentMib(pid: number, field: "VmRSS" | "VmHWM"): number {
  const status = readFileSync(`/proc/${pid}/status`, "utf8");
  const kib = new RegExp(`${field}:\\s+(\\d+) kB`).exec(status)?.[1];
  if (kib === undefined) throw new Error(`process ${pid} does not say its ${field}`);
  return Number(kib) / KIB_PER_MIB;
}

/** Prints resident memory at rest, at the end and at the most. */
export async function benchDevelopmentMemory(): Promise<void> {
  await withServer(
    1,
    async (clients, transfers, server) => {
      const atRest = residentMib(server.pid, "VmRSS");
      const body = transfers.body(EVENTS);
      for (let request = 0; request < REQUESTS; request += 1) {
        await createTransfers(clients.at(0), transfers, body, EVENTS);
      }
      const [atEnd, atMost] = [residentMib(server.pid, "VmRSS"), residentMib(server.pid, "VmHWM")];
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
