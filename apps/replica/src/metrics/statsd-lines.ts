/**
 * Metrics in the lines of StatsD, with DogStatsD's tags (spec 06 §8.3).
 *
 * ```text
 * tb.replica_status:0|g|#cluster:00000000000000000000000000000000,replica:0
 * tb.replica_commit_us.max:73|g|#cluster:00000000000000000000000000000000,replica:0,stage:prefetch
 * ```
 */
import { operationFromVsr } from "@stagbeetle/state-machine";
import { operationName } from "@stagbeetle/vsr-protocol";
import type { DurationStatistics, ReplicaMetrics, ReplicaTiming } from "@stagbeetle/vsr-protocol";

import { GAUGES, TIMINGS } from "./names.ts";
import type { ServerTiming } from "./server-timings.ts";

/** All that is sent at once. */
export interface MetricsSample {
  /** The cluster's id (u128). */
  readonly cluster: bigint;
  /** The replica's own index. */
  readonly replica: number;
  readonly metrics: ReplicaMetrics;
  /** Of the work around the replica. */
  readonly serverTimings: readonly ServerTiming[];
  /** Connections by the kind of their peer, as metrics call it. */
  readonly connections: Readonly<Record<string, number>>;
  /** How many connections there can be. */
  readonly connectionsMax: number;
  /** How many datagrams the last sample took; null if this is the first. */
  readonly packets: number | null;
}

/** A value of one tag; the tag is empty if the metric has none. */
interface Value {
  readonly tag: string;
  readonly value: number | bigint;
}

const NS_PER_US = 1000;
const CLUSTER_HEX_DIGITS = 32;

/** One line for each value, five for each timing, in the order of {@link GAUGES} and {@link TIMINGS}. Each ends in a newline. */
export function statsdLines(sample: MetricsSample): readonly string[] {
  const values = gauges(sample);
  const timings = [...sample.metrics.timings, ...sample.serverTimings];
  const common = `#cluster:${sample.cluster.toString(16).padStart(CLUSTER_HEX_DIGITS, "0")},replica:${sample.replica}`;
  const line = (name: string, value: number | bigint, type: "g" | "c", tag: string): string =>
    `tb.${name}:${value}|${type}|${common}${tag === "" ? "" : `,${tag}`}\n`;
  return [
    ...GAUGES.flatMap(([name]) => (values.get(name) ?? []).map(({ value, tag }) => line(name, value, "g", tag))),
    ...TIMINGS.flatMap(([name]) => timings.filter((timing) => timing.name === name)).flatMap((timing) =>
      statistics(timing).map(([suffix, value, type]) =>
        line(`${timing.name}_us.${suffix}`, value, type, tagOf(timing)),
      ),
    ),
  ];
}

/** What there is to tell, by the names of metrics. */
function gauges({
  metrics,
  connections,
  connectionsMax,
  packets,
}: MetricsSample): ReadonlyMap<string, readonly Value[]> {
  const { replica_messages_in: messagesIn, replica_messages_out: messagesOut, timings: _, ...single } = metrics;
  const values = new Map<string, readonly Value[]>([
    ["replica_messages_in", tagged("command", messagesIn)],
    ["replica_messages_out", tagged("command", messagesOut)],
    ["message_bus_connections", tagged("peer", connections)],
    ["message_bus_connections_max", [{ tag: "", value: connectionsMax }]],
  ]);
  for (const [name, value] of Object.entries({ ...single, metrics_statsd_packets: packets })) {
    if (value !== null) values.set(name, [{ tag: "", value }]);
  }
  // Told only by a clock that is outside of what the cluster agreed on.
  if (metrics.clock_delta_ns === 0n) values.delete("clock_delta_ns");
  return values;
}

function tagged(tag: string, counts: Readonly<Record<string, number>>): readonly Value[] {
  return Object.entries(counts).map(([name, value]) => ({ tag: `${tag}:${name}`, value }));
}

/** Whole microseconds. */
function statistics({
  minNs,
  maxNs,
  sumNs,
  count,
}: DurationStatistics): readonly (readonly [suffix: string, value: number, type: "g" | "c"])[] {
  const sumUs = Math.floor(sumNs / NS_PER_US);
  return [
    ["min", Math.floor(minNs / NS_PER_US), "g"],
    ["max", Math.floor(maxNs / NS_PER_US), "g"],
    ["avg", Math.floor(sumUs / count), "g"],
    ["sum", sumUs, "c"],
    ["count", count, "c"],
  ];
}

function tagOf({ of }: ReplicaTiming | ServerTiming): string {
  if (of === null) return "";
  if (of.tag === "stage") return `stage:${of.stage}`;
  if (of.tag === "zone") return `zone:${of.zone}`;
  // The state machine's name of `pulse` is the protocol's.
  return `operation:Operation.${operationFromVsr(of.operation)?.name ?? operationName(of.operation)}`;
}
