/**
 * That replicas at the same checkpoint have the same bytes (spec 07 §12.3): the checkpoint's state, the replies to clients,
 * and every block of the grid in use; and that they have the same blocks after each bar.
 *
 * @module
 */
import { assert } from "@stagbeetle/kernels";
import type { Config } from "@stagbeetle/vsr-protocol";

import type { Machine } from "../cluster/machine.ts";
import { CheckpointDigest } from "./checkpoint-digest.ts";

/** What a checkpoint consists of; and the blocks in use at the end of a bar. */
type Area = "state" | "clientReplies" | "grid" | "bar";

/** How far the newest checkpoint of one replica was compared. */
interface Compared {
  readonly op: number;
  /** While a state sync fetches tables, only the state can be compared. */
  readonly whole: boolean;
  /** In which life of the replica it was found. */
  readonly life: number;
}

/** Compares the checkpoints of all replicas with each other. Throws an AssertionError where they differ. */
export class StorageChecker {
  readonly #digest: CheckpointDigest;
  /** By op and area. The first replica that has a checkpoint says what it is. */
  readonly #expected: Map<string, { readonly digest: bigint; readonly replica: number }> = new Map();
  readonly #compared: Map<number, Compared> = new Map();
  #comparisons = 0;

  constructor(config: Config) {
    this.#digest = new CheckpointDigest(config);
  }

  /** How often the checkpoint of one replica was found equal to that of another. */
  get comparisons(): number {
    return this.#comparisons;
  }

  /** Looks at the checkpoint of a replica, if that is not the one of last time. */
  check(machine: Machine): void {
    const { index, superblock, disk, lives: life } = machine;
    if (machine.store === null) return;
    const { checkpointHeader, checkpoint, vsrState } = superblock.working;
    const { op } = checkpointHeader;
    const whole = vsrState.syncOpMax === 0;
    const before = this.#compared.get(index) ?? { op: 0, whole: true, life: 0 };
    if (before.op !== op || before.whole !== whole || before.life !== life)
      this.#compared.set(index, { op, whole, life });
    if (before.op === op && (before.whole || !whole)) return;
    if (before.op !== op) {
      this.#compare(index, op, "state", superblock.checkpointIds.id);
      // Only right after the checkpoint: replies of later ops take the place of those that it refers to.
      const rightAfter = whole && before.life === life;
      if (rightAfter) this.#compare(index, op, "clientReplies", this.#digest.clientReplies(disk, checkpoint));
    }
    if (whole) this.#compare(index, op, "grid", this.#digest.grid(disk, checkpoint));
  }

  /**
   * A replica has compacted after an op. At the end of a bar all have the same blocks then, unless they are still being fetched.
   * What the checkpoint contains was compacted before it, and is not done again when the op is replayed.
   */
  checkBar(machine: Machine, op: number): void {
    const { index, superblock, store } = machine;
    if (store === null) return;
    const { vsrState, checkpointHeader } = superblock.working;
    const { beats } = store.forest.trees;
    if (!beats.endsBar(op) || !beats.compacts(op, checkpointHeader.op) || vsrState.syncOpMax > 0) return;
    this.#compare(index, op, "bar", this.#digest.gridNow(machine));
  }

  /** The addresses of the blocks that the checkpoint of a replica refers to, ascending. */
  blocks(machine: Machine): readonly number[] {
    return this.#digest.blocks(machine.disk, machine.superblock.working.checkpoint);
  }

  /** The checksum of all blocks that the checkpoint of a replica refers to. */
  gridDigest(machine: Machine): bigint {
    return this.#digest.grid(machine.disk, machine.superblock.working.checkpoint);
  }

  /** The disk of a replica was lost. */
  forget(replica: number): void {
    this.#compared.delete(replica);
  }

  #compare(replica: number, op: number, area: Area, digest: bigint): void {
    const key = `${op} ${area}`;
    const expected = this.#expected.get(key);
    if (expected === undefined) {
      this.#expected.set(key, { digest, replica });
      return;
    }
    assert(
      digest === expected.digest,
      () => `op ${op}: the ${area} of replica ${replica} differs from that of replica ${expected.replica}`,
    );
    if (replica !== expected.replica) this.#comparisons += 1;
  }
}
