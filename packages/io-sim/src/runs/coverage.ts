/**
 * What runs have met. A simulation that never met what it is there for has shown nothing.
 *
 * @module
 */
import type { StorageIncident } from "../storage.ts";

/** Everything that is counted, with what it means. */
export const COVERAGE_MARKS = {
  crashes: "the power failed",
  crashesOpening: "the power failed before the replica served",
  starts: "the replica started and served",
  refusals: "the replica refused to start, and said why",
  fatalReplays: "the replica found damage while it replayed its log, and stopped",
  headLost: "a prepare that was being written is not on the disk",
  headTorn: "a prepare that was being written has old and new sectors, or a corrupt one",
  headComplete: "a prepare that was being written is on the disk, but was not acknowledged",
  headersTorn: "a sector of redundant headers that was being written is corrupt",
  superblockTorn: "a copy of the superblock that was being written is torn or corrupt",
  repliesTorn: "a reply that was being written is torn or corrupt",
  checkpoints: "the replica started from a newer checkpoint than before",
  gridTorn: "a block of the grid that was being written is torn or corrupt",
  walFull: "the log was full and requests had to wait",
  prepareCorrupt: "a prepare is corrupt at rest",
  headersCorrupt: "a sector of redundant headers is corrupt at rest",
  superblockCorrupt: "copies of the superblock are corrupt at rest",
  repliesCorrupt: "a stored reply is corrupt at rest",
  blockCorrupt: "a block of the grid is corrupt",
  misdirected: "a write went to another place",
  writesLost: "a write that was acknowledged never reached the disk",
  executed: "requests were executed",
  executedAgain: "requests were executed again after a restart",
  acknowledged: "clients got their replies",
  repeated: "clients got their replies again, in equal bytes",
  viewChanges: "a view after the first one started",
  stateSyncs: "a replica synced its state",
  blocksSent: "a replica sent a block to another",
  prepareRepairs: "a replica asked another for a prepare",
  partitions: "the network was cut in two",
  pauses: "a machine stood still",
  reformats: "a replica that lost its disk was replaced",
  upgrades: "the cluster moved to another release",
  evictions: "a client lost its session to another",
  comparisons: "checkpoints of two replicas, or their blocks after a bar, were found equal",
  blocksCompared: "a block was found to be what it is elsewhere, or was before, at the same checkpoint",
  manifestsCompared: "the tables of a checkpoint were found to be what they are elsewhere, or were before",
  entriesOfAof: "an entry of an append-only file was found to be what was executed",
  coreSmaller: "at the end not all nodes were there",
  rests: "all nodes came to rest, and went on",
  headsLost: "a replica came back without knowing its head",
  forgeries: "a message arrived that its sender never sent, or not now",
  standbys: "a standby executed what the replicas did",
  ticks: "10 ms of simulated time passed",
} as const;

/** The name of a mark. */
export type CoverageMark = keyof typeof COVERAGE_MARKS;

/** Counts marks. */
export class Coverage {
  readonly #counts: Map<CoverageMark, number> = new Map();

  /** Something was met. */
  mark(mark: CoverageMark, times = 1): void {
    if (times > 0) this.#counts.set(mark, this.count(mark) + times);
  }

  /** How often something was met. */
  count(mark: CoverageMark): number {
    return this.#counts.get(mark) ?? 0;
  }

  /** Adds what another run has met. */
  add(other: Coverage): void {
    for (const [mark, count] of other.#counts) this.mark(mark, count);
  }

  /** Adds counts that were written as JSON. */
  static of(counts: { readonly [mark: string]: number }): Coverage {
    const coverage = new Coverage();
    for (const mark of Object.keys(COVERAGE_MARKS) as CoverageMark[]) coverage.mark(mark, counts[mark] ?? 0);
    return coverage;
  }

  /** The counts that are not 0, by name. */
  counts(): { readonly [mark: string]: number } {
    return Object.fromEntries(this.#counts);
  }

  /** Those of `required` that were never met. */
  missing(required: readonly CoverageMark[]): readonly CoverageMark[] {
    return required.filter((mark) => this.count(mark) === 0);
  }

  /** Marks what a crash did to a write. */
  markInterrupted(incident: StorageIncident): void {
    if (incident.kind !== "interrupted") return;
    const torn = damages(incident);
    switch (incident.zone) {
      case "walPrepares":
        this.mark(torn ? "headTorn" : incident.outcome === "lost" ? "headLost" : "headComplete");
        break;
      case "walHeaders":
        if (torn) this.mark("headersTorn");
        break;
      case "superblock":
        if (torn) this.mark("superblockTorn");
        break;
      case "clientReplies":
        if (torn) this.mark("repliesTorn");
        break;
      case "grid":
        if (torn) this.mark("gridTorn");
        break;
      case "gridPadding":
        break;
    }
  }
}

/** Whether an interrupted write left something that is neither the old nor the new. */
function damages(incident: StorageIncident): boolean {
  return incident.kind === "interrupted" && (incident.outcome === "torn" || incident.corrupted);
}
