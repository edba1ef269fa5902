/**
 * State sync: a replica whose missing ops are gone from the logs of the others takes the primary's checkpoint in place of its
 * own (spec 03 §21).
 *
 * ```text
 *   idle ─▶ canceling_commit ─▶ canceling_grid ─▶ updating_checkpoint ─▶ idle
 *     └──────────────────────────────▲
 * ```
 *
 * A `view` replaces checkpoint and log at once. What is behind the checkpoint is fetched afterwards: by reads that wait for
 * blocks of others, and table by table (`table-sync.ts`). Until the superblock is durable the replica has two checkpoints: the
 * old one, which a crash returns to, and the new one, which its log already belongs to.
 *
 * @module
 */
import { assert } from "@stagbeetle/kernels";
import { type CheckpointIds, trigger } from "../../checkpoint.ts";
import type { ClientReplies } from "../../clients/replies.ts";
import type { ClientSessions } from "../../clients/sessions.ts";
import type { Config } from "../../config/config.ts";
import { recordBytes } from "../../layout.ts";
import type { Checksums } from "../../message/checksums.ts";
import type { Message } from "../../message/message.ts";
import { PrepareHeader } from "../../message/prepare.ts";
import { CHECKPOINT_STATE_SIZE_BYTES, ViewHeader } from "../../message/view.ts";
import type { AppendOnlyFile } from "../../ports/aof.ts";
import type { CheckpointTrailer, Grid, Scrubber } from "../../ports/grid.ts";
import type { OpRange } from "../../ports/journal.ts";
import type { Logger } from "../../ports/logger.ts";
import type { StateMachine } from "../../ports/state-machine.ts";
import type { Release } from "../../release.ts";
import { bytesEqual } from "../../superblock/image.ts";
import { CheckpointState } from "../../superblock/layout.ts";
import type { SuperBlock } from "../../superblock/superblock.ts";
import { type SyncCheckpoint, syncCheckpointInvalid } from "../../superblock/update.ts";
import type { CheckpointWindow } from "../checkpoint-window.ts";
import type { CommitStage } from "../commit.ts";
import type { LogPosition } from "../log-position.ts";
import type { RepairProgress } from "../repair/progress.ts";
import { checkpointOfView } from "../view-change/view-message.ts";
import { decideSync, type SyncDecision } from "./sync-decision.ts";
import type { TableSync } from "./table-sync.ts";

/** How far a sync has come. */
export type SyncStage = "idle" | "canceling_commit" | "canceling_grid" | "updating_checkpoint";

/** The stage in metrics (spec 03 §21.2). */
export const SYNC_STAGE_METRIC: { readonly [Stage in SyncStage]: number } = {
  idle: 0,
  canceling_commit: 1,
  canceling_grid: 2,
  updating_checkpoint: 3,
};

/** Where the sync stands, and what it needs there. */
type State =
  | { readonly stage: "idle" }
  | { readonly stage: "canceling_commit"; readonly view: Message }
  | { readonly stage: "canceling_grid"; readonly view: Message }
  | { readonly stage: "updating_checkpoint"; readonly ids: CheckpointIds; readonly content: OpRange };

const SUCCESSORS: { readonly [From in SyncStage]: readonly SyncStage[] } = {
  idle: ["canceling_commit", "canceling_grid"],
  canceling_commit: ["canceling_grid"],
  canceling_grid: ["updating_checkpoint"],
  updating_checkpoint: ["idle"],
};

/** What the commit loop does when a sync begins: end the step under way first, be cancelled at once, or not let it begin. */
const COMMIT: { readonly [Stage in CommitStage]: "wait" | "cancel" | "refuse" } = {
  idle: "cancel",
  start: "wait",
  check_prepare: "wait",
  prefetch: "cancel",
  stall: "wait",
  reply_setup: "wait",
  execute: "wait",
  checkpoint_durable: "wait",
  compact: "cancel",
  checkpoint_data: "refuse",
  checkpoint_superblock: "refuse",
};

