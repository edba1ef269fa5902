/**
 * Going on from a checkpoint: the free set and the client sessions that the superblock refers to (spec 04 §23, steps 5 and 6;
 * spec 03 §8.1, step 9). The state machine opens after them and reads its own.
 *
 * @module
 */
import { assert } from "@stagbeetle/kernels";
import type { ClientReplies } from "../clients/replies.ts";
import type { ClientSession, ClientSessions } from "../clients/sessions.ts";
import { fatal, FatalReason } from "../fatal.ts";
import { HEADER_SIZE_BYTES } from "../message/frame.ts";
import type { CheckpointTrailer, Grid } from "../ports/grid.ts";
import type { Logger } from "../ports/logger.ts";
import type { SuperBlock } from "../superblock/superblock.ts";
import { clientSessionsTrailer } from "../superblock/vsr-state.ts";
import type { CheckpointWindow } from "./checkpoint-window.ts";

/** What a checkpoint is read with. */
export interface CheckpointReaderOptions {
  readonly store: {
    readonly grid: Pick<Grid, "open" | "release">;
    readonly clientSessions: Pick<CheckpointTrailer, "addresses" | "bytes" | "open">;
  };
  readonly window: Pick<CheckpointWindow, "opCheckpoint" | "contains">;
  readonly superblock: Pick<SuperBlock, "working">;
  readonly sessions: ClientSessions;
  readonly clientReplies: Pick<ClientReplies, "markFaulty" | "faultyCount">;
  readonly logger: Logger;
}

/** Reads the checkpoint of the working superblock: at the start, and again after each state sync. */
export class CheckpointReader {
  readonly #options: CheckpointReaderOptions;

  constructor(options: CheckpointReaderOptions) {
    this.#options = options;
  }

  /**
   * @param callback runs once, never from inside the call: the grid is open, the session table is that of the trigger.
   * @throws FatalError later, from a completion: a block of the checkpoint is damaged, or contradicts the others
   * (status 1); the checkpoint does not fit in the storage limit (status 4).
   */
  open(callback: () => void): void {
    const { store, superblock, sessions } = this.#options;
    assert(sessions.count === 0, "sessions come from the checkpoint first");
    store.grid.open(() => {
      const reference = clientSessionsTrailer(superblock.working.checkpoint);
      store.clientSessions.open(reference, () => {
        this.#onSessions();
        callback();
      });
    });
  }

  #onSessions(): void {
    const { store, window, sessions, clientReplies, logger } = this.#options;
    const { grid, clientSessions } = store;
    // The next checkpoint has a trailer of its own. Until it is durable nothing overwrites this one.
    grid.release(clientSessions.addresses);
    this.#decode(clientSessions.bytes);
    for (const session of sessions.entries()) this.#checkReply(session);
    logger.log("info", "checkpoint opened", {
      opCheckpoint: window.opCheckpoint,
      sessions: sessions.count,
      repliesMissing: clientReplies.faultyCount,
    });
  }

  /** A file that was never checkpointed has no sessions; every checkpoint has a table, even if it is empty. */
  #decode(bytes: Uint8Array): void {
    const { window, sessions } = this.#options;
    if (window.opCheckpoint === 0 && bytes.length === 0) return;
    const reason = sessions.decode(bytes) ?? this.#beyondTrigger();
    if (reason === null) return;
    fatal(
      FatalReason.cli,
      `the client sessions of the checkpoint at op ${window.opCheckpoint} contradict themselves (${reason}): they are as they were written, ` +
        "so a faulty release wrote them. Restore the data file from a copy, or replay an AOF",
    );
  }

  /** The table is that of the trigger: it cannot know later ops. */
  #beyondTrigger(): string | null {
    const { window, sessions } = this.#options;
    for (const { slot, header } of sessions.entries()) {
      if (!window.contains(header.commit)) return `slot ${slot}: commit ${header.commit} is beyond the checkpoint`;
    }
    return null;
  }

  /** A state sync brings the sessions, but not the replies, of the ops that it skipped. */
  #checkReply({ slot, header }: ClientSession): void {
    const { superblock, clientReplies } = this.#options;
    const { syncOpMin, syncOpMax } = superblock.working.vsrState;
    if (syncOpMax === 0 || header.size === HEADER_SIZE_BYTES) return;
    if (header.commit >= syncOpMin && header.commit <= syncOpMax) clientReplies.markFaulty(slot);
  }
}
