/**
 * How long the work around a replica takes, summed up from one emission of the metrics to the next (spec 06 §8.5): reads and
 * writes of the data file, ticks, and the emissions themselves.
 */
import { snakeCase } from "@stagbeetle/command-line";
import { Durations, ZONES } from "@stagbeetle/vsr-protocol";
import type { DurationStatistics, Zone } from "@stagbeetle/vsr-protocol";

/** Timings without a tag. */
const UNTAGGED = ["loop_tick", "metrics_emit"] as const;

/** What was measured under one name and one value of its tag. Durations in nanoseconds. */
export interface ServerTiming extends DurationStatistics {
  readonly name: "storage_read" | "storage_write" | (typeof UNTAGGED)[number];
  /** The zone of the data file, as metrics call it, or nothing in particular. */
  readonly of: { readonly tag: "zone"; readonly zone: string } | null;
}

/** The timings of one server. */
export class ServerTimings {
  readonly #storage = { read: new Durations(ZONES.length), write: new Durations(ZONES.length) };
  readonly #untagged = new Durations(UNTAGGED.length);

  /** A request of the storage is complete, after `durationNs` (ns). */
  storageEnded(kind: "read" | "write", zone: Zone, durationNs: number): void {
    this.#storage[kind].record(ZONES.indexOf(zone), durationNs);
  }

  /** Something has ended, after `durationNs` (ns). */
  ended(name: (typeof UNTAGGED)[number], durationNs: number): void {
    this.#untagged.record(UNTAGGED.indexOf(name), durationNs);
  }

  /** All that was measured since the last {@link ServerTimings.reset}. */
  summaries(): readonly ServerTiming[] {
    const summaries: ServerTiming[] = [];
    for (const kind of ["read", "write"] as const) {
      for (const [index, statistics] of this.#storage[kind].entries()) {
        const zone = snakeCase(ZONES[index] ?? "grid");
        summaries.push({ name: `storage_${kind}`, of: { tag: "zone", zone }, ...statistics });
      }
    }
    for (const [index, statistics] of this.#untagged.entries()) {
      summaries.push({ name: UNTAGGED[index] ?? "loop_tick", of: null, ...statistics });
    }
    return summaries;
  }

  /** Begins anew. */
  reset(): void {
    for (const durations of [this.#storage.read, this.#storage.write, this.#untagged]) durations.reset();
  }
}
