/**
 * Writing a checkpoint: everything that it consists of first, then the superblock that refers to it (spec 04 §22).
 *
 * ```text
 *   op T commits ─▶ client sessions, AOF, state machine, client replies, free set ─▶ superblock ─▶ … op T + P + 1: durable
 * ```
 *
 * T is the trigger of the checkpoint at C, one bar before it. A crash before the superblock is written leaves the checkpoint
 * before this one, none of whose blocks is overwritten before this one is durable.
 *
 * @module
 */
import { assert } from "@stagbeetle/kernels";
import type { ClientReplies } from "../clients/replies.ts";
import type { ClientSessions } from "../clients/sessions.ts";
import type { AppendOnlyFile } from "../ports/aof.ts";
import type { CheckpointTrailer, Grid, Scrubber, StoredTables } from "../ports/grid.ts";
import type { Journal } from "../ports/journal.ts";
import type { StateMachine } from "../ports/state-machine.ts";
import type { Release } from "../release.ts";
import type { VSRState } from "../superblock/layout.ts";
import type { SuperBlock } from "../superblock/superblock.ts";
import type { ViewAttributes } from "../superblock/update.ts";
import type { CheckpointWindow } from "./checkpoint-window.ts";
import type { Checkpointer } from "./commit.ts";
import type { LogPosition } from "./log-position.ts";
import type { ReplicaTimings } from "./timings.ts";

/** Where a replica keeps its checkpoints. Nothing of it is open yet when the replica is made. */
export interface CheckpointStore {
  readonly grid: Grid;
  /** For the client sessions: `clients_max` × 264 bytes. */
  readonly clientSessions: CheckpointTrailer;
  /** The tables of the state machine, for a state sync to fetch. */
  readonly tables: StoredTables;
  /** Reads all that the grid holds, again and again. */
  readonly scrubber: Scrubber;
}

/** What is made durable before the superblock, in the order in which it is begun. */
export type CheckpointPart = "aof" | "state_machine" | "client_sessions" | "client_replies" | "free_set";

/** What checkpoints are written with. */
export interface CheckpointWriterOptions {
  readonly store: {
    readonly grid: Pick<
      Grid,
      | "checkpoint"
      | "checkpointDurable"
      | "checkpointIsDurable"
      | "freeSetBlocksAcquired"
      | "freeSetBlocksReleased"
      | "markCheckpointNotDurable"
      | "release"
      | "storageSize"
    >;
    readonly clientSessions: Pick<CheckpointTrailer, "addresses" | "buffer" | "checkpoint" | "reference">;
  };
  readonly log: LogPosition;
  readonly window: Pick<CheckpointWindow, "opCheckpointNext" | "opCheckpointNextTrigger">;
  readonly journal: Pick<Journal, "headerWithOp">;
  readonly superblock: Pick<SuperBlock, "checkpoint"> & {
    readonly working: { readonly vsrState: Pick<VSRState, "syncOpMin" | "syncOpMax"> };
  };
  readonly stateMachine: Pick<StateMachine, "checkpoint" | "checkpointReferences">;
  readonly sessions: Pick<ClientSessions, "encode" | "encodeSizeBytes">;
  readonly clientReplies: Pick<ClientReplies, "checkpoint">;
  readonly aof: Pick<AppendOnlyFile, "checkpoint"> | null;
  readonly timings: Pick<ReplicaTimings, "now" | "ended">;
  /** The view as it is stored with the checkpoint; null on a replica that is alone, whose head may not be durable. */
  readonly viewAttributes: () => ViewAttributes | null;
  /** Whether all that a state sync brought is here, so that the checkpoint is complete by itself. */
  readonly syncComplete: () => boolean;
  /** The release that goes on from the checkpoint. */
  readonly checkpointRelease: () => Release;
}

/** No ops whose content is missing. */
const SYNCED = { syncOpMin: 0, syncOpMax: 0 } as const;

/** Writes the checkpoints of one replica. The commit loop says when. */
export class CheckpointWriter implements Checkpointer {
  readonly #options: CheckpointWriterOptions;
  /** What is not durable yet of the checkpoint being written. */
  readonly #pending = new Set<CheckpointPart>();
  /** Whoever waits for `writeData`. */
  #callback: (() => void) | null = null;

