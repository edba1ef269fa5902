/**
 * How long a commit takes between regions: in a simulated cluster, and by the theory of quorums.
 *
 * A prepare is committed when the replication quorum has it. The primary is one of them; so a commit takes as long as the way
 * to the farthest of the nearest others that complete the quorum, and back.
 */
import { assert } from "@stagbeetle/kernels";
import { Cluster, NO_STORAGE_FAULTS, type SimulatedClient, STORED_ECHO } from "@stagbeetle/io-sim";
import { quorums, TEST_MIN } from "@stagbeetle/vsr-protocol";

/** A place, and how far it is from each place (its own included), one way, in ticks of 10 ms. */
export interface Region {
  readonly name: string;
  readonly ticksTo: readonly number[];
}

/** Where replicas and clients are: indexes of regions. */
export interface Placement {
  readonly regions: readonly Region[];
  readonly replicas: readonly number[];
  readonly client: number;
  /** The region whose replicas are all down, if one is. Not that of the primary. */
  readonly lost: number | null;
}

/** What a request took, in milliseconds from the client's point of view. */
export interface Latencies {
  readonly theoryMs: number;
  readonly medianMs: number;
  readonly maxMs: number;
}

const TICK_MS = 10;
const SEED = 1n;
/** A new cluster begins in view 1. */
const PRIMARY = 1;
const ECHO_OPERATION = 128;
const BODY: Uint8Array = new Uint8Array(128);
/** The clock has to learn from a quorum first. */
const WARM_UP_TICKS = 1000;
const TICKS_MAX = 10_000;

/** Lets one client make requests one after the other. @param requests how many are measured. */
export function measure(placement: Placement, requests: number): Latencies {
  const cluster = createCluster(placement);
  const [client] = cluster.clients;
  assert(client !== undefined, "there is a client");
  for (let ticks = 0; ticks < WARM_UP_TICKS; ticks += 1) advance(cluster);
  for (const machine of cluster.machines) if (placement.replicas[machine.index] === placement.lost) machine.crash();
  client.register();
  ticksUntilIdle(cluster, client);
  const measured: number[] = [];
  for (let count = 0; count < requests; count += 1) {
    client.request({ operation: ECHO_OPERATION, body: BODY });
    measured.push(ticksUntilIdle(cluster, client) * TICK_MS);
  }
  assert(cluster.machineAt(PRIMARY).replica.state.view === PRIMARY, "the view has changed");
  const sorted = measured.toSorted((a, b) => a - b);
  const [medianMs = 0, maxMs = 0] = [sorted[Math.floor(sorted.length / 2)], sorted.at(-1)];
  return { theoryMs: theory(placement), medianMs, maxMs };
}

/** What a request takes at least: to the primary, from there to the quorum and back, and the answer. */
export function theory({ regions, replicas, client, lost }: Placement): number {
  const { replication } = quorums(replicas.length, TEST_MIN.cluster.quorumReplicationMax);
  const home = replicas[PRIMARY] ?? 0;
  const roundTrips = replicas
    .filter((region) => region !== lost)
    .map((region) => 2 * ticksBetween(regions, home, region))
    .toSorted((a, b) => a - b);
  const commit = roundTrips[replication - 1] ?? 0;
  return (2 * ticksBetween(regions, client, home) + commit) * TICK_MS;
}

function createCluster({ regions, replicas, client }: Placement): Cluster {
  const cluster = new Cluster({
    config: TEST_MIN,
    application: STORED_ECHO,
    seed: SEED,
    clientCount: 1,
    replicaCount: replicas.length,
    delayTicks: (from, to) => ticksBetween(regions, placeOf(from), placeOf(to)),
  });
  function placeOf(address: number | bigint): number {
    return typeof address === "bigint" ? client : (replicas[address] ?? client);
  }
  for (const machine of cluster.machines) {
    machine.format();
    machine.start(NO_STORAGE_FAULTS);
  }
  return cluster;
}

function ticksBetween(regions: readonly Region[], from: number, to: number): number {
  const ticks = regions[from]?.ticksTo[to];
  assert(ticks !== undefined, () => `the way from region ${from} to region ${to} is not known`);
  return ticks;
}

function ticksUntilIdle(cluster: Cluster, client: SimulatedClient): number {
  cluster.settle();
  let ticks = 0;
  for (; client.state !== "idle"; ticks += 1) {
    assert(ticks < TICKS_MAX, () => `the request is not answered: ${cluster.describe()}`);
    advance(cluster);
  }
  return ticks;
}

function advance(cluster: Cluster): void {
  cluster.tick();
  cluster.settle();
}
