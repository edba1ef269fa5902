/**
 * The echo machine: replies with the request (spec 02 §26, spec 07 §16).
 *
 * Small enough to read in one sitting, and still a machine that stores something: consensus and storage are tested with it.
 *
 * @module
 */
import { assert, checksumOf } from "@stagbeetle/kernels";
import {
  type Committing,
  type ManifestReferences,
  type StateMachine,
  writeU128,
  writeU53,
} from "@stagbeetle/vsr-protocol";
import { type Forest, type Groove, NOT_FOUND } from "../forest.ts";
import * as u128 from "../lanes/u128.ts";
import { operationFromVsr } from "./operation.ts";
import { Thing } from "./thing.ts";

/** How an echo machine is made. */
export interface Options {
  /** Stores the `ThingGroove`. */
  readonly forest: Forest;
  /** What requests may have at most, in bytes. */
  readonly batchSizeLimit: number;
}

/** What is hashed before the request: client (16 bytes), op (8), timestamp (8), operation (1). */
const PREFIX_SIZE_BYTES = 33;

/** Replies with the request, and stores one {@link Thing} for every operation, under the op. */
export class EchoStateMachine implements StateMachine {
  prepareTimestamp = 0n;
  commitTimestamp = 0n;
  readonly #options: Options;
  readonly #things: Groove;
  readonly #key = new Uint32Array(4);
  /** The prefix and the request that are hashed. */
  readonly #hashed: Uint8Array;
  readonly #hashedView: DataView;

  constructor(options: Options) {
    this.#options = options;
    this.#things = options.forest.groove("things");
    this.#hashed = new Uint8Array(PREFIX_SIZE_BYTES + options.batchSizeLimit);
    this.#hashedView = new DataView(this.#hashed.buffer);
  }

  get checkpoints(): boolean {
    return this.#options.forest.checkpoints;
  }

  open(callback: () => void): void {
    this.#options.forest.open(callback);
  }

  operationValid(operation: number): boolean {
    return operationFromVsr(operation) !== null;
  }

  /** Any bytes are valid. */
  inputValid(operation: number, _body: Uint8Array): boolean {
    return this.operationValid(operation);
  }

  /** An echo needs no timestamps but that of its prepare. */
  prepare(operation: number, _body: Uint8Array): void {
    assert(this.operationValid(operation), () => `operation ${operation} is prepared`);
  }

  pulseNeeded(_timestamp: bigint): boolean {
    return false;
  }

  prefetch(committing: Committing, snapshot: number, callback: () => void): void {
    this.#options.forest.prefetchBegin(snapshot);
    this.#things.enqueue(this.#keyOf(committing.op), 0);
    this.#things.prefetch(callback);
  }

  commit(committing: Committing, output: Uint8Array): number {
    const { op, body, timestamp } = committing;
    assert(this.operationValid(committing.operation), () => `operation ${committing.operation} is committed`);
    assert(body.length <= this.#options.batchSizeLimit, () => `a request of ${body.length} bytes`);
    assert(this.#things.get(this.#keyOf(op), 0) === NOT_FOUND, () => `op ${op} is executed twice`);
    const thing = new Thing(this.#options.forest.memory.bytes, this.#things.slot());
    thing.timestamp = timestamp;
    thing.value = this.#valueOf(committing);
    thing.id = BigInt(op);
    this.#things.insert();
    output.set(body);
    this.commitTimestamp = timestamp;
    return body.length;
  }

  compact(op: number, callback: () => void): void {
    this.#options.forest.compact(op, callback);
  }

  checkpoint(callback: () => void): void {
    this.#options.forest.checkpoint(callback);
  }

  checkpointReferences(): ManifestReferences {
    return this.#options.forest.checkpointReferences();
  }

  reset(): void {
    this.prepareTimestamp = 0n;
    this.commitTimestamp = 0n;
    this.#options.forest.reset();
  }

  #keyOf(op: number): Uint32Array {
    u128.fromBigInt(this.#key, 0, BigInt(op));
    return this.#key;
  }

  /** The lower half of the checksum of everything that makes the operation what it is. */
  #valueOf({ client, op, timestamp, operation, body }: Committing): bigint {
    writeU128(this.#hashedView, 0, client);
    writeU53(this.#hashedView, 16, op);
    this.#hashedView.setBigUint64(24, timestamp, true);
    this.#hashed[32] = operation;
    this.#hashed.set(body, PREFIX_SIZE_BYTES);
    return BigInt.asUintN(64, checksumOf(this.#hashed.subarray(0, PREFIX_SIZE_BYTES + body.length)));
  }
}
