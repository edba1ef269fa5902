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

/** From the death of the primary until requests that were made before are answered, in milliseconds. */
interface ViewChanges {
  /** Until the first session has its answer: the cluster commits again. */
  readonly committed: Latencies;
  /** Until all sessions have theirs: each repeats its request after longer and longer breaks (spec 01 §10.4). */
  readonly answered: Latencies;
}

async function viewChanges({ cluster, clients, transfers }: Bench): Promise<ViewChanges> {
  const changes = { committed: new Latencies(), answered: new Latencies() };
  const sessions = clients.all.slice(0, SESSIONS).map((client) => ({ client, body: transfers.body(1) }));
  const request = (): Promise<void>[] =>
    sessions.map(async ({ client, body }) => createTransfers(client, transfers, body, 1));
  for (let kill = 0; kill < KILLS; kill += 1) {
    const primary = await primaryOf(cluster);
    await Promise.all(request());
    const killed = cluster.kill(primary);
    const begin = performance.now();
    const answers = request();
    await Promise.race(answers);
    changes.committed.add(performance.now() - begin);
    await Promise.all(answers);
    changes.answered.add(performance.now() - begin);
    await killed;
    await cluster.start([primary]);
    await cluster.resident();
  }
  return changes;
}

function quantiles(latencies: Latencies): string {
  return [0.5, 0.99].map((part) => latencies.quantile(part).toFixed(1)).join(" / ");
}

function medianAndLongest(latencies: Latencies): string {
  return [0.5, 1].map((part) => whole(latencies.quantile(part))).join(" / ");
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
      changes === null ? "–" : medianAndLongest(changes.committed),
      changes === null ? "–" : medianAndLongest(changes.answered),
    ];
    return `| ${columns.join(" | ")} |`;
  });
}

console.log(
  `batches of ${whole(TRANSFERS_MAX)} transfers; milliseconds, p50 / p99; view changes median / longest of ${KILLS}`,
);
console.log(
  `| replicas | transfers/s, ${SESSIONS} sessions | a batch, ${SESSIONS} sessions | a batch, 1 session | one transfer | primary killed: next commit | all ${SESSIONS} answered |`,
);
console.log("| ---: | ---: | ---: | ---: | ---: | ---: | ---: |");
for (const replicaCount of REPLICA_COUNTS) console.log(await benchCluster(replicaCount));
