/**
 * The accounting state machine on its store, with everything but the disk as the server has it, and a clock at each phase.
 */
import type { Kernels } from "@stagbeetle/kernels";
import { TestGrid, type TestGridParts } from "@stagbeetle/lsm/testing";
import { type AccountingStateMachine, lsmForestBlocksMax } from "@stagbeetle/state-machine";
import { accountingOnGrid, MachineOnGrid } from "@stagbeetle/state-machine/testing";
import { PRODUCTION } from "@stagbeetle/vsr-protocol";

import type { Request } from "../figures/transfers.ts";
import { MemoryDisk } from "./memory-disk.ts";
import { Phases } from "./phases.ts";

const { messageBodySizeMax } = PRODUCTION.derived;
const SIZES = { messageBodySizeMax, batchSizeLimit: messageBodySizeMax };
const GIB = 2 ** 30;
const CACHE_BLOCKS = 2048;
const CACHE_OBJECTS = { accounts: 2 ** 20, transfers: 0, transfersPending: 0 };

/** The phase that each kernel counts for; all others count for whoever calls them. */
const PHASE_OF_KERNEL: Readonly<Record<string, string>> = {
  checksum: "checksum",
  deriveEntries: "index entries",
  createSimpleTransfers: "commit",
  idIndexGetMany: "prefetch",
  valueSort: "sort",
  mergeStepBlocks: "merge levels",
  mergeStepRuns: "merge memory",
  runMergeOpen: "merge memory",
};

/** Executes requests one after the other, each with its beat of compaction, and checkpoints when it is time. */
export class DiskLedger {
  readonly phases: Phases = new Phases();
  readonly disk: MemoryDisk = new MemoryDisk(this.phases, PRODUCTION.cluster.blockSize);
  readonly #grid: TestGrid<MachineOnGrid<AccountingStateMachine>>;
  readonly #output = new Uint8Array(messageBodySizeMax);
  #op = 0;

  constructor() {
    const accounting = accountingOnGrid(SIZES, CACHE_OBJECTS);
    this.#grid = new TestGrid<MachineOnGrid<AccountingStateMachine>>({
      config: PRODUCTION,
      storage: this.disk,
      memorySizeBytes: 4 * GIB,
      blocksOfUsers: lsmForestBlocksMax(PRODUCTION, accounting.grooves),
      cacheBlocks: CACHE_BLOCKS,
      verify: false,
      create: (parts) => {
        timeKernels(parts.kernels, this.phases);
        touchBlocks(parts);
        return new MachineOnGrid(parts, accounting, 0);
      },
    });
  }

  execute({ operation, body: sent }: Request): Uint8Array {
    const grid = this.#grid;
    const body = grid.users.receive(sent);
    const { machine } = grid.users;
    const { phases } = this;
    this.#op += 1;
    const op = this.#op;
    machine.prepareTimestamp += 1n;
    machine.prepare(operation, body);
    const committing = { client: 1n, op, timestamp: machine.prepareTimestamp, operation, body };
    phases.measure("prefetch", () => grid.wait((done) => machine.prefetch(committing, op, done)));
    const sizeBytes = phases.measure("commit", () => machine.commit(committing, this.#output));
    grid.beforeCompact(op);
    phases.measure("compaction", () => grid.wait((done) => machine.compact(op, done)));
    phases.measure("checkpoint", () => {
      if (grid.afterCompact(op)) grid.users.checkpointed(grid.checkpointOp);
    });
    return this.#output.subarray(0, sizeBytes);
  }
}

/** Makes the blocks of the cache resident. */
function touchBlocks({ store }: TestGridParts): void {
  const blocks = Array.from({ length: CACHE_BLOCKS }, () => store.lendBlock());
  for (const block of blocks) {
    block.buffer.fill(1);
    block.release();
  }
}

/** Has the kernels' time counted. They are called a few times a block or a batch, which is why that costs next to nothing. */
function timeKernels(kernels: Kernels, phases: Phases): void {
  const exports = Object.fromEntries(
    Object.entries(kernels.exports).map(([name, kernel]) => {
      const phase = PHASE_OF_KERNEL[name];
      return [name, phase === undefined ? kernel : phases.timed(phase, kernel as (...values: number[]) => number)];
    }),
  );
  Object.assign(kernels, { exports });
}
