import { OPERATIONS } from "@stagbeetle/state-machine";
import { Operation, releaseOf } from "@stagbeetle/vsr-protocol";
import { describe, expect, test } from "vitest";

import { metricsSample, replicaMetrics } from "../testing/metrics.ts";
import { GAUGES, TIMINGS } from "./names.ts";
import { statsdLines } from "./statsd-lines.ts";
import type { MetricsSample } from "./statsd-lines.ts";
import type { ServerTiming } from "./server-timings.ts";

const COMMON = "#cluster:00000000000000000000000000000000,replica:0";

const OPERATION_TAGS: readonly (readonly [operation: number, tag: string])[] = [
  [Operation.register, "Operation.register"],
  [Operation.pulse, "Operation.pulse"],
  ...OPERATIONS.slice(1).map(({ operation, name }) => [operation, `Operation.${name}`] as const),
];

/** Lines of metrics whose names begin so. */
function linesOf(prefix: string, values: Partial<MetricsSample>): readonly string[] {
  return statsdLines(metricsSample(values)).filter((line) => line.startsWith(`tb.${prefix}`));
}

describe("a line", () => {
  test("has the name, the value and whose it is, as recorded from the reference", () => {
    const metrics = replicaMetrics({ replica_messages_in: { request: 1 } });
    expect(linesOf("replica_status", { metrics })).toEqual([`tb.replica_status:0|g|${COMMON}\n`]);
    expect(linesOf("replica_messages_in", { metrics })).toEqual([
      `tb.replica_messages_in:1|g|${COMMON},command:request\n`,
    ]);
  });

  test("has the cluster in 32 hexadecimal digits", () => {
    const lines = linesOf("replica_op:", { cluster: 0xabc_0000_0000n, replica: 5 });
    expect(lines).toEqual(["tb.replica_op:0|g|#cluster:000000000000000000000abc00000000,replica:5\n"]);
  });

  test("tells wall clocks to the nanosecond", () => {
    const metrics = replicaMetrics({ replica_start: 1_700_000_000_000_000_001n });
    expect(linesOf("replica_start", { metrics })).toEqual([`tb.replica_start:1700000000000000001|g|${COMMON}\n`]);
  });

  test("is there for each kind of connection", () => {
    const connections = { unknown: 0, replica: 2, client: 3, client_likely: 1 };
    expect(linesOf("message_bus_connections", { connections, connectionsMax: 68 })).toEqual([
      `tb.message_bus_connections:0|g|${COMMON},peer:unknown\n`,
      `tb.message_bus_connections:2|g|${COMMON},peer:replica\n`,
      `tb.message_bus_connections:3|g|${COMMON},peer:client\n`,
      `tb.message_bus_connections:1|g|${COMMON},peer:client_likely\n`,
      `tb.message_bus_connections_max:68|g|${COMMON}\n`,
    ]);
  });

  test("is missing while there is nothing to tell", () => {
    for (const name of ["release_seen_client", "clock_delta_ns", "metrics_statsd_packets", "replica_messages_in"]) {
      expect(linesOf(name, {})).toEqual([]);
    }
    const release = releaseOf(0, 17, 9);
    const metrics = replicaMetrics({ release_seen_client_min: release, clock_delta_ns: 3n });
    expect(linesOf("release_seen_client", { metrics })).toEqual([
      `tb.release_seen_client_min:${release}|g|${COMMON}\n`,
    ]);
    expect(linesOf("clock_delta_ns", { metrics })).toEqual([`tb.clock_delta_ns:3|g|${COMMON}\n`]);
    expect(linesOf("metrics_statsd_packets", { packets: 2 })).toEqual([`tb.metrics_statsd_packets:2|g|${COMMON}\n`]);
  });
});

describe("a timing", () => {
  test("of a server has its zone", () => {
    const timing = { minNs: 1000, maxNs: 1000, sumNs: 1000, count: 1 };
    const serverTimings: readonly ServerTiming[] = [
      { name: "storage_write", of: { tag: "zone", zone: "wal_headers" }, ...timing },
    ];
    expect(linesOf("storage_write_us.sum", { serverTimings })).toEqual([
      `tb.storage_write_us.sum:1|c|${COMMON},zone:wal_headers\n`,
    ]);
  });

  test("has five lines, in whole microseconds", () => {
    const timing = { minNs: 18_999, maxNs: 55_001, sumNs: 74_000, count: 3 };
    const metrics = replicaMetrics({
      timings: [{ name: "replica_commit", of: { tag: "stage", stage: "prefetch" }, ...timing }],
    });
    expect(linesOf("replica_commit_us", { metrics })).toEqual([
      `tb.replica_commit_us.min:18|g|${COMMON},stage:prefetch\n`,
      `tb.replica_commit_us.max:55|g|${COMMON},stage:prefetch\n`,
      `tb.replica_commit_us.avg:24|g|${COMMON},stage:prefetch\n`,
      `tb.replica_commit_us.sum:74|c|${COMMON},stage:prefetch\n`,
      `tb.replica_commit_us.count:3|c|${COMMON},stage:prefetch\n`,
    ]);
  });

  test.each(OPERATION_TAGS)("of operation %i is tagged %s", (operation, tag) => {
    const timing = { minNs: 0, maxNs: 0, sumNs: 0, count: 1 };
    const metrics = replicaMetrics({
      timings: [{ name: "replica_request", of: { tag: "operation", operation }, ...timing }],
    });
    expect(linesOf("replica_request_us.count", { metrics })).toEqual([
      `tb.replica_request_us.count:1|c|${COMMON},operation:${tag}\n`,
    ]);
  });
});

test("lines come in the order of the reference's metrics, all gauges before all timings", () => {
  const timing = { of: null, minNs: 0, maxNs: 0, sumNs: 0, count: 1 };
  const metrics = replicaMetrics({
    release_seen_client_min: 1,
    release_seen_client_max: 1,
    clock_delta_ns: 1n,
    replica_messages_in: { ping: 1 },
    replica_messages_out: { ping: 1 },
    timings: [
      { name: "replica_sync_table", ...timing },
      { name: "replica_aof_write", ...timing },
    ],
  });
  const serverTimings: readonly ServerTiming[] = [
    { name: "metrics_emit", ...timing },
    { name: "storage_read", ...timing, of: { tag: "zone", zone: "grid" } },
  ];
  const lines = statsdLines(metricsSample({ metrics, serverTimings, connections: { replica: 1 }, packets: 1 }));
  const names = lines.map((line) => /^tb\.([a-z_]+?)(?:_us\.[a-z]+)?:/u.exec(line)?.[1] ?? "");
  const known = [...GAUGES, ...TIMINGS].map(([name]) => name);
  expect([...new Set(names)]).toEqual(known.filter((name) => names.includes(name)));
  // Every gauge of a replica has a place in that order: none is forgotten.
  const { timings: _, ...gauges } = metrics;
  expect(Object.keys(gauges).filter((name) => !names.includes(name))).toEqual([]);
});
