/**
 * What must hold inside a superblock, and between a superblock and the next one (spec 04 §6.3, §6.5).
 *
 * @module
 */
import { assert, checksumOf } from "@stagbeetle/kernels";
import { TRAILER_EMPTY, type TrailerReference } from "../block-reference.ts";
import { isCheckpointOp } from "../checkpoint.ts";
import { clientSessionsEncodeSize } from "../clients/sessions.ts";
import { Command } from "../command.ts";
import type { Config } from "../config/config.ts";
import { REPLICAS_MAX } from "../config/derive.ts";
import { isSafeU64, type Layout, type RecordView } from "../layout.ts";
import { memberIndex, validMembers } from "../members.ts";
import { HEADER_SIZE_BYTES } from "../message/frame.ts";
import { PREPARE_LAYOUT, PrepareHeader } from "../message/prepare.ts";
import { viewHeadersInvalid, viewHeadersKind } from "../view-headers.ts";
import type { SuperBlockImage } from "./image.ts";
import { CHECKPOINT_STATE_LAYOUT, type CheckpointState, SUPERBLOCK_LAYOUT, VSR_STATE_LAYOUT } from "./layout.ts";

/**
 * Why the content of a superblock whose checksum is valid contradicts itself, or null. Safe on any bytes.
 *
 * Content like this was never written by a correct replica: the checksum rules out damage.
 */
export function superblockInvalid(config: Config, image: SuperBlockImage): string | null {
  return (
    integersInvalid(image) ??
    vsrStateInvalid(image) ??
    checkpointInvalid(config, image.checkpoint) ??
    viewHeadersOfImageInvalid(config, image)
  );
}

/** Every u64 that is read as a number must be exact. */
function integersInvalid(image: SuperBlockImage): string | null {
  return (
    unsafeField(image.header, SUPERBLOCK_LAYOUT) ??
    unsafeField(image.vsrState, VSR_STATE_LAYOUT) ??
    integersOfCheckpointInvalid(image.checkpoint)
  );
}

function integersOfCheckpointInvalid(checkpoint: CheckpointState): string | null {
  return (
    unsafeField(checkpoint, CHECKPOINT_STATE_LAYOUT) ?? unsafeField(checkpointHeaderOf(checkpoint), PREPARE_LAYOUT)
  );
}

function unsafeField(record: RecordView, layout: Layout): string | null {
  for (const [name, field] of Object.entries(layout)) {
    if (field.type === "u53" && !isSafeU64(record.dataView, record.offset + field.offset))
      return `${name} is out of range`;
  }
  return null;
}

function vsrStateInvalid(image: SuperBlockImage): string | null {
  const { vsrState, checkpointHeader } = image;
  const members = image.members();
  if (vsrState.commitMax < checkpointHeader.op)
    return `commit_max ${vsrState.commitMax} is below the checkpoint ${checkpointHeader.op}`;
  if (vsrState.syncOpMax < vsrState.syncOpMin)
    return `sync_op_max ${vsrState.syncOpMax} is below sync_op_min ${vsrState.syncOpMin}`;
  if (vsrState.view < vsrState.logView) return `view ${vsrState.view} is below log_view ${vsrState.logView}`;
  if (vsrState.replicaCount < 1 || vsrState.replicaCount > REPLICAS_MAX)
    return `replica_count is ${vsrState.replicaCount}`;
  if (!validMembers(members)) return "members are not valid";
  if (vsrState.replicaId === 0n || memberIndex(members, vsrState.replicaId) === null)
    return "replica_id is not a member";
  return null;
}

/** The header of the prepare at which a checkpoint was taken: a view of the checkpoint's memory. */
export function checkpointHeaderOf({ buffer, offset }: CheckpointState): PrepareHeader {
  return new PrepareHeader(buffer, offset);
}

/** Why a checkpoint that another replica sent contradicts itself, or null. Safe on any bytes. */
export function checkpointStateInvalid(config: Config, checkpoint: CheckpointState): string | null {
  return integersOfCheckpointInvalid(checkpoint) ?? checkpointInvalid(config, checkpoint);
}

function checkpointInvalid(config: Config, checkpoint: CheckpointState): string | null {
  const checkpointHeader = checkpointHeaderOf(checkpoint);
  if (checkpointHeader.command !== Command.prepare)
    return `the checkpoint's header has command ${checkpointHeader.command}`;
  const headerBytes = checkpoint.header;
  assert(headerBytes.length === HEADER_SIZE_BYTES, "the checkpoint begins with a header");
  if (checkpointHeader.checksum !== checksumOf(headerBytes.subarray(16)))
    return "the checkpoint's header has a wrong checksum";
  if (!isCheckpointOp(config, checkpointHeader.op)) return `op ${checkpointHeader.op} cannot be a checkpoint`;
  if (checkpoint.storageSize < config.derived.dataFileSizeMin)
    return `storage_size ${checkpoint.storageSize} is below ${config.derived.dataFileSizeMin}`;
  if (checkpoint.snapshotsBlockChecksum !== 0n || checkpoint.snapshotsBlockAddress !== 0) return "snapshots are in use";
  return (
    paddingInvalid(checkpoint) ??
    trailerInvalid("free_set_blocks_acquired", freeSetBlocksAcquiredTrailer(checkpoint)) ??
    trailerInvalid("free_set_blocks_released", freeSetBlocksReleasedTrailer(checkpoint)) ??
    trailerInvalid("client_sessions", clientSessionsTrailer(checkpoint)) ??
    clientSessionsInvalid(config, checkpoint) ??
    manifestInvalid(checkpoint)
  );
}

