/**
 * Whether the repair of the log leads anywhere (spec 03 §20.9). If the prepares that a backup needs are gone from the logs of
 * all others, only the primary's checkpoint helps.
 *
 * @module
 */
import type { Grid } from "../../ports/grid.ts";
import type { Journal } from "../../ports/journal.ts";
import type { CommitStage } from "../commit.ts";
import type { LogPosition } from "../log-position.ts";
import type { Status } from "../status.ts";
import type { HeaderRepair } from "./header-repair.ts";

/** What progress is judged by. */
export interface RepairProgressOptions {
  readonly status: Pick<Status, "current">;
  readonly log: Pick<LogPosition, "commitMin" | "commitMax">;
  readonly journal: Pick<Journal, "headerWithOp" | "hasDirty">;
  /** Null for a state machine that keeps its state in memory. */
  readonly grid: Pick<Grid, "readWaitsForBlock"> | null;
  readonly headerRepair: Pick<HeaderRepair, "validHashChain">;
  readonly commitStage: () => CommitStage;
}

/** Remembers how far the replica had come at the last look. */
export class RepairProgress {
  readonly #options: RepairProgressOptions;
  #commitMin = 0;
  #advanced = true;

  constructor(options: RepairProgressOptions) {
    this.#options = options;
  }

  /** Takes the next look: has anything been executed since the last one? */
  look(): void {
    const { commitMin } = this.#options.log;
    this.#advanced = this.#commitMin < commitMin;
    this.#commitMin = commitMin;
  }

  /** A checkpoint of another replica was installed: the judgement begins anew. */
  restart(): void {
    this.#commitMin = this.#options.log.commitMin;
    this.#advanced = true;
  }

  /** Whether there is something to execute and for a whole period nothing was, because something is missing. */
  get stuck(): boolean {
    const { status, log, commitStage } = this.#options;
    if (log.commitMin === log.commitMax || status.current === "recovering_head") return false;
    const stage = commitStage();
    if (stage === "checkpoint_data" || stage === "checkpoint_superblock") return false;
    if (this.#advanced || log.commitMin !== this.#commitMin) return false;
    return this.#somethingMissing();
  }

  #somethingMissing(): boolean {
    const { log, journal, grid, headerRepair } = this.#options;
    const next = log.commitMin + 1;
    if (journal.headerWithOp(next) === null || journal.hasDirty(next)) return true;
    return grid?.readWaitsForBlock === true || !headerRepair.validHashChain();
  }
}
