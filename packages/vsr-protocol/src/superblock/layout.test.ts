import { describe, expect, it } from "vitest";
import { TEST_MIN } from "../config/test-min.ts";
import { fieldSizeBytes, type Layout } from "../layout.ts";
import { SuperBlockImage } from "./image.ts";
import {
  CHECKPOINT_STATE_LAYOUT,
  CheckpointState,
  SUPERBLOCK_LAYOUT,
  SuperBlockHeader,
  VSR_STATE_LAYOUT,
  VSRState,
} from "./layout.ts";

/** The absolute offsets of the specification's tables (04 §6.1 to §6.3). */
const SUPERBLOCK = {
  checksum: 0,
  checksumPadding: 16,
  copy: 32,
  version: 34,
  releaseFormat: 36,
  sequence: 40,
  cluster: 48,
  parent: 64,
  parentPadding: 80,
  vsrState: 96,
  flags: 2144,
  viewHeadersCount: 2152,
  reserved: 2156,
  viewHeaders: 4096,
};
const VSR_STATE = {
  checkpoint: 96,
  replicaId: 1120,
  members: 1136,
  commitMax: 1328,
  syncOpMin: 1336,
  syncOpMax: 1344,
  syncView: 1352,
  logView: 1356,
  view: 1360,
  replicaCount: 1364,
  reserved: 1365,
};
const CHECKPOINT = {
  header: 96,
  freeSetBlocksAcquiredLastBlockChecksum: 352,
  freeSetBlocksAcquiredLastBlockChecksumPadding: 368,
  freeSetBlocksReleasedLastBlockChecksum: 384,
  freeSetBlocksReleasedLastBlockChecksumPadding: 400,
  clientSessionsLastBlockChecksum: 416,
  clientSessionsLastBlockChecksumPadding: 432,
  manifestOldestChecksum: 448,
  manifestOldestChecksumPadding: 464,
  manifestNewestChecksum: 480,
  manifestNewestChecksumPadding: 496,
  snapshotsBlockChecksum: 512,
  snapshotsBlockChecksumPadding: 528,
  freeSetBlocksAcquiredChecksum: 544,
  freeSetBlocksReleasedChecksum: 560,
  clientSessionsChecksum: 576,
  parentCheckpointId: 592,
  grandparentCheckpointId: 608,
  freeSetBlocksAcquiredLastBlockAddress: 624,
  freeSetBlocksReleasedLastBlockAddress: 632,
  clientSessionsLastBlockAddress: 640,
  manifestOldestAddress: 648,
  manifestNewestAddress: 656,
  snapshotsBlockAddress: 664,
  storageSize: 672,
  freeSetBlocksAcquiredSize: 680,
  freeSetBlocksReleasedSize: 688,
  clientSessionsSize: 696,
  manifestBlockCount: 704,
  release: 708,
  reserved: 712,
};

describe("the records of the superblock", () => {
  const image = new SuperBlockImage(TEST_MIN, new Uint8Array(8192));
  it.each([
    ["SuperBlockHeader", SUPERBLOCK_LAYOUT, image.header, SUPERBLOCK],
    ["VSRState", VSR_STATE_LAYOUT, image.vsrState, VSR_STATE],
    ["CheckpointState", CHECKPOINT_STATE_LAYOUT, image.checkpoint, CHECKPOINT],
  ] as const)("%s has its fields at the specified offsets", (_name, layout: Layout, record, expected) => {
    const offsets = Object.entries(layout).map(([name, field]) => [name, record.offset + field.offset]);
    expect(Object.fromEntries(offsets)).toEqual(expected);
  });

  it.each([
    ["SuperBlockHeader", SUPERBLOCK_LAYOUT, SuperBlockHeader.sizeBytes, 8192],
    ["VSRState", VSR_STATE_LAYOUT, VSRState.sizeBytes, 2048],
    ["CheckpointState", CHECKPOINT_STATE_LAYOUT, CheckpointState.sizeBytes, 1024],
  ] as const)("%s has no byte without a field", (_name, layout: Layout, size, expected) => {
    let end = 0;
    for (const field of Object.values(layout)) {
      expect(field.offset).toBe(end);
      end += fieldSizeBytes(field);
    }
    expect(end).toBe(expected);
    expect(size).toBe(expected);
  });
});
