/**
 * `inspect metrics`: what a replica measures, and how many values of each there are (spec 06 §6.3, §8.4, §8.5).
 */
import { lines } from "@stagbeetle/command-line";
import { OPERATIONS } from "@stagbeetle/state-machine";
import { Command, Operation, ZONES } from "@stagbeetle/vsr-protocol";
import type { Config } from "@stagbeetle/vsr-protocol";

import { ledgerGrooves, ledgerTrees } from "./trees.ts";

/** What a metric has one value for each of. */
type Tag = "tree" | "command" | "groove" | "peer" | "stage" | "operation" | "zone";

type Row = readonly [name: string, ...tags: readonly Tag[]];

// oxfmt-ignore
const GAUGES: readonly Row[] = [
  ["table_count_visible", "tree"],
  ["table_count_visible_max", "tree"],
  ["value_count_visible", "tree"],
  ["replica_start"],
  ["replica_status"],
  ["replica_view"],
  ["replica_log_view"],
  ["replica_op"],
  ["replica_op_checkpoint"],
  ["replica_commit_min"],
  ["replica_commit_max"],
  ["replica_commit_timestamp"],
  ["replica_pipeline_queue_length"],
  ["replica_sync_stage"],
  ["replica_sync_op_min"],
  ["replica_sync_op_max"],
  ["replica_messages_in", "command"],
  ["replica_messages_out", "command"],
  ["journal_dirty"],
  ["journal_faulty"],
  ["grid_blocks_acquired"],
  ["grid_blocks_missing"],
  ["grid_cache_hits"],
  ["grid_cache_misses"],
  ["lsm_object_cache_entries", "groove"],
  ["lsm_object_cache_entries_max", "groove"],
  ["lsm_nodes_free"],
  ["lsm_manifest_block_count"],
  ["metrics_statsd_packets"],
  ["release"],
  ["release_seen_client_min"],
  ["release_seen_client_max"],
  ["clock_delta_ns"],
  ["message_bus_connections", "peer"],
  ["message_bus_connections_max"],
  ["compaction_values_physical", "tree"],
  ["compaction_values_logical", "tree"],
  ["loop_syscalls"],
];

// oxfmt-ignore
const TIMINGS: readonly Row[] = [
  ["replica_commit", "stage"],
  ["replica_aof_write"],
  ["replica_aof_checkpoint"],
  ["replica_sync_table"],
  ["replica_request", "operation"],
  ["replica_request_execute", "operation"],
  ["replica_request_local", "operation"],
  ["compact_beat", "tree"],
  ["compact_beat_merge", "tree"],
  ["compact_manifest"],
  ["compact_mutable", "tree"],
  ["compact_mutable_suffix", "tree"],
  ["lookup", "tree"],
  ["lookup_worker", "tree"],
  ["scan_tree", "tree"],
  ["scan_tree_level", "tree"],
  ["grid_read"],
  ["grid_write"],
  ["storage_read", "zone"],
  ["storage_write", "zone"],
  ["metrics_emit"],
  ["client_request_round_trip", "operation"],
  ["loop_run_for_ns"],
  ["loop_tick"],
  ["loop_callbacks"],
  ["loop_kernel"],
];

/** The commit stages that timings are kept of, and the kinds of peers that connections are counted by. */
const STAGE_COUNT = 11;
const PEER_COUNT = 4;

/** How many values of a timing the reference counts, although it sends five. */
const TIMING_VALUES = 4;

/** One metric. */
export interface Metric {
  readonly kind: "gauge" | "timing";
  readonly name: string;
  readonly tags: readonly string[];
  /** How many values it has: of the tags, and of the statistics of a timing. */
  readonly cardinality: number;
}

/** All metrics, in the order in which they are sent. */
export interface MetricsReport {
  readonly metrics: readonly Metric[];
  readonly cardinality: number;
}

/** What `inspect metrics` says: every metric that a replica with this configuration has. */
export function metricsReport(config: Config): MetricsReport {
  const tagValues: Readonly<Record<Tag, number>> = {
    tree: ledgerTrees(config).length,
    command: Object.keys(Command).length,
    groove: ledgerGrooves(config).length,
    peer: PEER_COUNT,
    stage: STAGE_COUNT,
    // The state machine's `pulse` is that of the protocol.
    operation: Object.keys(Operation).length + OPERATIONS.length - 1,
    zone: ZONES.length,
  };
  const metric = (kind: Metric["kind"], values: number, [name, ...tags]: Row): Metric => {
    return { kind, name, tags, cardinality: tags.reduce((product, tag) => product * tagValues[tag], values) };
  };
  const metrics = [
    ...GAUGES.map((row) => metric("gauge", 1, row)),
    ...TIMINGS.map((row) => metric("timing", TIMING_VALUES, row)),
  ];
  return { metrics, cardinality: metrics.reduce((total, { cardinality }) => total + cardinality, 0) };
}

/** As the reference prints it. */
export function metricsText({ metrics }: MetricsReport): string {
  return lines(
    metrics.map(({ kind, name, tags, cardinality }) => `${kind}: ${name}(${tags.join(", ")})=${cardinality}`),
  );
}
