import {
  CallQueue,
  type Committing,
  type Forest,
  type Groove,
  type GrooveDeclaration,
  type ManifestReferences,
  MemoryForest,
  NOT_FOUND,
  type Pointer,
  type StateMachine,
} from "@stagbeetle/state-machine";

/** Counters by name: name (16 bytes), count (u64), timestamp of the first increment (u64). */
const COUNTERS: GrooveDeclaration = {
  name: "counters",
  treeId: 1,
  sizeBytes: 32,
  timestampOffset: 24,
  primaryKey: { index: "name" },
  orphans: false,
  objectCache: true,
  valuesPerBatch: 1,
  indexes: [
    {
      name: "name",
      treeId: 2,
      kind: "unique",
      source: { from: "field", offset: 0, sizeBytes: 16, zero: "indexed" },
      valuesPerBatch: 1,
    },
  ],
};

const INCREMENT = 128;

/** One operation: the name of a counter goes in, its new count comes out. */
class Counters implements StateMachine {
  prepareTimestamp = 0n;
  commitTimestamp = 0n;
  readonly checkpoints: boolean;
  readonly #forest: Forest;
  readonly #counters: Groove;
  readonly #next: Pointer;

  constructor(forest: Forest) {
    this.checkpoints = forest.checkpoints;
    this.#forest = forest;
    this.#counters = forest.groove("counters");
    this.#next = forest.memory.allocate(COUNTERS.sizeBytes, 16, "next counter");
  }

  open(callback: () => void): void {
    this.#forest.open(callback);
  }

  operationValid(operation: number): boolean {
    return operation === INCREMENT;
  }

  inputValid(operation: number, body: Uint8Array): boolean {
    return operation === INCREMENT && body.length === 16 && body.some((byte) => byte !== 0);
  }

  prepare(): void {
    // The timestamp of the operation itself is enough.
  }

  pulseNeeded(): boolean {
    return false;
  }

  prefetch({ body }: Committing, snapshot: number, callback: () => void): void {
    this.#forest.prefetchBegin(snapshot);
    this.#counters.enqueue(nameOf(body), 0);
    this.#counters.prefetch(callback);
  }

  commit({ body, timestamp }: Committing, output: Uint8Array): number {
    const { bytes, view } = this.#forest.memory;
    const counter = this.#counters.get(nameOf(body), 0);
    const count = counter === NOT_FOUND ? 1n : view.getBigUint64(counter + 16, true) + 1n;
    const written = counter === NOT_FOUND ? this.#counters.slot() : this.#next;
    bytes.set(body, written);
    view.setBigUint64(written + 16, count, true);
    view.setBigUint64(written + 24, counter === NOT_FOUND ? timestamp : view.getBigUint64(counter + 24, true), true);
    if (counter === NOT_FOUND) this.#counters.insert();
    else this.#counters.update(counter, written);
    this.commitTimestamp = timestamp;
    new DataView(output.buffer, output.byteOffset).setBigUint64(0, count, true);
    return 8;
  }

  compact(op: number, callback: () => void): void {
    this.#forest.compact(op, callback);
  }

  checkpoint(callback: () => void): void {
    this.#forest.checkpoint(callback);
  }

  checkpointReferences(): ManifestReferences {
    return this.#forest.checkpointReferences();
  }

  reset(): void {
    this.#forest.reset();
  }
}

/** A name as four lanes of 32 bits. */
function nameOf(body: Uint8Array): Uint32Array {
  return new Uint32Array(body.slice(0, 16).buffer);
}

// A replica drives a machine like this; here a loop does.
const calls = new CallQueue();
const machine = new Counters(new MemoryForest({ grooves: [COUNTERS], nextTick: calls.push, scansMax: 1 }));
machine.open(() => undefined);
calls.run();

const output = new Uint8Array(1024);
for (const [index, word] of ["apples", "pears", "apples"].entries()) {
  const body = new Uint8Array(16);
  new TextEncoder().encodeInto(word, body);
  const op = index + 1;
  const committing = { client: 1n, op, timestamp: BigInt(op), operation: INCREMENT, body };
  machine.prefetch(committing, op, () => {
    machine.commit(committing, output);
    console.log(word, new DataView(output.buffer).getBigUint64(0, true));
  });
  calls.run();
}
