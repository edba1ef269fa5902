/**
 * Metrics of a replica that has done nothing yet, for tests.
 */
import type { ReplicaMetrics } from "@stagbeetle/vsr-protocol";

import type { MetricsSample } from "../metrics/statsd-lines.ts";

/** All zero, but for what a test says. */
export function replicaMetrics(values: Partial<ReplicaMetrics> = {}): ReplicaMetrics {
  return {
    replica_start: 0n,
    replica_status: 0,
    replica_sync_stage: 0,
    replica_view: 0,
    replica_log_view: 0,
    replica_op: 0,
    replica_op_checkpoint: 0,
    replica_commit_min: 0,
    replica_commit_max: 0,
    replica_commit_timestamp: 0n,
    replica_pipeline_queue_length: 0,
    replica_sync_op_min: 0,
    replica_sync_op_max: 0,
    journal_dirty: 0,
    journal_faulty: 0,
    grid_blocks_acquired: 0,
    grid_blocks_missing: 0,
    lsm_manifest_block_count: 0,
    grid_cache_hits: 0,
    grid_cache_misses: 0,
    release: 0,
    release_seen_client_min: null,
    release_seen_client_max: null,
    clock_delta_ns: 0n,
    replica_messages_in: {},
    replica_messages_out: {},
    timings: [],
    ...values,
  };
}

/** A sample of replica 0 in cluster 0 with these metrics, but for what a test says. */
export function metricsSample(values: Partial<MetricsSample> = {}): MetricsSample {
  return {
    cluster: 0n,
    replica: 0,
    metrics: replicaMetrics(),
    serverTimings: [],
    connections: {},
    connectionsMax: 0,
    packets: null,
    ...values,
  };
}
