/**
 * The next state of a superblock, computed from the staged one (spec 04 §7.3, §7.4).
 *
 * @module
 */
import { assert } from "@stagbeetle/kernels";
import type { ManifestReferences, TrailerReference } from "../block-reference.ts";
import { checkpointAfter } from "../checkpoint.ts";
import type { Config } from "../config/config.ts";
import { REPLICAS_MAX, STANDBYS_MAX } from "../config/derive.ts";
import { recordBytes } from "../layout.ts";
import { rootMembers } from "../members.ts";
import { HEADER_SIZE_BYTES } from "../message/frame.ts";
import type { PrepareHeader } from "../message/prepare.ts";
import { CHECKSUM_EMPTY } from "../message/checksums.ts";
import { writeRootPrepare } from "../message/special-prepares.ts";
import { type ViewChangeSlice, viewHeadersKind } from "../view-headers.ts";
import { bytesEqual, type SuperBlockImage } from "./image.ts";
import { type CheckpointState, SUPERBLOCK_LAYOUT, SUPERBLOCK_VERSION } from "./layout.ts";
import {
  checkpointHeaderOf,
  freeSetBlocksAcquiredTrailer,
  freeSetBlocksReleasedTrailer,
  successionInvalid,
  superblockInvalid,
  vsrStateMonotonic,
} from "./vsr-state.ts";

/** What a new data file is made for. */
export interface FormatOptions {
  /** The cluster's id (u128). */
  readonly cluster: bigint;
  /** The release that formats (u32), also the first to execute anything. */
  readonly release: number;
  /** The replica's index; from `replicaCount` on, a standby's. */
  readonly replica: number;
  /** How many replicas vote: 1 to 6. */
  readonly replicaCount: number;
  /** 0, or for a replica that is replaced the first view it may take part in (spec 04 §26). */
  readonly view: number;
}

/** A view and the headers that belong to it. */
export interface ViewAttributes {
  readonly logView: number;
  readonly view: number;
  /** Of kind `joinView` if `logView < view`, else `view`. Highest op first. */
  readonly headers: ViewChangeSlice;
}

/** A checkpoint that was taken here. */
export interface CheckpointUpdate {
  /** The prepare at which it was taken. */
  readonly header: PrepareHeader;
  /** Null on a replica that is alone, whose head may not be durable: its view headers stay. */
  readonly viewAttributes: ViewAttributes | null;
  readonly commitMax: number;
  readonly syncOpMin: number;
  readonly syncOpMax: number;
  readonly manifest: ManifestReferences;
  readonly freeSetBlocksAcquired: TrailerReference;
  readonly freeSetBlocksReleased: TrailerReference;
  readonly clientSessions: TrailerReference;
  /** In bytes, from the start of the file to the end of the highest block. */
  readonly storageSize: number;
  /** The release that executes all ops up to the next trigger (u32). */
  readonly release: number;
}

/** A checkpoint taken over from another replica. */
export interface SyncCheckpoint {
  readonly checkpoint: CheckpointState;
  readonly syncOpMin: number;
  readonly syncOpMax: number;
}

/** A step of the view, or of a state sync. */
export interface ViewChangeUpdate extends ViewAttributes {
  readonly commitMax: number;
  readonly syncCheckpoint: SyncCheckpoint | null;
}

/** Makes the superblock of sequence 0, which exists only for its checksum (spec 04 §25). */
export function buildVirtual(config: Config, image: SuperBlockImage, options: FormatOptions): void {
  assert(
    options.replicaCount >= 1 && options.replicaCount <= REPLICAS_MAX,
    () => `replica_count ${options.replicaCount}`,
  );
  assert(
    options.replica >= 0 && options.replica < options.replicaCount + STANDBYS_MAX,
    () => `replica ${options.replica}`,
  );
  assert(options.release > 0, "a release formats the file");
  const members = rootMembers(config.cluster, options.cluster);
  const replicaId = members[options.replica];
  assert(replicaId !== undefined, () => `replica ${options.replica} has no id`);
  image.bytes.fill(0);
  image.header.version = SUPERBLOCK_VERSION;
  image.header.releaseFormat = options.release;
  image.header.cluster = options.cluster;
  image.setMembers(members);
  image.vsrState.replicaId = replicaId;
  image.vsrState.replicaCount = options.replicaCount;
  image.header.checksum = image.computeChecksum();
}

