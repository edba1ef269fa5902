/**
 * Whether a core of nodes that does not come to rest could have done so (spec 07 §13.6): what it needs may be gone.
 *
 * @module
 */
import { BlockHeader, quorums, ReplyHeader, SECTOR_SIZE_BYTES, zoneStart } from "@stagbeetle/vsr-protocol";

import type { Cluster } from "../cluster/cluster.ts";
import type { Machine } from "../cluster/machine.ts";

/** What is gone. `viewChange`: too few replicas know the end of their logs. */
export type Excuse = "viewChange" | "prepare" | "block" | "reply";

/** Says what keeps the core from going on, or null if nothing that is known does. */
export function excuseOf(cluster: Cluster, core: readonly Machine[]): Excuse | null {
  const voters = core.filter((machine) => !machine.standby && machine.state === "serving");
  const sure = voters.filter(({ replica }) => replica.state.status !== "recovering_head");
  const { viewChange } = quorums(cluster.replicaCount, cluster.config.cluster.quorumReplicationMax);
  if (sure.length < viewChange) return "viewChange";
  if (prepareMissing(cluster, core, sure)) return "prepare";
  if (blockMissing(cluster, core)) return "block";
  if (replyMissing(cluster, voters)) return "reply";
  return null;
}

/**
 * Whether a prepare is gone: a committed one that some node still has to execute or to keep and nobody has, or one behind it
 * that so many do not have that it can be neither repaired nor given up.
 */
function prepareMissing(
  { config, history, replicaCount }: Cluster,
  core: readonly Machine[],
  voters: readonly Machine[],
): boolean {
  const { nackPrepare } = quorums(replicaCount, config.cluster.quorumReplicationMax);
  const states = voters.map(({ replica }) => replica.state);
  const head = Math.max(...states.map(({ op }) => op));
  const opMin = Math.min(
    ...core.flatMap((machine) => (machine.state === "serving" ? machine.replica.state.opCheckpoint : [])),
  );
  const commitMax = Math.max(...states.map(({ commitMax: known }) => known));
  for (let op = opMin + 1; op <= Math.min(commitMax, history.opMax); op += 1) {
    const { checksum } = history.executed(op);
    if (!voters.some(({ journal }) => journal.holdsPrepare(op, checksum))) return true;
  }
  for (let op = Math.min(commitMax, history.opMax) + 1; op <= head; op += 1) {
    const without = voters.filter(({ journal }) => {
      const header = journal.headerWithOp(op);
      return header === null || !journal.hasPrepare(header);
    });
    if (without.length + replicaCount - voters.length >= nackPrepare) return true;
  }
  return false;
}

/** Whether a block that a checkpoint of the core refers to has no good copy in the core. */
function blockMissing({ storageChecker }: Cluster, core: readonly Machine[]): boolean {
  const up = core.filter((machine) => machine.state === "serving");
  const wanting = up.filter(({ checkpointStore }) => {
    const grid = checkpointStore?.grid;
    return grid !== undefined && (grid.blocksMissing > 0 || grid.readWaitsForBlock);
  });
  if (wanting.length === 0) return false;
  return up.some((machine) =>
    storageChecker.blocks(machine).some((address) => !up.some((other) => hasBlock(other, machine, address))),
  );
}

/** Whether a machine has a good copy of the block that another one has, or should have, at this address. */
function hasBlock(machine: Machine, owner: Machine, address: number): boolean {
  const offset = machine.blockOffset(address);
  if (machine.disk.isCorrupt(offset) || machine.disk.overlayAt(offset) !== null) return false;
  const expected = headerAt(owner, owner.blockOffset(address));
  return headerAt(machine, offset).checksum === expected.checksum;
}

function headerAt(machine: Machine, offset: number): BlockHeader {
  const sector = new Uint8Array(SECTOR_SIZE_BYTES);
  machine.disk.readPristine(offset, sector);
  return new BlockHeader(sector);
}

/** Whether the latest reply to a client is damaged on all voters. */
function replyMissing({ config }: Cluster, voters: readonly Machine[]): boolean {
  const { messageSizeMax, clientsMax } = config.cluster;
  const start = zoneStart(config, "clientReplies");
  const sector = new Uint8Array(SECTOR_SIZE_BYTES);
  for (let slot = 0; slot < clientsMax; slot += 1) {
    const offset = start + slot * messageSizeMax;
    const written = voters.filter(({ disk }) => disk.isWritten(offset));
    const good = written.filter(({ disk }) => {
      disk.readPristine(offset, sector);
      return !disk.isCorrupt(offset) && new ReplyHeader(sector).op > 0;
    });
    if (written.length > 0 && good.length === 0) return true;
  }
  return false;
}
