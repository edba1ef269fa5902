/**
 * Data files of a cluster's replicas: its prepares, as its append-only files hold them, go through the commit path of one replica.
 *
 * All that a replica needs to execute them is its log: the prepares are put there as they are, with their views and primaries,
 * and the replica that starts on it executes them and writes the checkpoints. At every checkpoint its identifier must be the
 * one that the cluster agreed on, which later prepares carry; at the end the checkpoint, the blocks of the grid and the
 * client replies must be those of the recorded file, by address. Superblock and log of a cluster's replica are its own and
 * are not compared.
 *
 * @module
 */
import { basename, dirname, join } from "node:path";

import type { SimulatedDisk } from "@stagbeetle/io-sim";
import {
  checkpointAfter,
  checkpointIdForOp,
  Header,
  HEADER_SIZE_BYTES,
  PrepareHeader,
  PRODUCTION,
  trigger,
  zoneStart,
} from "@stagbeetle/vsr-protocol";

import { type Artefact, different, equal, type Kind, type Outcome } from "../artefact.ts";
import { readLog } from "../cluster-log.ts";
import { streamDecompressed, withoutCompression } from "../containers/zstd.ts";
import { firstDifferingByte } from "../difference.ts";
import { batchSizeLimitOf } from "../registration.ts";
import { loadDataFile, openDataFile, type OpenedDataFile } from "../recorded-data-file.ts";
import { HostedReplica } from "../hosted-replica.ts";
import { RECORDED_RELEASE_CLIENT_MIN } from "../recorded-release.ts";

const { blockSize, clientsMax, messageSizeMax } = PRODUCTION.cluster;

interface ClusterFile {
  readonly aofs: readonly string[];
  readonly dataFile: string;
}

function replicaFor(log: readonly Uint8Array[]): HostedReplica {
  const [first] = log;
  if (first === undefined) throw new Error("the append-only files are empty");
  const { cluster, release } = new PrepareHeader(first);
  return new HostedReplica({
    cluster,
    release,
    releaseClientMin: RECORDED_RELEASE_CLIENT_MIN,
    batchSizeLimit: batchSizeLimitOf(log),
    aofRecovery: false,
  });
}

/** How many checkpoints were compared, the first empty one included, or what differs. */
type ReplayResult = { readonly checkpoints: number } | { readonly difference: string };

/** Executes the log, up to one checkpoint after the other. */
function replay(replica: HostedReplica, log: readonly Uint8Array[]): ReplayResult {
  const checkpoints = new Set<number>();
  for (let begin = 0; ;) {
    const ids = replica.checkpointIds;
    for (const bytes of log) {
      const { op, checkpointId } = new PrepareHeader(bytes);
      const known = checkpointIdForOp(PRODUCTION, ids, op);
      if (known === null || known === checkpointId) continue;
      const difference = `at checkpoint ${ids.op}, op ${op} has the checkpoint ${checkpointId.toString(16)}, here ${known.toString(16)}`;
      return { difference };
    }
    checkpoints.add(ids.op);
    if (begin === log.length) return { checkpoints: checkpoints.size };
    const end = Math.min(log.length, trigger(PRODUCTION, checkpointAfter(PRODUCTION, ids.op)) ?? 0);
    replica.restartWith(log.slice(begin, end));
    if (replica.commitMin !== end) return { difference: `op ${replica.commitMin} of ${end} is executed last` };
    begin = end;
  }
}

function headerOf(bytes: Uint8Array): Header {
  return new Header(bytes.subarray(0, HEADER_SIZE_BYTES));
}

function read(disk: SimulatedDisk, offset: number, sizeBytes: number): Uint8Array {
  const bytes = new Uint8Array(sizeBytes);
  disk.readPristine(offset, bytes);
  return bytes;
}

/** What two disks have at the same place, of which the recorded one is right. */
class Comparison {
  /** How many messages or blocks are equal. */
  equal = 0;
  /** How many are equal, but for what older ones left behind their ends; and the first of them. */
  otherRemains = 0;
  firstRemains: string | null = null;
  /** How many the recorded file does not have, because a state sync leaves out what is not in use. */
  absent = 0;

