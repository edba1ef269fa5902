/**
 * Checkpoint windows for tests.
 *
 * @module
 */
import type { Config } from "../src/config/config.ts";
import { CheckpointWindow } from "../src/replica/checkpoint-window.ts";

/** The windows of a replica at a checkpoint, which no state sync is about to replace. Its id is 3, its parent's 2, then 1. */
export function windowAt(config: Config, opCheckpoint: () => number): CheckpointWindow {
  return new CheckpointWindow(config, {
    opCheckpoint,
    checkpointSync: () => ({ op: opCheckpoint(), id: 3n, parentId: 2n, grandparentId: 1n }),
  });
}
