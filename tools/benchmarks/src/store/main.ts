/**
 * `pnpm bench store`: how many transfers a second the accounting state machine commits on its store, with the disk in memory,
 * and where the time of a full batch goes. It reports, a person judges.
 *
 * Run directly it takes the number of batches and how ids come: `main.ts 200 random`.
 */
import { Latencies, whole } from "../figures/latencies.ts";
import { assertCreated, Transfers, TRANSFERS_MAX } from "../figures/transfers.ts";
import { DiskLedger } from "./disk-ledger.ts";
import { threadMs } from "./phases.ts";

const ACCOUNTS = 10_000;
const BLOCKS_PER_BATCH_MAX = 200;
/** Two bars: from then on every level that takes part does so in every bar. */
const WARM_UP_BATCHES = 64;
const PHASES = [
  "prefetch",
  "commit",
  "index entries",
  "sort",
  "merge memory",
  "merge levels",
  "checksum",
  "read",
  "write",
  "compaction",
  "checkpoint",
];

/** Prints transfers a second, the times of single batches, and the phases of one. */
function report(batches: number, ids: "ascending" | "random"): void {
  const ledger = new DiskLedger();
  const transfers = new Transfers(ACCOUNTS, ids);
  for (const request of transfers.accounts()) ledger.execute(request);
  const body = transfers.body(TRANSFERS_MAX);
  const latencies = new Latencies();
  const worked = new Latencies();
  let totalMs = 0;
  let workedMs = 0;
  for (let batch = -WARM_UP_BATCHES; batch < batches; batch += 1) {
    ledger.disk.prepare(BLOCKS_PER_BATCH_MAX);
    const request = transfers.fill(body, TRANSFERS_MAX);
    if (batch === 0) {
      ledger.phases.clear();
      Object.assign(ledger.disk.written, { blocks: 0, bytes: 0 });
    }
    const begin = performance.now();
    const workBegin = threadMs();
    const answer = ledger.execute(request);
    const elapsedMs = performance.now() - begin;
    assertCreated(answer, TRANSFERS_MAX);
    if (batch < 0) continue;
    latencies.add(elapsedMs);
    totalMs += elapsedMs;
    const batchMs = threadMs() - workBegin;
    worked.add(batchMs);
    workedMs += batchMs;
  }
  const { blocks, bytes } = ledger.disk.written;
  const perSecond = (ms: number): string => whole((1000 * batches * TRANSFERS_MAX) / ms);
  console.log(
    `accounting on its store, ids ${ids}, ${batches} batches of ${whole(TRANSFERS_MAX)}: ` +
      `${perSecond(totalMs)} transfers a second; a batch ${latencies.describe()}`,
  );
  console.log(
    `  in processor time: ${perSecond(workedMs)} transfers a second; a batch ${worked.describe()}; ` +
      `${(blocks / batches).toFixed(1)} blocks and ${(bytes / batches / 1e6).toFixed(1)} MB written`,
  );
  for (const phase of PHASES) {
    const each = ledger.phases.totalMs(phase) / batches;
    const share = (100 * batches * each) / workedMs;
    console.log(`  ${phase.padEnd(14)}${each.toFixed(2).padStart(8)} ms${share.toFixed(1).padStart(7)} %`);
  }
}

const [batches = "200", ids] = process.argv.slice(2);
for (const order of ["ascending", "random"] as const)
  if (ids === undefined || ids === order) report(Number(batches), order);