/** What a sync works with. */
export interface StateSyncOptions {
  readonly config: Config;
  readonly release: Release;
  /** Null for a state machine that keeps its state in memory: its cluster never leaves the first checkpoint behind. */
  readonly store: {
    readonly grid: Pick<Grid, "cancel">;
    readonly clientSessions: Pick<CheckpointTrailer, "reset">;
    readonly scrubber: Pick<Scrubber, "cancel">;
  } | null;
  readonly superblock: Pick<SuperBlock, "working" | "staging" | "checkpointIds">;
  readonly log: Pick<LogPosition, "commitMin" | "syncTo">;
  readonly window: Pick<CheckpointWindow, "opCheckpoint">;
  readonly stateMachine: Pick<StateMachine, "reset">;
  readonly sessions: Pick<ClientSessions, "reset" | "entries">;
  readonly clientReplies: Pick<ClientReplies, "resetFaulty" | "replyDurable">;
  readonly aof: Pick<AppendOnlyFile, "stateSynced"> | null;
  readonly checksums: Checksums;
  readonly logger: Logger;
  readonly progress: Pick<RepairProgress, "stuck" | "restart">;
  readonly tableSync: TableSync;
  readonly commitStage: () => CommitStage;
  readonly stateMachineOpened: () => boolean;
  /** Drops the op in work, wherever it is, and executes nothing more until the state machine is open again. */
  readonly dropCommit: () => void;
  /** Runs when the grid has dropped all reads and writes. */
  readonly onGridCancelled: () => void;
  /** Takes over the log of the `view`, whose checkpoint {@link StateSync.installCheckpoint} moves to (spec 03 §19.5). */
  readonly installLog: (view: Message) => void;
  /** Runs when the new checkpoint is durable: forgets what belonged to the old one, and opens the store anew. */
  readonly onSynced: () => void;
  /** Goes on with a newer release, which the new checkpoint is for. */
  readonly switchRelease: (release: Release) => void;
}

/** The state sync of one replica. */
export class StateSync {
  readonly #options: StateSyncOptions;
  /** The checkpoint to be installed; meaningful while it is. */
  readonly #checkpoint = new CheckpointState(new Uint8Array(CHECKPOINT_STATE_SIZE_BYTES));
  #state: State = { stage: "idle" };
  /** Whether the store was reset and is not open again. */
  #reopening = false;

  constructor(options: StateSyncOptions) {
    this.#options = options;
  }

  /** How far the sync has come; `idle` if there is none. */
  get stage(): SyncStage {
    return this.#state.stage;
  }

  /** Whether a sync is under way, in any of its stages. */
  get syncing(): boolean {
    return this.stage !== "idle";
  }

  /** Whether all messages are dropped, so that the view does not move past the log that is about to be installed. */
  get canceling(): boolean {
    return this.stage === "canceling_commit" || this.stage === "canceling_grid";
  }

  /** Whether the checkpoint was chosen and is not durable yet. */
  get updatingCheckpoint(): boolean {
    return this.stage === "updating_checkpoint";
  }

  /** The ids of the checkpoint that is being installed, else of the current one. */
  get checkpointIds(): CheckpointIds {
    return this.#state.stage === "updating_checkpoint" ? this.#state.ids : this.#options.superblock.checkpointIds;
  }

