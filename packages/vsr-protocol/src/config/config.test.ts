import { describe, expect, it } from "vitest";
import type { ClusterConfig } from "./config.ts";
import { clusterConfigChecksum, createConfig, isProduction } from "./derive.ts";
import { PRODUCTION, PRODUCTION_CLUSTER, PRODUCTION_PROCESS } from "./production.ts";
import { TEST_MIN, TEST_MIN_CLUSTER, TEST_MIN_PROCESS } from "./test-min.ts";

describe("the configurations", () => {
  it("have the derived values of the specification", () => {
    expect(PRODUCTION.derived).toEqual({
      messageBodySizeMax: 1_048_320,
      pipelineRequestQueueMax: 57,
      viewHeadersMax: 11,
      getHeadersMax: 64,
      vsrCheckpointOps: 960,
      connectionSendQueueMaxReplica: 4,
      connectionSendQueueMaxClient: 2,
      superblockCopySize: 24_576,
      clientRepliesSize: 67_108_864,
      journalSizeHeaders: 262_144,
      journalSizePrepares: 1_073_741_824,
      blockBodySizeMax: 524_032,
      dataFileSizeMin: 1_141_374_976,
    });
    expect(TEST_MIN.derived).toEqual({
      messageBodySizeMax: 3840,
      pipelineRequestQueueMax: 4,
      viewHeadersMax: 7,
      getHeadersMax: 15,
      vsrCheckpointOps: 20,
      connectionSendQueueMaxReplica: 4,
      connectionSendQueueMaxClient: 2,
      superblockCopySize: 12_288,
      clientRepliesSize: 28_672,
      journalSizeHeaders: 8192,
      journalSizePrepares: 131_072,
      blockBodySizeMax: 3840,
      dataFileSizeMin: 217_088,
    });
  });

  it("have the checksums of the specification", () => {
    expect(clusterConfigChecksum(PRODUCTION_CLUSTER)).toBe(0x790755030145d92aa1dcfec99f79affdn);
    expect(clusterConfigChecksum(TEST_MIN_CLUSTER)).toBe(0x3abdeae77c8d7c45d643ff94f4c0701en);
  });

  it("are told apart by the size of the log", () => {
    expect(isProduction(PRODUCTION_CLUSTER)).toBe(true);
    expect(isProduction(TEST_MIN_CLUSTER)).toBe(false);
  });
});

describe("createConfig", () => {
  const broken: readonly (readonly [string, Partial<ClusterConfig>])[] = [
    ["a message that is not whole sectors", { messageSizeMax: 4097 }],
    ["a block larger than a message", { blockSize: 8192 }],
    ["a block that is not whole sectors", { blockSize: 512 }],
    ["an odd number of superblock copies", { superblockCopies: 5 }],
    ["too many superblock copies", { superblockCopies: 10 }],
    ["a log that is not whole bars", { journalSlotCount: 48, lsmCompactionOps: 32 }],
    ["a log too small for its pipelines", { journalSlotCount: 32, pipelinePrepareQueueMax: 16, clientsMax: 16 }],
    ["a pipeline larger than its clients", { clientsMax: 2 }],
    ["a view change suffix smaller than the pipeline", { viewChangeHeadersSuffixMax: 4 }],
    ["view headers that leave the superblock", { viewChangeHeadersSuffixMax: 14 }],
    ["more client sessions than a block holds", { clientsMax: 15 }],
    ["one release", { vsrReleasesMax: 1 }],
    ["a negative constant", { lsmLevels: -7 }],
  ];
  it.each(broken)("refuses %s", (_name, change) => {
    expect(() => createConfig({ ...TEST_MIN_CLUSTER, ...change }, TEST_MIN_PROCESS)).toThrow();
  });

  it("refuses, in production, as many journal writes as there are header sectors", () => {
    expect(() => createConfig(PRODUCTION_CLUSTER, { ...PRODUCTION_PROCESS, journalIopsWriteMax: 64 })).toThrow(/tear/);
  });

  it("takes 6 and 8 superblock copies", () => {
    for (const superblockCopies of [6, 8]) {
      const { derived } = createConfig({ ...TEST_MIN_CLUSTER, superblockCopies }, TEST_MIN_PROCESS);
      expect(derived.dataFileSizeMin).toBe(217_088 + (superblockCopies - 4) * derived.superblockCopySize);
    }
  });
});
