/**
 * Clusters of one, three and six replicas, all of them on this machine: what replication costs, and how long nothing is
 * committed when the primary is killed. Prints the rows of a table.
 */
import { type ClosedLoad, closedLoop, createTransfers } from "../figures/closed-loop.ts";
import { Latencies, whole } from "../figures/latencies.ts";
import { TRANSFERS_MAX } from "../figures/transfers.ts";
import { type Bench, primaryOf, withCluster } from "./cluster.ts";

const REPLICA_COUNTS = [1, 3, 6] as const;
const SESSIONS = 4;
const WARMUP_BATCHES = 20;
const BATCHES = 120;
const SINGLE_BATCHES = 60;
const SINGLE_TRANSFERS = 300;
const KILLS = 7;

/** How long requests took, and all of them together. */
interface Outcome {
  readonly latencies: Latencies;
  readonly seconds: number;
}

async function measure({ clients, transfers }: Bench, load: ClosedLoad): Promise<Outcome> {
  const latencies = new Latencies();
  const begin = performance.now();
  await closedLoop(load, clients, transfers, latencies);
  return { latencies, seconds: (performance.now() - begin) / 1000 };
}

/** From the death of the primary until a client has the answer to a request that was made before, in milliseconds. */
async function viewChanges({ cluster, clients, transfers }: Bench): Promise<Latencies> {
  const latencies = new Latencies();
  const body = transfers.body(1);
  for (let kill = 0; kill < KILLS; kill += 1) {
    const primary = await primaryOf(cluster);
    await createTransfers(clients.at(0), transfers, body, 1);
    const killed = cluster.kill(primary);
    const begin = performance.now();
    await createTransfers(clients.at(0), transfers, body, 1);
    latencies.add(performance.now() - begin);
    await killed;
    await cluster.start([primary]);
  }
  return latencies;
}

function quantiles(latencies: Latencies): string {
  return [0.5, 0.99].map((part) => latencies.quantile(part).toFixed(1)).join(" / ");
}

async function benchCluster(replicaCount: number): Promise<string> {
  return withCluster(replicaCount, SESSIONS, async (bench) => {
    await measure(bench, { sessions: SESSIONS, requests: WARMUP_BATCHES, events: TRANSFERS_MAX });
    const many = await measure(bench, { sessions: SESSIONS, requests: BATCHES, events: TRANSFERS_MAX });
    const single = await measure(bench, { sessions: 1, requests: SINGLE_BATCHES, events: TRANSFERS_MAX });
    const small = await measure(bench, { sessions: 1, requests: SINGLE_TRANSFERS, events: 1 });
    const changes = replicaCount === 1 ? null : await viewChanges(bench);
    const columns = [
      String(replicaCount),
      whole((BATCHES * TRANSFERS_MAX) / many.seconds),
      quantiles(many.latencies),
      quantiles(single.latencies),
      quantiles(small.latencies),
      changes === null ? "–" : `${whole(changes.quantile(0.5))} / ${whole(changes.quantile(1))}`,
    ];
    return `| ${columns.join(" | ")} |`;
  });
}

console.log(
  `batches of ${whole(TRANSFERS_MAX)} transfers; milliseconds, p50 / p99; view changes median / longest of ${KILLS}`,
);
console.log(
  `| replicas | transfers/s, ${SESSIONS} sessions | a batch, ${SESSIONS} sessions | a batch, 1 session | one transfer | primary killed |`,
);
console.log("| ---: | ---: | ---: | ---: | ---: | ---: |");
for (const replicaCount of REPLICA_COUNTS) console.log(await benchCluster(replicaCount));