  /** What the next write of the superblock must install, or null. */
  get syncCheckpoint(): SyncCheckpoint | null {
    if (this.#state.stage !== "updating_checkpoint") return null;
    const { opMin, opMax } = this.#state.content;
    return { checkpoint: this.#checkpoint, syncOpMin: opMin, syncOpMax: opMax };
  }

  /** Whether every block of the checkpoint is here, as far as is known: then ops after it may be acknowledged. */
  get gridComplete(): boolean {
    return this.#options.stateMachineOpened() && !this.#options.tableSync.active;
  }

  /** Whether scrubbing would find only what is known to be missing. */
  get contentSyncing(): boolean {
    return this.syncing || this.#options.tableSync.active;
  }

  /** Whether all that was skipped is here: then the next checkpoint says so. Not earlier: until then a crash needs it again. */
  get contentDone(): boolean {
    const { superblock, sessions, clientReplies } = this.#options;
    if (!this.gridComplete) return false;
    const { syncOpMin, syncOpMax } = superblock.working.vsrState;
    for (const { slot, header } of sessions.entries()) {
      if (header.commit < syncOpMin || header.commit > syncOpMax) continue;
      if (!clientReplies.replyDurable(slot)) return false;
    }
    return true;
  }

  /** Whether to take the checkpoint of a valid `view`, or to go on with the own one. */
  decide(view: Message): SyncDecision {
    const { config, window, progress } = this.#options;
    const { commitMax, checkpointOp } = view.as(ViewHeader);
    const likelyStuck = !this.syncing && progress.stuck;
    return decideSync(config, { opCheckpoint: window.opCheckpoint, checkpointOp, commitMax, likelyStuck });
  }

  /**
   * Begins to take the checkpoint of a `view` that is valid by itself. Does nothing if that cannot be now, or not at all: a later
   * one will do.
   */
  start(view: Message): void {
    const { config, store, superblock, window, commitStage, logger } = this.#options;
    const { checkpointOp, commitMax, replica } = view.as(ViewHeader);
    const invalid =
      store === null
        ? "this replica keeps its state in memory"
        : syncCheckpointInvalid(config, superblock.working, checkpointOfView(view.body()));
    // Whoever goes on from there has lost, or forked, what this replica has.
    if (invalid !== null) return logger.log("error", `sync: refused: ${invalid}`, { replica, checkpointOp });
    assert(checkpointOp > window.opCheckpoint, () => `a sync to ${checkpointOp} from ${window.opCheckpoint}`);
    const commit = COMMIT[commitStage()];
    if (this.syncing || commit === "refuse") {
      return logger.log("debug", "sync: postponed", { stage: this.stage, commit: commitStage(), checkpointOp });
    }
    logger.log("info", "sync started", { from: window.opCheckpoint, to: checkpointOp, commitMax });
    view.reference();
    if (commit === "wait") this.#enter({ stage: "canceling_commit", view });
    else this.#cancelGrid(view);
  }

  /** The commit loop has ended the step under way and stops there. */
  onCommitCancelled(): void {
    assert(this.#state.stage === "canceling_commit", () => `the commit loop stops while ${this.stage}`);
    this.#cancelGrid(this.#state.view);
  }

  /** To be called while the log of the `view` is installed, once its head is: everything up to the checkpoint counts as executed. */
  installCheckpoint(): void {
    const { log, progress } = this.#options;
    assert(this.#state.stage === "updating_checkpoint", () => `a checkpoint is installed while ${this.stage}`);
    const { op } = this.#state.ids;
    const { lsmCompactionOps } = this.#options.config.cluster;
    // What is executed again is at most the bar from the checkpoint to the op that triggered it.
    assert(log.commitMin - op <= lsmCompactionOps, () => `a sync from op ${log.commitMin} back to ${op}`);
    log.syncTo(op);
    progress.restart();
  }

  /**
   * To be called whenever the superblock was written for the view.
   *
   * @returns whether another release has to go on: that of the new checkpoint. This one writes nothing more.
   */
  onViewDurable(): boolean {
    const { superblock, log, release, onSynced, switchRelease, logger } = this.#options;
    if (this.#state.stage !== "updating_checkpoint") return false;
    const { op } = this.#state.ids;
    // A write that had begun before the checkpoint was chosen.
    if (superblock.working.checkpointHeader.op !== op) return false;
    for (const image of [superblock.working, superblock.staging]) {
      assert(bytesEqual(image.vsrState.checkpoint, recordBytes(this.#checkpoint)), () => `checkpoint ${op} is another`);
    }
    assert(log.commitMin === op, () => `commit_min ${log.commitMin} at checkpoint ${op}`);
    this.#enter({ stage: "idle" });
    logger.log("info", "sync: checkpoint installed", { opCheckpoint: op });
    if (this.#checkpoint.release > release) {
      switchRelease(this.#checkpoint.release);
      return true;
    }
    onSynced();
    return false;
  }

  /** To be called whenever the state machine is open: at the start, and after each sync. */
  onStateMachineOpened(): void {
    const { tableSync } = this.#options;
    if (this.#reopening) tableSync.resume();
    this.#reopening = false;
    tableSync.work();
  }

  /** An earlier sync is unfinished: to be called at the start, once the superblock is open. */
  onSuperBlockOpened(): void {
    const { superblock, tableSync } = this.#options;
    const { syncOpMin, syncOpMax } = superblock.working.vsrState;
    if (syncOpMax > 0) tableSync.begin({ opMin: syncOpMin, opMax: syncOpMax });
  }

  #enter(next: State): void {
    assert(SUCCESSORS[this.stage].includes(next.stage), () => `sync stage ${next.stage} after ${this.stage}`);
    this.#state = next;
  }

  #cancelGrid(view: Message): void {
    const { store } = this.#options;
    assert(store !== null, "a store in memory is not synced");
    this.#enter({ stage: "canceling_grid", view });
    store.grid.cancel(() => this.#onGridCancelled(view));
  }

  /** Nothing of the old checkpoint is in use any more: forgets it, and takes over the new one with its log. */
  #onGridCancelled(view: Message): void {
    const { store, dropCommit, onGridCancelled, tableSync, installLog, checksums } = this.#options;
    assert(store !== null && this.#state.stage === "canceling_grid", () => `the grid is cancelled while ${this.stage}`);
    const bytes = recordBytes(this.#checkpoint);
    bytes.set(view.body().subarray(0, CHECKPOINT_STATE_SIZE_BYTES));
    const { parentCheckpointId: parentId, grandparentCheckpointId: grandparentId } = this.#checkpoint;
    const { op } = new PrepareHeader(bytes);
    const skipped = this.#skipped(op);
    onGridCancelled();
    store.scrubber.cancel();
    dropCommit();
    this.#enter({
      stage: "updating_checkpoint",
      ids: { op, id: checksums.of(bytes), parentId, grandparentId },
      content: this.#content(skipped),
    });
    this.#resetStore();
    tableSync.begin(skipped);
    installLog(view);
    assert(this.#options.log.commitMin === op, () => `commit_min ${this.#options.log.commitMin} at checkpoint ${op}`);
    view.release();
  }

  #resetStore(): void {
    const { store, stateMachine, sessions, clientReplies, aof } = this.#options;
    assert(store !== null, "a store in memory is not synced");
    this.#reopening = true;
    stateMachine.reset();
    sessions.reset();
    store.clientSessions.reset();
    // Set again for the replies of the new sessions.
    clientReplies.resetFaulty();
    aof?.stateSynced();
  }

  /** The ops whose effects this replica has only as references to blocks: those after the last one that it executed itself. */
  #skipped(checkpointOp: number): OpRange {
    const { config, window } = this.#options;
    const executed = trigger(config, window.opCheckpoint);
    const last = trigger(config, checkpointOp);
    assert(last !== null, () => `a sync to checkpoint ${checkpointOp}`);
    return { opMin: executed === null ? 0 : executed + 1, opMax: last };
  }

  /** The same with what an unfinished sync before this one skipped. */
  #content({ opMin, opMax }: OpRange): OpRange {
    const { syncOpMin, syncOpMax } = this.#options.superblock.working.vsrState;
    return { opMin: syncOpMax === 0 ? opMin : Math.min(syncOpMin, opMin), opMax };
  }
}
