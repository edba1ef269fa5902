/**
 * From a durable checkpoint to a state that ops can be executed on (spec 03 §8.1, steps 9 to 11).
 *
 * The replica takes part in the protocol meanwhile: blocks that are damaged or missing here come from the others.
 *
 * @module
 */
import { assert } from "@stagbeetle/kernels";
import type { StateMachine } from "../ports/state-machine.ts";
import type { SuperBlock } from "../superblock/superblock.ts";
import type { CheckpointReader } from "./checkpoint-reader.ts";
import type { Commit } from "./commit.ts";

/** How far it has come. */
export type StateOpeningStage = "closed" | "checkpoint" | "state_machine" | "open";

/** What is opened. */
export interface StateOpeningOptions {
  readonly superblock: Pick<SuperBlock, "working">;
  readonly stateMachine: Pick<StateMachine, "open" | "commitTimestamp">;
  /** Null if the state machine keeps its state in memory. */
  readonly checkpointReader: Pick<CheckpointReader, "open"> | null;
  readonly commit: Pick<Commit, "opened">;
}

/** Opens the state: at the start, and again after each state sync. */
export class StateOpening {
  readonly #options: StateOpeningOptions;
  #stage: StateOpeningStage = "closed";

  constructor(options: StateOpeningOptions) {
    this.#options = options;
  }

  /** How far the opening has come. */
  get stage(): StateOpeningStage {
    return this.#stage;
  }

  /** @param callback runs when ops can be executed. Never from inside the call. */
  open(callback: () => void): void {
    assert(this.#stage === "closed", () => `the state is opened while ${this.#stage}`);
    const { checkpointReader } = this.#options;
    this.#stage = "checkpoint";
    if (checkpointReader === null) this.#openStateMachine(callback);
    else checkpointReader.open(() => this.#openStateMachine(callback));
  }

  /**
   * The state is about to be replaced: what was read of it is void, and so is what is being read, of which nothing may
   * complete any more.
   */
  close(): void {
    this.#stage = "closed";
  }

  #openStateMachine(callback: () => void): void {
    const { superblock, stateMachine, commit } = this.#options;
    assert(this.#stage === "checkpoint", () => `a checkpoint is opened while ${this.#stage}`);
    this.#stage = "state_machine";
    stateMachine.open(() => {
      assert(this.#stage === "state_machine", () => `the state machine opens while ${this.#stage}`);
      this.#stage = "open";
      stateMachine.commitTimestamp = superblock.working.checkpointHeader.timestamp;
      commit.opened();
      callback();
    });
  }
}