function paddingInvalid(checkpoint: CheckpointState): string | null {
  const paddings =
    checkpoint.freeSetBlocksAcquiredLastBlockChecksumPadding |
    checkpoint.freeSetBlocksReleasedLastBlockChecksumPadding |
    checkpoint.clientSessionsLastBlockChecksumPadding |
    checkpoint.manifestOldestChecksumPadding |
    checkpoint.manifestNewestChecksumPadding |
    checkpoint.snapshotsBlockChecksumPadding;
  return paddings === 0n ? null : "a padding of the checkpoint is not zero";
}

/** Where the encoded set of acquired blocks is. */
export function freeSetBlocksAcquiredTrailer(checkpoint: CheckpointState): TrailerReference {
  return {
    lastBlock: {
      checksum: checkpoint.freeSetBlocksAcquiredLastBlockChecksum,
      address: checkpoint.freeSetBlocksAcquiredLastBlockAddress,
    },
    size: checkpoint.freeSetBlocksAcquiredSize,
    checksum: checkpoint.freeSetBlocksAcquiredChecksum,
  };
}

/** Where the encoded set of released blocks is. */
export function freeSetBlocksReleasedTrailer(checkpoint: CheckpointState): TrailerReference {
  return {
    lastBlock: {
      checksum: checkpoint.freeSetBlocksReleasedLastBlockChecksum,
      address: checkpoint.freeSetBlocksReleasedLastBlockAddress,
    },
    size: checkpoint.freeSetBlocksReleasedSize,
    checksum: checkpoint.freeSetBlocksReleasedChecksum,
  };
}

/** Where the encoded client sessions are. */
export function clientSessionsTrailer(checkpoint: CheckpointState): TrailerReference {
  return {
    lastBlock: {
      checksum: checkpoint.clientSessionsLastBlockChecksum,
      address: checkpoint.clientSessionsLastBlockAddress,
    },
    size: checkpoint.clientSessionsSize,
    checksum: checkpoint.clientSessionsChecksum,
  };
}

function trailerInvalid(name: string, trailer: TrailerReference): string | null {
  if (trailer.lastBlock.address !== 0) return trailer.size > 0 ? null : `${name} has a block but no size`;
  const empty = trailer.size === 0 && trailer.checksum === TRAILER_EMPTY.checksum && trailer.lastBlock.checksum === 0n;
  return empty ? null : `${name} has no block but is not empty`;
}

function clientSessionsInvalid(config: Config, checkpoint: CheckpointState): string | null {
  if (checkpoint.clientSessionsLastBlockAddress === 0) return null;
  const size = clientSessionsEncodeSize(config);
  return checkpoint.clientSessionsSize === size
    ? null
    : `client_sessions has ${checkpoint.clientSessionsSize} bytes, not ${size}`;
}

function manifestInvalid(checkpoint: CheckpointState): string | null {
  const { manifestOldestAddress: oldest, manifestNewestAddress: newest, manifestBlockCount: count } = checkpoint;
  const { manifestOldestChecksum, manifestNewestChecksum } = checkpoint;
  if (count === 0) {
    const empty = oldest === 0 && newest === 0 && manifestOldestChecksum === 0n && manifestNewestChecksum === 0n;
    return empty ? null : "the manifest has no blocks but references to some";
  }
  if (oldest === 0 || newest === 0) return "the manifest has blocks but no reference to them";
  const single = count === 1;
  if ((oldest === newest) !== single) return `the manifest has ${count} blocks from ${oldest} to ${newest}`;
  if ((manifestOldestChecksum === manifestNewestChecksum) !== single)
    return `the ${count} manifest blocks have one checksum`;
  return null;
}

function viewHeadersOfImageInvalid(config: Config, image: SuperBlockImage): string | null {
  const count = image.header.viewHeadersCount;
  if (count > config.derived.viewHeadersMax) return `${count} view headers`;
  const kind = viewHeadersKind(image.vsrState.logView, image.vsrState.view);
  const reason = viewHeadersInvalid(config, kind, image.viewHeaders());
  return reason === null ? null : `view headers: ${reason}`;
}

/**
 * Why `next` cannot have followed `old` in the life of one replica, or null: a checkpoint that changed without a new
 * op, or members that changed. Both must be valid by themselves.
 */
export function successionInvalid(old: SuperBlockImage, next: SuperBlockImage): string | null {
  if (old.checkpointHeader.op === next.checkpointHeader.op) {
    if (!old.checkpointEquals(next)) return `checkpoint ${next.checkpointHeader.op} changed`;
  } else {
    if (old.checkpointHeader.checksum === next.checkpointHeader.checksum) return "two checkpoints have one header";
    if (old.checkpoint.parentCheckpointId === next.checkpoint.parentCheckpointId)
      return "two checkpoints have one parent";
  }
  if (old.vsrState.replicaId !== next.vsrState.replicaId) return "replica_id changed";
  if (old.vsrState.replicaCount !== next.vsrState.replicaCount) return "replica_count changed";
  const nextMembers = next.members();
  return old.members().every((id, index) => id === nextMembers[index]) ? null : "members changed";
}

/** Whether nothing that a replica may have shown to others goes backwards from `old` to `next`. */
export function vsrStateMonotonic(old: SuperBlockImage, next: SuperBlockImage): boolean {
  assert(successionInvalid(old, next) === null, () => successionInvalid(old, next) ?? "");
  return (
    old.checkpointHeader.op <= next.checkpointHeader.op &&
    old.vsrState.view <= next.vsrState.view &&
    old.vsrState.logView <= next.vsrState.logView &&
    old.vsrState.commitMax <= next.vsrState.commitMax
  );
}
