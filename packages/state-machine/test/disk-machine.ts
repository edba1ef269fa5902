/**
 * A state machine whose forest is on disk, on a disk in memory: it commits what it is told, checkpoints when it is time, and
 * crashes when told to.
 */
import type { GrooveLimits } from "@stagbeetle/lsm";
import { TestGrid, type TestGridParts } from "@stagbeetle/lsm/testing";
import { type ManifestReferences, type Random, TEST_MIN as CONFIG, trigger } from "@stagbeetle/vsr-protocol";
import {
  accountingGrooveLimits,
  accountingGrooves,
  AccountingStateMachine,
  type Committing,
  type Forest,
  type GrooveDeclaration,
  Limits,
  LsmForest,
  lsmForestBlocksMax,
  type StateMachine,
} from "../src/index.ts";
import { Ledger, TEST_MIN } from "./ledger.ts";

const MIB = 1024 * 1024;
const NOTHING = { checksum: 0n, address: 0 };

/** An operation that was committed, and what it answered. */
export interface Committed extends Committing {
  readonly reply: Uint8Array;
}

/** A ledger in memory that remembers what it commits. */
export class RecordingLedger extends Ledger {
  readonly committed: Committed[] = [];

  override commit(operation: number, body: Uint8Array): Uint8Array {
    const reply = super.commit(operation, body);
    this.committed.push({ client: 1n, op: this.op, timestamp: this.now, operation, body: body.slice(), reply });
    return reply;
  }
}

export interface DiskMachineOptions {
  /** Draws the order in which I/O completes. */
  readonly random: Random;
  readonly grooves: readonly GrooveDeclaration[];
  readonly limitsOf: (groove: GrooveDeclaration) => GrooveLimits;
  readonly create: (forest: Forest) => StateMachine;
  /** Whether bodies lie in the replica's memory, as messages do; so they do unless told otherwise. */
  readonly bodiesInMemory?: boolean;
}

/** The machine and the forest of one incarnation. */
class Incarnation {
  readonly forest: LsmForest;
  readonly machine: StateMachine;
  /** Room for a body: messages lie in the replica's memory. */
  readonly #body: Uint8Array;
  readonly #superblock = { checkpointOp: 0, manifestReferences: { oldest: NOTHING, newest: NOTHING, blockCount: 0 } };

  constructor({ config, kernels, store }: TestGridParts, options: DiskMachineOptions, checkpointOp: number) {
    this.#superblock.checkpointOp = checkpointOp;
    const body = kernels.memory.allocate(CONFIG.derived.messageBodySizeMax, 16, "message");
    this.#body = kernels.memory.bytes.subarray(body, body + CONFIG.derived.messageBodySizeMax);
    this.forest = new LsmForest({
      config,
      kernels,
      store,
      superblock: this.#superblock,
      grooves: options.grooves,
      limitsOf: options.limitsOf,
      manifestTablesMax: 4096,
    });
    this.machine = options.create(this.forest);
  }

  /** The body of a message as it was received. */
  receive(body: Uint8Array): Uint8Array {
    this.#body.set(body);
    return this.#body.subarray(0, body.length);
  }

  open(manifest: ManifestReferences, callback: () => void): void {
    this.#superblock.manifestReferences = manifest;
    this.machine.open(callback);
  }

  checkpoint(callback: () => void): void {
    this.machine.checkpoint(callback);
  }

  reset(): void {
    this.machine.reset();
  }

  checkpointed(op: number): void {
    this.#superblock.checkpointOp = op;
  }

  manifestReferences(): ManifestReferences {
    return this.forest.trees.manifestReferences();
  }
}

/** One replica's state machine and storage. */
export class DiskMachine {
  readonly #grid: TestGrid<Incarnation>;
  readonly #bodiesInMemory: boolean;
  readonly #output = new Uint8Array(CONFIG.derived.messageBodySizeMax);
  #op = 0;
  #checkpointOp = 0;

  constructor(options: DiskMachineOptions) {
    this.#bodiesInMemory = options.bodiesInMemory ?? true;
    this.#grid = new TestGrid<Incarnation>({
      config: CONFIG,
      random: options.random,
      memorySizeBytes: 128 * MIB,
      blocksOfUsers: lsmForestBlocksMax(CONFIG, options.grooves),
      cacheBlocks: 64,
      create: (parts) => new Incarnation(parts, options, this.#checkpointOp),
    });
  }

  /** The op that was committed last. */
  get op(): number {
    return this.#op;
  }

  get forest(): LsmForest {
    return this.#grid.users.forest;
  }

  /** Executes the next operation and returns its reply. */
  commit(committed: Committing): Uint8Array {
    const grid = this.#grid;
    const { machine } = grid.users;
    const committing = this.#bodiesInMemory ? { ...committed, body: grid.users.receive(committed.body) } : committed;
    const { op } = committing;
    if (op !== this.#op + 1) throw new Error(`op ${op} follows ${this.#op}`);
    this.#op = op;
    const recovered = trigger(CONFIG, this.#checkpointOp);
    const snapshot = recovered !== null && op <= recovered ? recovered + 1 : op;
    grid.wait((done) => machine.prefetch(committing, snapshot, done));
    const sizeBytes = machine.commit(committing, this.#output);
    const reply = this.#output.slice(0, sizeBytes);
    grid.beforeCompact(op);
    grid.wait((done) => machine.compact(op, done));
    if (grid.afterCompact(op)) {
      this.#checkpointOp = grid.checkpointOp;
      grid.users.checkpointed(grid.checkpointOp);
    }
    return reply;
  }

  /** Forgets everything and opens again, as before a state sync. */
  reset(): void {
    this.#grid.reset();
    this.#op = this.#checkpointOp;
  }

  /** Crashes, and opens again. What was committed after {@link op} has to be committed once more. */
  crash(): void {
    this.#grid.crash();
    this.#op = this.#checkpointOp;
  }
}

/**
 * An accounting machine on disk.
 *
 * @param cacheObjects how many objects it keeps beside those of the bar; with 0 every bar looks in its trees again.
 */
export function diskLedger(random: Random, cacheObjects: number, bodiesInMemory: boolean = true): DiskMachine {
  const limits = new Limits(TEST_MIN);
  const caches = { accounts: cacheObjects, transfers: cacheObjects, transfersPending: cacheObjects };
  return new DiskMachine({
    random,
    grooves: accountingGrooves(limits),
    limitsOf: accountingGrooveLimits(limits, caches),
    create: (forest) => new AccountingStateMachine({ forest, ...TEST_MIN }),
    bodiesInMemory,
  });
}