  constructor(options: CheckpointWriterOptions) {
    this.#options = options;
  }

  /** Whether the blocks that were released before the current checkpoint are free already. */
  get durable(): boolean {
    return this.#options.store.grid.checkpointIsDurable;
  }

  /** A quorum has the current checkpoint. The callback runs once its blocks are free, never from inside the call. */
  markDurable(callback: () => void): void {
    this.#options.store.grid.checkpointDurable(callback);
  }

  /**
   * All parts begin here and go on side by side. Their order decides which blocks they get, and the free set comes last: it
   * contains the blocks of all others, but not its own.
   *
   * @throws FatalError (status 5), also later from a completion, if the data file would exceed the storage limit. The
   * checkpoint before this one and the log are whole then.
   */
  writeData(callback: () => void): void {
    const { store, log, window, stateMachine, sessions, clientReplies } = this.#options;
    const { grid, clientSessions } = store;
    const op = window.opCheckpointNextTrigger;
    assert(log.commitMin === op, () => `a checkpoint at op ${log.commitMin} instead of ${op}`);
    assert(this.#callback === null && this.#pending.size === 0, "one checkpoint at a time");
    assert(grid.checkpointIsDurable, () => `op ${op} writes a checkpoint before the last one is durable`);
    this.#callback = callback;
    // All of them before any: one that is done at once must not seem to be the last.
    for (const part of ["aof", "state_machine", "client_sessions", "client_replies", "free_set"] as const) {
      this.#pending.add(part);
    }
    sessions.encode(clientSessions.buffer.subarray(0, sessions.encodeSizeBytes));
    this.#checkpointAof();
    stateMachine.checkpoint(() => this.#completed("state_machine"));
    clientSessions.checkpoint(sessions.encodeSizeBytes, () => this.#completed("client_sessions"));
    clientReplies.checkpoint(() => this.#completed("client_replies"));
    grid.checkpoint(() => this.#completed("free_set"));
  }

  #checkpointAof(): void {
    const { aof, timings } = this.#options;
    if (aof === null) {
      this.#pending.delete("aof");
      return;
    }
    const startedAt = timings.now();
    aof.checkpoint(() => {
      timings.ended("replica_aof_checkpoint", startedAt);
      this.#completed("aof");
    });
  }

  /** The checkpoint's op is one bar below the trigger. */
  writeSuperBlock(callback: () => void): void {
    const { store, log, window, journal, superblock, stateMachine } = this.#options;
    const { grid, clientSessions } = store;
    assert(this.#callback === null && this.#pending.size === 0, "a checkpoint is whole before it is referred to");
    const header = journal.headerWithOp(window.opCheckpointNext);
    assert(header !== null, () => `op ${window.opCheckpointNext} is not in the log at its checkpoint`);
    // What an unfinished state sync still misses is remembered for the next start.
    const { syncOpMin, syncOpMax } = this.#options.syncComplete() ? SYNCED : superblock.working.vsrState;
    superblock.checkpoint(
      {
        header,
        viewAttributes: this.#options.viewAttributes(),
        commitMax: log.commitMax,
        syncOpMin,
        syncOpMax,
        manifest: stateMachine.checkpointReferences(),
        freeSetBlocksAcquired: grid.freeSetBlocksAcquired,
        freeSetBlocksReleased: grid.freeSetBlocksReleased,
        clientSessions: clientSessions.reference,
        storageSize: grid.storageSize,
        release: this.#options.checkpointRelease(),
      },
      () => this.#onSuperBlock(callback),
    );
  }

  /** What the checkpoint has of trailers, the next one will not need. */
  #onSuperBlock(callback: () => void): void {
    const { grid, clientSessions } = this.#options.store;
    grid.markCheckpointNotDurable();
    grid.release(clientSessions.addresses);
    callback();
  }

  #completed(part: CheckpointPart): void {
    assert(this.#pending.delete(part), () => `${part} of a checkpoint is done twice`);
    const callback = this.#callback;
    if (this.#pending.size > 0) return;
    assert(callback !== null, "someone waits for the checkpoint");
    this.#callback = null;
    callback();
  }
}
