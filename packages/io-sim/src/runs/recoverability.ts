/**
 * Whether a core of nodes that does not come to rest could have done so (spec 07 §13.6): what it needs may be gone.
 *
 * @module
 */
import { assert } from "@stagbeetle/kernels";
import {
  BLOCK_REQUEST_SIZE_BYTES,
  BlockHeader,
  type BlockReference,
  quorums,
  ReplyHeader,
  SECTOR_SIZE_BYTES,
  zoneStart,
} from "@stagbeetle/vsr-protocol";

import type { Cluster } from "../cluster/cluster.ts";
import type { Machine } from "../cluster/machine.ts";

/** What is gone. `viewChange`: too few replicas know the end of their logs. */
export type Excuse = "viewChange" | "prepare" | "block" | "reply";

/**
 * Says what keeps the core from going on, or null if nothing that is known does.
 *
 * @throws AssertionError if somebody waits for what another one has.
 */
export function excuseOf(cluster: Cluster, core: readonly Machine[]): Excuse | null {
  const voters = core.filter((machine) => !machine.standby && machine.state === "serving");
  const sure = voters.filter(({ replica }) => replica.state.status !== "recovering_head");
  const { viewChange } = quorums(cluster.replicaCount, cluster.config.cluster.quorumReplicationMax);
  if (sure.length < viewChange) return "viewChange";
  if (prepareMissing(cluster, core, sure)) return "prepare";
  if (blockMissing(cluster, core, voters)) return "block";
  if (replyMissing(cluster, voters)) return "reply";
  return null;
}

/**
 * Whether a prepare is gone that nobody has: a committed one that some node still has to execute or to keep, or one behind it
 * that too few can say they never had, so that it cannot be given up.
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
    const nowhere = without.length === voters.length;
    if (nowhere && without.length + replicaCount - voters.length >= nackPrepare) return true;
  }
  return false;
}

/**
 * Whether nodes of the core wait for blocks.
 *
 * @throws AssertionError if somebody in the core has one of them: it should have been sent.
 */
function blockMissing({ config }: Cluster, core: readonly Machine[], voters: readonly Machine[]): boolean {
  const body = new Uint8Array(config.process.gridRepairRequestMax * BLOCK_REQUEST_SIZE_BYTES);
  const wantedBy = new Map(core.map((machine) => [machine, blocksWanted(machine, body)]));
  const wanted = [...wantedBy.values()].flat();
  for (const { address, checksum } of wanted) {
    const owner = voters.find((machine) => {
      const wants = wantedBy.get(machine)?.some((block) => block.address === address && block.checksum === checksum);
      return wants !== true && hasBlock(machine, { address, checksum });
    });
    assert(owner === undefined, () => `no liveness: block ${address} is wanted, and replica ${owner?.index} has it`);
  }
  return wanted.length > 0;
}

/** The blocks that a node asks others for. */
function blocksWanted(machine: Machine, body: Uint8Array): readonly BlockReference[] {
  if (machine.state !== "serving") return [];
  const wanted: BlockReference[] = [];
  machine.store?.grid.nextBatchOfBlockRequests(body, (address, checksum) => {
    wanted.push({ address, checksum });
    return false;
  });
  return wanted;
}

/** Whether a machine has a good copy of a block. */
function hasBlock(machine: Machine, { address, checksum }: BlockReference): boolean {
  const offset = machine.blockOffset(address);
  if (machine.disk.isCorrupt(offset) || machine.disk.overlayAt(offset) !== null) return false;
  return headerAt(machine, offset).checksum === checksum;
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
