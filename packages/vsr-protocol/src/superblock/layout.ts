/**
 * The records of the superblock (spec 04 §6): what a replica must know before it can read anything else of its file.
 *
 * @module
 */
import { SUPERBLOCK_HEADER_SIZE_BYTES } from "../config/derive.ts";
import { recordClass, type RecordClass, type RecordOf } from "../layout.ts";
import { CHECKPOINT_STATE_SIZE_BYTES } from "../message/view.ts";

/** The version of the superblock's format (u16). Files of another version are not read. */
export const SUPERBLOCK_VERSION = 2;

/** The size of a VSRState in bytes. */
export const VSR_STATE_SIZE_BYTES = 2048;

/** Where the checksummed part of a copy begins: behind `copy`, so that all copies have one checksum. */
export const SUPERBLOCK_CHECKSUMMED_OFFSET = 34;

/** CheckpointState: equal in all replicas that reach the checkpoint, and sent in `view` messages. Offsets in bytes. */
export const CHECKPOINT_STATE_LAYOUT = {
  header: { type: "bytes", offset: 0, size: 256 },
  freeSetBlocksAcquiredLastBlockChecksum: { type: "u128", offset: 256 },
  freeSetBlocksAcquiredLastBlockChecksumPadding: { type: "u128", offset: 272 },
  freeSetBlocksReleasedLastBlockChecksum: { type: "u128", offset: 288 },
  freeSetBlocksReleasedLastBlockChecksumPadding: { type: "u128", offset: 304 },
  clientSessionsLastBlockChecksum: { type: "u128", offset: 320 },
  clientSessionsLastBlockChecksumPadding: { type: "u128", offset: 336 },
  manifestOldestChecksum: { type: "u128", offset: 352 },
  manifestOldestChecksumPadding: { type: "u128", offset: 368 },
  manifestNewestChecksum: { type: "u128", offset: 384 },
  manifestNewestChecksumPadding: { type: "u128", offset: 400 },
  snapshotsBlockChecksum: { type: "u128", offset: 416 },
  snapshotsBlockChecksumPadding: { type: "u128", offset: 432 },
  freeSetBlocksAcquiredChecksum: { type: "u128", offset: 448 },
  freeSetBlocksReleasedChecksum: { type: "u128", offset: 464 },
  clientSessionsChecksum: { type: "u128", offset: 480 },
  parentCheckpointId: { type: "u128", offset: 496 },
  grandparentCheckpointId: { type: "u128", offset: 512 },
  freeSetBlocksAcquiredLastBlockAddress: { type: "u53", offset: 528 },
  freeSetBlocksReleasedLastBlockAddress: { type: "u53", offset: 536 },
  clientSessionsLastBlockAddress: { type: "u53", offset: 544 },
  manifestOldestAddress: { type: "u53", offset: 552 },
  manifestNewestAddress: { type: "u53", offset: 560 },
  snapshotsBlockAddress: { type: "u53", offset: 568 },
  storageSize: { type: "u53", offset: 576 },
  freeSetBlocksAcquiredSize: { type: "u53", offset: 584 },
  freeSetBlocksReleasedSize: { type: "u53", offset: 592 },
  clientSessionsSize: { type: "u53", offset: 600 },
  manifestBlockCount: { type: "u32", offset: 608 },
  release: { type: "u32", offset: 612 },
  reserved: { type: "bytes", offset: 616, size: 408 },
} as const;

/** A checkpoint: 1024 bytes. Its id is the checksum of all of them. */
export type CheckpointState = RecordOf<typeof CHECKPOINT_STATE_LAYOUT>;
export const CheckpointState: RecordClass<typeof CHECKPOINT_STATE_LAYOUT> = recordClass(
  CHECKPOINT_STATE_SIZE_BYTES,
  CHECKPOINT_STATE_LAYOUT,
);

/** VSRState: a checkpoint, and what only this replica knows. Offsets in bytes. */
export const VSR_STATE_LAYOUT = {
  checkpoint: { type: "bytes", offset: 0, size: 1024 },
  replicaId: { type: "u128", offset: 1024 },
  members: { type: "bytes", offset: 1040, size: 192 },
  commitMax: { type: "u53", offset: 1232 },
  syncOpMin: { type: "u53", offset: 1240 },
  syncOpMax: { type: "u53", offset: 1248 },
  syncView: { type: "u32", offset: 1256 },
  logView: { type: "u32", offset: 1260 },
  view: { type: "u32", offset: 1264 },
  replicaCount: { type: "u8", offset: 1268 },
  reserved: { type: "bytes", offset: 1269, size: 779 },
} as const;

/** The persisted state of a replica: 2048 bytes. */
export type VSRState = RecordOf<typeof VSR_STATE_LAYOUT>;
export const VSRState: RecordClass<typeof VSR_STATE_LAYOUT> = recordClass(VSR_STATE_SIZE_BYTES, VSR_STATE_LAYOUT);

/** SuperBlockHeader: one copy. How much of `viewHeaders` is used depends on the configuration. Offsets in bytes. */
export const SUPERBLOCK_LAYOUT = {
  checksum: { type: "u128", offset: 0 },
  checksumPadding: { type: "u128", offset: 16 },
  copy: { type: "u16", offset: 32 },
  version: { type: "u16", offset: 34 },
  releaseFormat: { type: "u32", offset: 36 },
  sequence: { type: "u53", offset: 40 },
  cluster: { type: "u128", offset: 48 },
  parent: { type: "u128", offset: 64 },
  parentPadding: { type: "u128", offset: 80 },
  vsrState: { type: "bytes", offset: 96, size: 2048 },
  flags: { type: "u64", offset: 2144 },
  viewHeadersCount: { type: "u32", offset: 2152 },
  reserved: { type: "bytes", offset: 2156, size: 1940 },
  viewHeaders: { type: "bytes", offset: 4096, size: 4096 },
} as const;

/** One copy of the superblock: 8192 bytes. */
export type SuperBlockHeader = RecordOf<typeof SUPERBLOCK_LAYOUT>;
export const SuperBlockHeader: RecordClass<typeof SUPERBLOCK_LAYOUT> = recordClass(
  SUPERBLOCK_HEADER_SIZE_BYTES,
  SUPERBLOCK_LAYOUT,
);