/** Makes the first state: nothing committed but the root. `next` gets the state and the view headers. */
export function buildFormat(
  config: Config,
  virtual: SuperBlockImage,
  next: SuperBlockImage,
  options: FormatOptions,
): void {
  assert(virtual.header.sequence === 0 && virtual.header.checksum !== 0n, "the first superblock follows a virtual one");
  next.copyFrom(virtual);
  writeRootPrepare(next.checkpointHeader, options.cluster);
  next.checkpoint.freeSetBlocksAcquiredChecksum = CHECKSUM_EMPTY;
  next.checkpoint.freeSetBlocksReleasedChecksum = CHECKSUM_EMPTY;
  next.checkpoint.clientSessionsChecksum = CHECKSUM_EMPTY;
  next.checkpoint.storageSize = config.derived.dataFileSizeMin;
  next.checkpoint.release = options.release;
  next.vsrState.view = options.view;
  const rootAt = next.checkpointHeader.offset;
  next.bytes.copyWithin(SUPERBLOCK_LAYOUT.viewHeaders.offset, rootAt, rootAt + HEADER_SIZE_BYTES);
  next.header.viewHeadersCount = 1;
}

/** Makes the state after a checkpoint that was taken here. */
export function buildCheckpoint(
  config: Config,
  staging: SuperBlockImage,
  next: SuperBlockImage,
  update: CheckpointUpdate,
  storageSizeLimit: number,
): void {
  const { header, storageSize } = update;
  assert(header.op > staging.checkpointHeader.op, () => `checkpoint ${header.op} after ${staging.checkpointHeader.op}`);
  assert(header.op <= update.commitMax, () => `checkpoint ${header.op} is not committed (${update.commitMax})`);
  assert(header.checksum !== staging.checkpointHeader.checksum, "a new checkpoint has a new header");
  assert(update.syncOpMin <= update.syncOpMax, () => `sync ${update.syncOpMin} to ${update.syncOpMax}`);
  assert(
    update.release >= staging.checkpoint.release,
    () => `release ${update.release} after ${staging.checkpoint.release}`,
  );
  assert(
    storageSize >= config.derived.dataFileSizeMin && storageSize <= storageSizeLimit,
    () => `storage_size ${storageSize}`,
  );
  next.copyFrom(staging);
  const parentId = staging.checkpointId();
  writeCheckpoint(next.checkpoint, update);
  next.checkpoint.grandparentCheckpointId = staging.checkpoint.parentCheckpointId;
  next.checkpoint.parentCheckpointId = parentId;
  next.vsrState.commitMax = update.commitMax;
  next.vsrState.syncOpMin = update.syncOpMin;
  next.vsrState.syncOpMax = update.syncOpMax;
  next.vsrState.syncView = 0;
  if (update.viewAttributes !== null) writeView(next, update.viewAttributes);
  const empty =
    freeSetBlocksAcquiredTrailer(next.checkpoint).size === 0 &&
    freeSetBlocksReleasedTrailer(next.checkpoint).size === 0;
  assert(
    empty === (storageSize === config.derived.dataFileSizeMin),
    () => `storage_size ${storageSize}, free set empty: ${empty}`,
  );
  assertFollows(config, staging, next);
}

/** Makes the state after a step of the view, or with the checkpoint of another replica. */
export function buildViewChange(
  config: Config,
  staging: SuperBlockImage,
  next: SuperBlockImage,
  update: ViewChangeUpdate,
): void {
  const { vsrState } = staging;
  const viewAdvances = update.view > vsrState.view || update.logView > vsrState.logView;
  assert(
    viewAdvances || update.syncCheckpoint !== null,
    () => `view ${update.view}, log_view ${update.logView} are not new`,
  );
  const head = update.headers[0];
  assert(
    head !== undefined && head.op >= staging.checkpointHeader.op,
    () => `head ${head?.op} is below the checkpoint`,
  );
  next.copyFrom(staging);
  next.vsrState.commitMax = update.commitMax;
  if (update.syncCheckpoint !== null) writeSync(config, staging, next, update.syncCheckpoint);
  writeView(next, update);
  assertFollows(config, staging, next);
}

