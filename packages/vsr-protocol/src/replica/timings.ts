/**
 * How long the work of a replica takes, summed up from one emission of the metrics to the next (spec 03 §29.1, spec 06 §8.5).
 *
 * Memory is fixed: every timing has a minimum, a maximum, a sum and a count for each value of its tag.
 *
 * @module
 */
import { assert } from "@stagbeetle/kernels";
import type { Time } from "../ports/time.ts";
import type { CommitStage } from "./commit.ts";

/** Timings without a tag. */
const UNTAGGED = ["replica_aof_write", "replica_aof_checkpoint", "replica_sync_table"] as const;

/** Timings by the operation of the prepare; the last of them by that of the reply before. */
const BY_OPERATION = [
  "replica_request",
  "replica_request_execute",
  "replica_request_local",
  "client_request_round_trip",
] as const;

/** The values of the tag `stage`, in the order in which the loop goes through them. */
const STAGES: readonly CommitStage[] = [
  "idle",
  "start",
  "check_prepare",
  "prefetch",
  "stall",
  "reply_setup",
  "execute",
  "checkpoint_durable",
  "compact",
  "checkpoint_data",
  "checkpoint_superblock",
];

/** An operation is a u8. */
const OPERATIONS_MAX = 256;

type UntaggedName = (typeof UNTAGGED)[number];
type ByOperationName = (typeof BY_OPERATION)[number];

/** What was measured under one name and one value of its tag. Durations in nanoseconds. */
export interface ReplicaTiming {
  readonly name: "replica_commit" | UntaggedName | ByOperationName;
  /** What the durations are of: a stage of the commit loop, an operation (u8), or nothing in particular. */
  readonly of:
    | { readonly tag: "stage"; readonly stage: CommitStage }
    | { readonly tag: "operation"; readonly operation: number }
    | null;
  readonly minNs: number;
  readonly maxNs: number;
  readonly sumNs: number;
  readonly count: number;
}

/** What durations come to, in nanoseconds. */
export type DurationStatistics = Pick<ReplicaTiming, "minNs" | "maxNs" | "sumNs" | "count">;

/** Durations under one name: four numbers for each value of the tag. Memory is fixed. */
export class Durations {
  readonly #minNs: Float64Array;
  readonly #maxNs: Float64Array;
  readonly #sumNs: Float64Array;
  readonly #counts: Float64Array;

  /** @param tagValues how many values the tag has; 1 if there is none. */
  constructor(tagValues: number) {
    this.#minNs = new Float64Array(tagValues).fill(Number.POSITIVE_INFINITY);
    this.#maxNs = new Float64Array(tagValues);
    this.#sumNs = new Float64Array(tagValues);
    this.#counts = new Float64Array(tagValues);
  }

  /** Adds a duration. @param tagValue from 0. */
  record(tagValue: number, durationNs: number): void {
    assert(durationNs >= 0, () => `a duration of ${durationNs} ns`);
    const count = this.#counts[tagValue];
    assert(count !== undefined, () => `tag value ${tagValue} of ${this.#counts.length}`);
    this.#counts[tagValue] = count + 1;
    this.#sumNs[tagValue] = (this.#sumNs[tagValue] ?? 0) + durationNs;
    this.#minNs[tagValue] = Math.min(this.#minNs[tagValue] ?? durationNs, durationNs);
    this.#maxNs[tagValue] = Math.max(this.#maxNs[tagValue] ?? durationNs, durationNs);
  }

  /** The values of the tag for which something was measured, in their order. */
  *entries(): IterableIterator<readonly [tagValue: number, statistics: DurationStatistics]> {
    for (const [tagValue, count] of this.#counts.entries()) {
      if (count === 0) continue;
      const minNs = this.#minNs[tagValue] ?? 0;
      const maxNs = this.#maxNs[tagValue] ?? 0;
      yield [tagValue, { minNs, maxNs, sumNs: this.#sumNs[tagValue] ?? 0, count }];
    }
  }

  /** Forgets all durations. */
  reset(): void {
    this.#minNs.fill(Number.POSITIVE_INFINITY);
    this.#maxNs.fill(0);
    this.#sumNs.fill(0);
    this.#counts.fill(0);
  }
}

/** The timings of one replica. Begin with {@link ReplicaTimings.now}. */
export class ReplicaTimings {
  readonly #time: Time;
  readonly #commit = new Durations(STAGES.length);
  readonly #untagged = new Durations(UNTAGGED.length);
  readonly #byOperation: readonly Durations[] = BY_OPERATION.map(() => new Durations(OPERATIONS_MAX));

  constructor(time: Time) {
    this.#time = time;
  }

  /** When something begins: the monotonic clock (ns). */
  now(): bigint {
    return this.#time.monotonic();
  }

  /** A stage of the commit loop, which began at `startedAt` (monotonic, ns), has ended. Returns when: the next one begins. */
  stageEnded(stage: CommitStage, startedAt: bigint): bigint {
    const now = this.now();
    this.#commit.record(STAGES.indexOf(stage), elapsedNs(startedAt, now));
    return now;
  }

  /** Something that began at `startedAt` (monotonic, ns) has ended. */
  ended(name: UntaggedName, startedAt: bigint): void {
    this.#untagged.record(UNTAGGED.indexOf(name), elapsedNs(startedAt, this.now()));
  }

  /** The work on an op, which began here at `startedAt` (monotonic, ns), has ended. */
  committedLocally(operation: number, startedAt: bigint): void {
    this.#record("replica_request_local", operation, elapsedNs(startedAt, this.now()));
  }

  /**
   * A request has come so far: its op has ended here, or its reply was sent.
   *
   * @param timestamp that of its prepare (ns since the epoch), by the clock of the primary: what this replica's wall clock
   * shows may lie before it, which counts as no time.
   */
  requestReached(name: "replica_request" | "replica_request_execute", operation: number, timestamp: bigint): void {
    const elapsed = this.#time.realtime() - timestamp;
    this.#record(name, operation, elapsed > 0n ? Number(elapsed) : 0);
  }

  /** A client said how long its last request took: that of `operation`. */
  clientRoundTrip(operation: number, durationNs: number): void {
    this.#record("client_request_round_trip", operation, durationNs);
  }

  /** All that was measured since the last {@link ReplicaTimings.reset}. */
  summaries(): readonly ReplicaTiming[] {
    const summaries: ReplicaTiming[] = [];
    for (const [index, statistics] of this.#commit.entries()) {
      const stage = STAGES[index] ?? "idle";
      summaries.push({ name: "replica_commit", of: { tag: "stage", stage }, ...statistics });
    }
    for (const [index, statistics] of this.#untagged.entries()) {
      summaries.push({ name: UNTAGGED[index] ?? "replica_sync_table", of: null, ...statistics });
    }
    for (const [index, name] of BY_OPERATION.entries()) {
      for (const [operation, statistics] of this.#byOperation[index]?.entries() ?? []) {
        summaries.push({ name, of: { tag: "operation", operation }, ...statistics });
      }
    }
    return summaries;
  }

  /** Begins anew. */
  reset(): void {
    for (const durations of [this.#commit, this.#untagged, ...this.#byOperation]) durations.reset();
  }

  #record(name: ByOperationName, operation: number, durationNs: number): void {
    const durations = this.#byOperation[BY_OPERATION.indexOf(name)];
    assert(durations !== undefined, () => `no timing ${name}`);
    durations.record(operation, durationNs);
  }
}

function elapsedNs(startedAt: bigint, now: bigint): number {
  assert(now >= startedAt, () => `the monotonic clock went back from ${startedAt} to ${now}`);
  return Number(now - startedAt);
}
