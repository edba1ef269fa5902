/**
 * An accounting state machine on the forest on disk, in memory: it repeats what a ledger over a forest in memory has committed,
 * and crashes when told to.
 */
import { TestGrid } from "@stagbeetle/lsm/testing";
import { forestBlocksMax, GrooveForest, type GridStore, treesOf } from "@stagbeetle/lsm";
import type { Kernels } from "@stagbeetle/kernels";
import { type Committing, type ManifestReferences, type Random, TEST_MIN as CONFIG, trigger } from "@stagbeetle/vsr-protocol";
import {
  accountingGrooveLimits,
  accountingGrooves,
  AccountingStateMachine,
  Limits,
  LsmForest,
} from "../src/index.ts";
import { Ledger, TEST_MIN } from "./ledger.ts";

const LIMITS = new Limits(TEST_MIN);
const MIB = 1024 * 1024;

/** An operation that was committed, and what it answered. */
export interface Committed extends Committing {
  readonly reply: Uint8Array;
}

/** A ledger that remembers what it commits. */
export class RecordingLedger extends Ledger {
  readonly committed: Committed[] = [];

  override commit(operation: number, body: Uint8Array): Uint8Array {
    const reply = super.commit(operation, body);
    this.committed.push({ client: 1n, op: this.op, timestamp: this.now, operation, body, reply });
    return reply;
  }
}

/** The machine of one incarnation. */
class Machine {
  readonly forest: GrooveForest;
  readonly machine: AccountingStateMachine;
  readonly #superblock: { checkpointOp: number; manifest: ManifestReferences };

  constructor(kernels: Kernels, store: GridStore, checkpointOp: number, cacheObjects: number) {
    const grooves = accountingGrooves(LIMITS);
    const nothing = { checksum: 0n, address: 0 };
    this.#superblock = { checkpointOp, manifest: { oldest: nothing, newest: nothing, blockCount: 0 } };
    const caches = { accounts: cacheObjects, transfers: cacheObjects, transfersPending: cacheObjects };
    this.forest = new GrooveForest({
      config: CONFIG,
      kernels,
      store,
      superblock: this.#superblock,
      grooves,
      limitsOf: accountingGrooveLimits(LIMITS, caches),
      manifestTablesMax: 4096,
    });
    this.machine = new AccountingStateMachine({ forest: new LsmForest(this.forest), ...TEST_MIN });
  }

  open(manifest: ManifestReferences, callback: () => void): void {
    this.#superblock.manifest = manifest;
    this.machine.open(callback);
  }

  checkpoint(callback: () => void): void {
    this.machine.checkpoint(callback);
  }

  manifestReferences(): ManifestReferences {
    return this.forest.manifestReferences();
  }

  checkpointed(op: number): void {
    this.#superblock.checkpointOp = op;
  }
}

/** What a random workload may vary, none of which may show. */
export interface LsmLedgerOptions {
  readonly random: Random;
  /** Objects kept beside those of the bar; 0 makes every bar look in its trees again. */
  readonly cacheObjects: number;
}

/** One replica's state machine and storage. */
export class LsmLedger {
  readonly #grid: TestGrid<Machine>;
  readonly #output = new Uint8Array(TEST_MIN.messageBodySizeMax);
  #op = 0;

  constructor({ random, cacheObjects }: LsmLedgerOptions) {
    this.#grid = new TestGrid<Machine>({
      config: CONFIG,
      random,
      memorySizeBytes: 128 * MIB,
      blocksOfUsers: forestBlocksMax(CONFIG, treesOf(accountingGrooves(LIMITS)).length),
      cacheBlocks: 64,
      create: ({ kernels, store }) => new Machine(kernels, store, this.#checkpointOp(), cacheObjects),
    });
  }

  get op(): number {
    return this.#op;
  }

  get forest(): GrooveForest {
    return this.#grid.users.forest;
  }

  /** Executes an operation and returns its reply. */
  commit(committing: Committing): Uint8Array {
    const grid = this.#grid;
    const { machine } = grid.users;
    const { op } = committing;
    if (op !== this.#op + 1) throw new Error(`op ${op} follows ${this.#op}`);
    this.#op = op;
    const recovered = trigger(CONFIG, grid.checkpointOp);
    const snapshot = recovered !== null && op <= recovered ? recovered + 1 : op;
    grid.wait((done) => machine.prefetch(committing, snapshot, done));
    const sizeBytes = machine.commit(committing, this.#output);
    const reply = this.#output.slice(0, sizeBytes);
    grid.beforeCompact(op);
    grid.wait((done) => machine.compact(op, done));
    if (grid.afterCompact(op)) grid.users.checkpointed(grid.checkpointOp);
    return reply;
  }

  /** Crashes, and opens again. What was committed after {@link op} has to be committed once more. */
  crash(): void {
    this.#grid.crash();
    this.#op = this.#grid.checkpointOp;
  }

  #checkpointOp(): number {
    // The first machine is made before there is a checkpoint.
    return this.#op === 0 ? 0 : this.#grid.checkpointOp;
  }
}
