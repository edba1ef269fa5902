/**
 * A state machine whose results somebody looks at.
 *
 * @module
 */
import type { Committing, ManifestReferences, StateMachine } from "@stagbeetle/vsr-protocol";

/** Hears of what a state machine does with what it stores. */
export interface StoreProgress {
  /** It is as of the checkpoint. */
  onOpened(): void;
  /** It has compacted after an op; the replica does not go on before this returns. */
  onCompacted(op: number): void;
  /** It has written a checkpoint, which the superblock does not have yet. */
  onCheckpointed(): void;
}

const NOBODY: StoreProgress = {
  onOpened: () => undefined,
  onCompacted: () => undefined,
  onCheckpointed: () => undefined,
};

/** Passes everything on, and shows every result. It can be held: then no op is loaded or compacted until it is let go. */
export class ObservedStateMachine implements StateMachine {
  readonly #machine: StateMachine;
  readonly #onResult: (committing: Committing, result: Uint8Array) => void;
  readonly #progress: StoreProgress;
  #stalled = false;
  /** What waits while nothing is done. */
  #waiting: (() => void) | null = null;

  /** @param onResult gets a view of the reply's memory: good until it returns. */
  constructor(
    machine: StateMachine,
    onResult: (committing: Committing, result: Uint8Array) => void,
    progress: StoreProgress = NOBODY,
  ) {
    this.#machine = machine;
    this.#onResult = onResult;
    this.#progress = progress;
  }

  get checkpoints(): boolean {
    return this.#machine.checkpoints;
  }

  get prepareTimestamp(): bigint {
    return this.#machine.prepareTimestamp;
  }

  set prepareTimestamp(timestamp: bigint) {
    this.#machine.prepareTimestamp = timestamp;
  }

  get commitTimestamp(): bigint {
    return this.#machine.commitTimestamp;
  }

  set commitTimestamp(timestamp: bigint) {
    this.#machine.commitTimestamp = timestamp;
  }

  /** Does nothing from now on: the next op waits to be loaded or, if there is nothing to load, to be compacted. */
  stall(): void {
    this.#stalled = true;
  }

  /** Goes on. */
  resume(): void {
    this.#stalled = false;
    const waiting = this.#waiting;
    this.#waiting = null;
    waiting?.();
  }

  open(callback: () => void): void {
    this.#machine.open(() => {
      this.#progress.onOpened();
      callback();
    });
  }

  operationValid(operation: number): boolean {
    return this.#machine.operationValid(operation);
  }

  inputValid(operation: number, body: Uint8Array): boolean {
    return this.#machine.inputValid(operation, body);
  }

  prepare(operation: number, body: Uint8Array): void {
    this.#machine.prepare(operation, body);
  }

  pulseNeeded(timestamp: bigint): boolean {
    return this.#machine.pulseNeeded(timestamp);
  }

  prefetch(committing: Committing, snapshot: number, callback: () => void): void {
    this.#doOrWait(() => this.#machine.prefetch(committing, snapshot, callback));
  }

  commit(committing: Committing, output: Uint8Array): number {
    const sizeBytes = this.#machine.commit(committing, output);
    this.#onResult(committing, output.subarray(0, sizeBytes));
    return sizeBytes;
  }

  compact(op: number, callback: () => void): void {
    const compacted = (): void => {
      this.#progress.onCompacted(op);
      callback();
    };
    this.#doOrWait(() => this.#machine.compact(op, compacted));
  }

  checkpoint(callback: () => void): void {
    this.#machine.checkpoint(() => {
      this.#progress.onCheckpointed();
      callback();
    });
  }

  checkpointReferences(): ManifestReferences {
    return this.#machine.checkpointReferences();
  }

  reset(): void {
    this.#waiting = null;
    this.#machine.reset();
  }

  #doOrWait(work: () => void): void {
    if (this.#stalled) this.#waiting = work;
    else work();
  }
}
