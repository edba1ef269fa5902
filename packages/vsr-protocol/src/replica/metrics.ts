/**
 * What a replica tells about itself in numbers (spec 03 §29.1).
 *
 * @module
 */
import { assert } from "@stagbeetle/kernels";
import { commandKnown, commandName } from "../command.ts";
import type { Release } from "../release.ts";
import type { ReplicaTiming } from "./timings.ts";

/** Gauges, counters and timings under the names that dashboards know. Ops and counts; times in nanoseconds. */
export interface ReplicaMetrics {
  /** The wall clock when the replica was made (ns since the epoch). */
  readonly replica_start: bigint;
  readonly replica_status: number;
  readonly replica_sync_stage: number;
  readonly replica_view: number;
  readonly replica_log_view: number;
  readonly replica_op: number;
  readonly replica_op_checkpoint: number;
  readonly replica_commit_min: number;
  readonly replica_commit_max: number;
  /** The timestamp of the last executed prepare (ns). */
  readonly replica_commit_timestamp: bigint;
  /** Prepares and requests in the pipeline. */
  readonly replica_pipeline_queue_length: number;
  readonly replica_sync_op_min: number;
  readonly replica_sync_op_max: number;
  /** Slots. */
  readonly journal_dirty: number;
  readonly journal_faulty: number;
  /** Blocks; all four are 0 without a grid. */
  readonly grid_blocks_acquired: number;
  /** Blocks that are to be fetched from other replicas. */
  readonly grid_blocks_missing: number;
  /** Of the checkpoint in the superblock. */
  readonly lsm_manifest_block_count: number;
  /** Since the start. */
  readonly grid_cache_hits: number;
  readonly grid_cache_misses: number;
  readonly release: Release;
  /** The lowest and highest release of clients heard of since the last emission; null if there was none. */
  readonly release_seen_client_min: Release | null;
  readonly release_seen_client_max: Release | null;
  /** How far the own clock is outside the bounds that the cluster agreed on (ns). */
  readonly clock_delta_ns: bigint;
  /** Messages since the last emission by the name of their command; only those that occurred. */
  readonly replica_messages_in: { readonly [command: string]: number };
  readonly replica_messages_out: { readonly [command: string]: number };
  /** How long things took since the last emission; only what occurred. */
  readonly timings: readonly ReplicaTiming[];
}

const COMMANDS_MAX = 256;

/** Counts messages by command, from one emission to the next. */
export class MessageCounters {
  readonly #counts = new Float64Array(COMMANDS_MAX);

  /** Counts one message. */
  count(command: number): void {
    assert(commandKnown(command), () => `command ${command}`);
    this.#counts[command] = (this.#counts[command] ?? 0) + 1;
  }

  /** The counts that are not 0, by name. */
  snapshot(): { readonly [command: string]: number } {
    const counts: { [command: string]: number } = {};
    for (const [command, count] of this.#counts.entries()) if (count > 0) counts[commandName(command)] = count;
    return counts;
  }

  /** Begins anew. */
  reset(): void {
    this.#counts.fill(0);
  }
}

/** The range of client releases since the last emission: who still has to be upgraded. */
export class ReleasesSeen {
  #min: Release | null = null;
  #max: Release | null = null;

  /** The lowest one; null if no client was heard of. */
  get min(): Release | null {
    return this.#min;
  }

  /** The highest one; null if no client was heard of. */
  get max(): Release | null {
    return this.#max;
  }

  /** Notes the release of a client. */
  see(release: Release): void {
    this.#min = this.#min === null ? release : Math.min(this.#min, release);
    this.#max = this.#max === null ? release : Math.max(this.#max, release);
  }

  /** Begins anew. */
  reset(): void {
    this.#min = null;
    this.#max = null;
  }
}
