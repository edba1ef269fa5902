/**
 * A state machine whose forest is on disk, on a disk in memory: it commits what it is told, checkpoints when it is time, and
 * crashes when told to.
 */
import { TestGrid } from "@stagbeetle/lsm/testing";
import { type Random, TEST_MIN as CONFIG, trigger } from "@stagbeetle/vsr-protocol";
import { type Committing, type LsmForest, lsmForestBlocksMax, type StateMachine } from "../src/index.ts";
import { Ledger, TEST_MIN } from "./ledger.ts";
import { accountingOnGrid, MachineOnGrid, type MachineOnGridOptions } from "./machine-on-grid.ts";

const MIB = 1024 * 1024;

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

export interface DiskMachineOptions extends MachineOnGridOptions<StateMachine> {
  /** Draws the order in which I/O completes. */
  readonly random: Random;
  /** Whether bodies lie in the replica's memory, as messages do; so they do unless told otherwise. */
  readonly bodiesInMemory?: boolean;
}

/** One replica's state machine and storage. */
export class DiskMachine {
  readonly #grid: TestGrid<MachineOnGrid<StateMachine>>;
  readonly #bodiesInMemory: boolean;
  readonly #output = new Uint8Array(CONFIG.derived.messageBodySizeMax);
  #op = 0;
  #checkpointOp = 0;

  constructor({ random, bodiesInMemory = true, ...options }: DiskMachineOptions) {
    this.#bodiesInMemory = bodiesInMemory;
    this.#grid = new TestGrid<MachineOnGrid<StateMachine>>({
      config: CONFIG,
      random,
      memorySizeBytes: 128 * MIB,
      blocksOfUsers: lsmForestBlocksMax(CONFIG, options.grooves),
      cacheBlocks: 64,
      create: (parts) => new MachineOnGrid(parts, { manifestTablesMax: 4096, ...options }, this.#checkpointOp),
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
  const caches = { accounts: cacheObjects, transfers: cacheObjects, transfersPending: cacheObjects };
  return new DiskMachine({ random, bodiesInMemory, ...accountingOnGrid(TEST_MIN, caches) });
}
