/**
 * The table of commit latencies in docs/cluster.md.
 */
import { measure, type Placement, type Region } from "./regions.ts";

const REQUESTS = 100;

/** One way between them: A–B 30 ms, B–C 50 ms, A–C 80 ms. Nothing within a region. */
export const REGIONS: readonly Region[] = [
  { name: "A", ticksTo: [0, 3, 8] },
  { name: "B", ticksTo: [3, 0, 5] },
  { name: "C", ticksTo: [8, 5, 0] },
];

/** Six replicas: two in each region. Each row: where the primary is, where the client is, which region is down. */
const ROWS: readonly (readonly [home: number, client: number, lost: number | null])[] = [
  [0, 0, null],
  [0, 1, null],
  [0, 2, null],
  [1, 1, null],
  [1, 0, null],
  [2, 2, null],
  [2, 0, null],
  [0, 0, 1],
  [0, 0, 2],
  [1, 1, 0],
];

/** Replicas in turns in the three regions, so that the primary, replica 1, is at home. */
export function placementOf(count: number, home: number, client: number, lost: number | null = null): Placement {
  const replicas = Array.from(
    { length: count },
    (_, replica) => (home + REGIONS.length - 1 + replica) % REGIONS.length,
  );
  return { regions: REGIONS, replicas, client, lost };
}

/** The lines of the table, in Markdown. */
export function commitLatencyTable(): readonly string[] {
  return [
    "| primary in | client in | region down | theory (ms) | median (ms) | slowest (ms) |",
    "| ---------- | --------- | ----------- | ----------: | ----------: | -----------: |",
    ...ROWS.map(([home, client, lost]) => rowOf(placementOf(6, home, client, lost))),
  ];
}

function rowOf(placement: Placement): string {
  const { theoryMs, medianMs, maxMs } = measure(placement, REQUESTS);
  const name = (region: number | null | undefined): string => REGIONS[region ?? -1]?.name ?? "–";
  const { replicas, client, lost } = placement;
  const texts = [name(replicas[1]).padEnd(10), name(client).padEnd(9), name(lost).padEnd(11)];
  const numbers = [String(theoryMs).padStart(11), String(medianMs).padStart(11), String(maxMs).padStart(12)];
  return `| ${[...texts, ...numbers].join(" | ")} |`;
}
