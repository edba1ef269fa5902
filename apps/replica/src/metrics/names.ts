/**
 * The names of all metrics that the reference knows, in the order in which they are sent (spec 06 §8.4, §8.5).
 */

/** What a metric has one value for each of. */
export type MetricTag = "tree" | "command" | "groove" | "peer" | "stage" | "operation" | "zone";

/** A metric and what it has a value for each of. */
export type MetricRow = readonly [name: string, ...tags: readonly MetricTag[]];

// oxfmt-ignore
/** Gauges and counters. */
export const GAUGES: readonly MetricRow[] = [
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
/** Durations. */
export const TIMINGS: readonly MetricRow[] = [
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