function writeCheckpoint(checkpoint: CheckpointState, update: CheckpointUpdate): void {
  const { header, manifest, freeSetBlocksAcquired: acquired, freeSetBlocksReleased: released, clientSessions } = update;
  checkpoint.header = recordBytes(header);
  checkpoint.freeSetBlocksAcquiredLastBlockChecksum = acquired.lastBlock.checksum;
  checkpoint.freeSetBlocksAcquiredLastBlockAddress = acquired.lastBlock.address;
  checkpoint.freeSetBlocksAcquiredSize = acquired.size;
  checkpoint.freeSetBlocksAcquiredChecksum = acquired.checksum;
  checkpoint.freeSetBlocksReleasedLastBlockChecksum = released.lastBlock.checksum;
  checkpoint.freeSetBlocksReleasedLastBlockAddress = released.lastBlock.address;
  checkpoint.freeSetBlocksReleasedSize = released.size;
  checkpoint.freeSetBlocksReleasedChecksum = released.checksum;
  checkpoint.clientSessionsLastBlockChecksum = clientSessions.lastBlock.checksum;
  checkpoint.clientSessionsLastBlockAddress = clientSessions.lastBlock.address;
  checkpoint.clientSessionsSize = clientSessions.size;
  checkpoint.clientSessionsChecksum = clientSessions.checksum;
  checkpoint.manifestOldestChecksum = manifest.oldest.checksum;
  checkpoint.manifestOldestAddress = manifest.oldest.address;
  checkpoint.manifestNewestChecksum = manifest.newest.checksum;
  checkpoint.manifestNewestAddress = manifest.newest.address;
  checkpoint.manifestBlockCount = manifest.blockCount;
  checkpoint.storageSize = update.storageSize;
  checkpoint.release = update.release;
  checkpoint.reserved.fill(0);
}

/**
 * Why a checkpoint that another replica sent, valid by itself, cannot take the place of the current one, or null: it is not a
 * later one of the same history.
 */
export function syncCheckpointInvalid(
  config: Config,
  current: SuperBlockImage,
  checkpoint: CheckpointState,
): string | null {
  const { op, checksum } = checkpointHeaderOf(checkpoint);
  const next = checkpointAfter(config, current.checkpointHeader.op);
  if (op < next || (op - next) % config.derived.vsrCheckpointOps !== 0) {
    return `checkpoint ${op} does not come after ${current.checkpointHeader.op}`;
  }
  if (checkpoint.release < current.checkpoint.release) {
    return `release ${checkpoint.release} after ${current.checkpoint.release}`;
  }
  const { storageSizeLimitMax } = config.process;
  if (checkpoint.storageSize > storageSizeLimitMax) {
    return `storage_size ${checkpoint.storageSize} is above ${storageSizeLimitMax}, more than any file may have`;
  }
  if (checksum === current.checkpointHeader.checksum) return "two checkpoints have one header";
  if (checkpoint.parentCheckpointId === current.checkpoint.parentCheckpointId) return "two checkpoints have one parent";
  const id = current.checkpointId();
  if (op === next && checkpoint.parentCheckpointId !== id) return "its parent is not the current checkpoint";
  const afterNext = checkpointAfter(config, next);
  return op === afterNext && checkpoint.grandparentCheckpointId !== id
    ? "its grandparent is not the current checkpoint"
    : null;
}

function writeSync(config: Config, staging: SuperBlockImage, next: SuperBlockImage, sync: SyncCheckpoint): void {
  const { checkpoint, syncOpMin, syncOpMax } = sync;
  const invalid = syncCheckpointInvalid(config, staging, checkpoint);
  assert(invalid === null, () => `a checkpoint is synced: ${invalid ?? ""}`);
  next.vsrState.checkpoint = recordBytes(checkpoint);
  next.vsrState.syncOpMin = syncOpMin;
  next.vsrState.syncOpMax = syncOpMax;
}

function writeView(next: SuperBlockImage, { logView, view, headers }: ViewAttributes): void {
  assert(headers.length > 0, () => `a ${viewHeadersKind(logView, view)} list without headers`);
  next.vsrState.logView = logView;
  next.vsrState.view = view;
  next.setViewHeaders(headers);
}

function assertFollows(config: Config, staging: SuperBlockImage, next: SuperBlockImage): void {
  const contradiction = superblockInvalid(config, next);
  assert(contradiction === null, () => `the new state is not valid: ${contradiction ?? ""}`);
  const invalid = successionInvalid(staging, next);
  assert(invalid === null, () => `the new state cannot follow: ${invalid ?? ""}`);
  assert(vsrStateMonotonic(staging, next), "the new state goes back behind the staged one");
  assert(!bytesEqual(staging.header.vsrState, next.header.vsrState), "the new state differs from the staged one");
}