  /** Compares the bytes of one message or block. Returns the difference, or null. */
  compare(what: string, actual: Uint8Array, recorded: Uint8Array): string | null {
    const { size } = headerOf(recorded);
    const at = firstDifferingByte(actual, recorded);
    if (at === null) {
      if (size > 0) this.equal += 1;
      return null;
    }
    const hex = (bytes: Uint8Array): string => Buffer.from(bytes.subarray(at, at + 16)).toString("hex");
    const difference = `${what}, byte ${at} of ${size} is ${hex(actual)}…, recorded ${hex(recorded)}…`;
    if (size === 0 || at < size) return difference;
    this.otherRemains += 1;
    this.firstRemains ??= difference;
    return null;
  }
}

/** The first difference of the grids, or null. */
function gridDifference(
  disk: SimulatedDisk,
  recorded: SimulatedDisk,
  { grid }: OpenedDataFile,
  comparison: Comparison,
): string | null {
  const start = zoneStart(PRODUCTION, "grid");
  const end = Math.max(disk.writtenEnd, recorded.writtenEnd);
  for (let address = 1; start + (address - 1) * blockSize < end; address += 1) {
    const offset = start + (address - 1) * blockSize;
    const expected = read(recorded, offset, blockSize);
    const actual = read(disk, offset, blockSize);
    const unused = grid.freeSet.isFree(address) || grid.freeSet.isReleased(address);
    if (unused && headerOf(expected).size === 0 && headerOf(actual).size > 0) {
      comparison.absent += 1;
      continue;
    }
    const difference = comparison.compare(`block ${address}`, actual, expected);
    if (difference !== null) return difference;
  }
  // Only a state sync leaves out blocks, and what was under them.
  return comparison.absent === 0 ? comparison.firstRemains : null;
}

/** The first difference of the client replies, or null. */
function repliesDifference(disk: SimulatedDisk, recorded: SimulatedDisk, comparison: Comparison): string | null {
  for (let slot = 0; slot < clientsMax; slot += 1) {
    const offset = zoneStart(PRODUCTION, "clientReplies") + slot * messageSizeMax;
    const expected = read(recorded, offset, messageSizeMax);
    const difference = comparison.compare(`client reply ${slot}`, read(disk, offset, messageSizeMax), expected);
    if (difference !== null) return difference;
  }
  return comparison.firstRemains;
}

async function check({ aofs, dataFile }: ClusterFile): Promise<Outcome> {
  const log = await readLog(aofs);
  const replica = replicaFor(log);
  const replayed = replay(replica, log);
  if ("difference" in replayed) return different(replayed.difference);
  const recordedDisk = await loadDataFile(streamDecompressed(dataFile));
  const recorded = openDataFile(recordedDisk);
  const { op, id } = replica.checkpointIds;
  const expected = recorded.superblock.checkpointIds;
  if (op !== expected.op || id !== expected.id) {
    return different(`checkpoint ${op} is ${id.toString(16)}, recorded ${expected.op}, ${expected.id.toString(16)}`);
  }
  const blocks = new Comparison();
  const replies = new Comparison();
  const difference =
    gridDifference(replica.disk, recordedDisk, recorded, blocks) ??
    repliesDifference(replica.disk, recordedDisk, replies);
  if (difference !== null) return different(difference);
  const { absent, otherRemains } = blocks;
  const synced = absent === 0 ? "" : ` (a state sync left out ${absent} more, and what was under ${otherRemains})`;
  return equal(
    `${log.length} ops, ${replayed.checkpoints} checkpoints, ${blocks.equal + otherRemains} blocks${synced}, ` +
      `${replies.equal} client replies`,
  );
}

const REPLICA_FILE = /^(?<cluster>.*)\.replica\d+$/;

export const clusterFile: Kind = {
  name: "clusterfile",
  discover(root, files) {
    const artefacts: Artefact[] = [];
    for (const file of files.filter((path) => withoutCompression(path).endsWith(".tigerbeetle"))) {
      const stem = withoutCompression(file).slice(0, -".tigerbeetle".length);
      const cluster = REPLICA_FILE.exec(basename(stem))?.groups?.["cluster"];
      if (cluster === undefined) continue;
      const aofs = files.filter((other) => {
        const name = basename(withoutCompression(other));
        return (
          name.endsWith(".aof") && REPLICA_FILE.exec(name.slice(0, -".aof".length))?.groups?.["cluster"] === cluster
        );
      });
      if (aofs.length === 0) continue;
      const run = { aofs: aofs.map((aof) => join(root, aof)), dataFile: join(root, file) };
      artefacts.push({ name: join(dirname(file), basename(stem)), kind: "clusterfile", check: () => check(run) });
    }
    return Promise.resolve(artefacts);
  },
};
