/**
 * A state machine whose forest lies on a grid in memory: what `TestGrid` opens, checkpoints and resets.
 */
import type { GrooveLimits } from "@stagbeetle/lsm";
import type { OnGrid, TestGridParts } from "@stagbeetle/lsm/testing";
import type { ManifestReferences } from "@stagbeetle/vsr-protocol";
import {
  accountingGrooveLimits,
  accountingGrooves,
  AccountingStateMachine,
  type CacheSizes,
  type Forest,
  type GrooveDeclaration,
  Limits,
  type LimitsOptions,
  LsmForest,
  type StateMachine,
} from "../src/index.ts";

const NOTHING = { checksum: 0n, address: 0 };

export interface MachineOnGridOptions<Machine extends StateMachine> {
  readonly grooves: readonly GrooveDeclaration[];
  readonly limitsOf: (groove: GrooveDeclaration) => GrooveLimits;
  /** Tables in the manifest at most; as many as fit the data file unless given. */
  readonly manifestTablesMax?: number;
  readonly create: (forest: Forest) => Machine;
}

/** The accounting machine, with messages of these sizes. */
export function accountingOnGrid(
  sizes: LimitsOptions,
  cacheObjects: CacheSizes,
): MachineOnGridOptions<AccountingStateMachine> {
  const limits = new Limits(sizes);
  return {
    grooves: accountingGrooves(limits),
    limitsOf: accountingGrooveLimits(limits, cacheObjects),
    create: (forest) => new AccountingStateMachine({ forest, ...sizes }),
  };
}

/** One incarnation: a crash makes a new one. */
export class MachineOnGrid<Machine extends StateMachine> implements OnGrid {
  readonly forest: LsmForest;
  readonly machine: Machine;
  /** Room for a body: messages lie in the replica's memory. */
  readonly #body: Uint8Array;
  readonly #superblock = { checkpointOp: 0, manifestReferences: { oldest: NOTHING, newest: NOTHING, blockCount: 0 } };

  constructor(parts: TestGridParts, options: MachineOnGridOptions<Machine>, checkpointOp: number) {
    const { config, kernels, store } = parts;
    const { create, ...forestOptions } = options;
    const { messageBodySizeMax } = config.derived;
    this.#superblock.checkpointOp = checkpointOp;
    const body = kernels.memory.allocate(messageBodySizeMax, 16, "message");
    this.#body = kernels.memory.bytes.subarray(body, body + messageBodySizeMax);
    this.forest = new LsmForest({ config, kernels, store, superblock: this.#superblock, ...forestOptions });
    this.machine = create(this.forest);
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

  /** The checkpoint of this op is in the superblock. */
  checkpointed(op: number): void {
    this.#superblock.checkpointOp = op;
  }

  manifestReferences(): ManifestReferences {
    return this.forest.trees.manifestReferences();
  }
}
