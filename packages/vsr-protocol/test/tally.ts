/**
 * A state machine that adds, for tests of the replica.
 *
 * @module
 */
import {
  type Committing,
  type ManifestReferences,
  MANIFEST_EMPTY,
  Operation,
  type StateMachine,
} from "@stagbeetle/vsr-protocol";
import type { MemoryStorage } from "./memory-storage.ts";

/** Operations of the state machine below. */
export const Tally = {
  /** Adds the body's first byte to a sum. The result: how often, and the sum, each a u32. */
  add: 200,
  /** As `add`, with an empty result. */
  addSilently: 201,
  /** Asks for a pulse at the time in the body (u64, ns). */
  wake: 202,
} as const;

const RESULT_SIZE_BYTES = 8;
const INVALID_BYTE = 0xff;

/** A state machine whose results tell how often each operation was executed. */
export class TallyMachine implements StateMachine {
  readonly checkpoints: boolean = false;
  prepareTimestamp = 0n;
  commitTimestamp = 0n;
  /** When the next pulse is due (ns); null for never. */
  pulseAt: bigint | null = null;
  count = 0;
  sum = 0;
  /** `prefetch 1@1` (op@snapshot), `commit 1`, `compact 1`, … in order. */
  readonly calls: string[] = [];
  readonly #storage: MemoryStorage;

  constructor(storage: MemoryStorage) {
    this.#storage = storage;
  }

  open(callback: () => void): void {
    this.calls.push("open");
    this.#storage.nextTick(callback);
  }

  operationValid(operation: number): boolean {
    return operation === Operation.pulse || operation === 128 || Object.values<number>(Tally).includes(operation);
  }

  inputValid(operation: number, body: Uint8Array): boolean {
    if (operation === Operation.pulse || operation === 128) return body.length === 0;
    return body.length > 0 && body[0] !== INVALID_BYTE;
  }

  prepare(_operation: number, body: Uint8Array): void {
    this.prepareTimestamp += BigInt(body.length);
  }

  pulseNeeded(timestamp: bigint): boolean {
    return this.pulseAt !== null && this.pulseAt <= timestamp;
  }

  prefetch({ op }: Committing, snapshot: number, callback: () => void): void {
    this.calls.push(`prefetch ${op}@${snapshot}`);
    this.#storage.nextTick(callback);
  }

  commit({ op, operation, body, timestamp }: Committing, output: Uint8Array): number {
    this.calls.push(`commit ${op}`);
    switch (operation) {
      case Operation.pulse:
      case 128:
        if (this.pulseAt !== null && this.pulseAt <= timestamp) this.pulseAt = null;
        return 0;
      case Tally.wake:
        this.pulseAt = new DataView(body.buffer, body.byteOffset).getBigUint64(0, true);
        return 0;
      default:
        this.count += 1;
        this.sum += body[0] ?? 0;
    }
    if (operation === Tally.addSilently) return 0;
    const view = new DataView(output.buffer, output.byteOffset);
    view.setUint32(0, this.count, true);
    view.setUint32(4, this.sum, true);
    return RESULT_SIZE_BYTES;
  }

  compact(op: number, callback: () => void): void {
    this.calls.push(`compact ${op}`);
    this.#storage.nextTick(callback);
  }

  checkpoint(callback: () => void): void {
    this.calls.push("checkpoint");
    this.#storage.nextTick(callback);
  }

  checkpointReferences(): ManifestReferences {
    return MANIFEST_EMPTY;
  }

  reset(): void {
    this.count = 0;
    this.sum = 0;
  }
}
