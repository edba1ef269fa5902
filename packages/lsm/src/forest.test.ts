import { MemorySpill, Random, TEST_MIN } from "@stagbeetle/vsr-protocol";
import { describe, expect, test } from "vitest";

import { smallSpill } from "../test/small-spill.ts";
import { TestForest, type TestForestOptions } from "../test/test-forest.ts";
import { COMPACTION_BLOCKS_MIN } from "./compaction/compaction-blocks.ts";
import { checkpointLine, TraceWriter } from "../test/trace.ts";
import { runVector, vectorA, vectorB } from "../test/vectors.ts";

/** Checkpoints as spec 05 §23.5 and §23.6 have them. */
const checkpointsA = [
  "CKPT op=23 manifest oldest=51 6e2d7dfb2a70330708eb5e4895033043 newest=67 15ab539f98a7540a392cfacac5e59ba9 count=3 acquired=68 7186d3ce2c96830c3efd9d14384a721b size=24 released=69 bbe6cd0851553155aa2283d7d9ba4642 size=32",
  "CKPT op=43 manifest oldest=154 e32f0b12cf9dca8034818c55e09bd56e newest=156 c756187eabf1ee58e24387ef3eeba51c count=3 acquired=157 28e0a5f149808bcd3235a92dcb7d966c size=32 released=158 579fe5c537b562016d444095368625dc size=40",
  "CKPT op=63 manifest oldest=77 680c2d482ef8c19db3b9b35e452ba3a8 newest=170 e245ee3b2adc4db3256b631164c2a9d4 count=4 acquired=171 2ecabb06a6f88b988082d2b80ea98cd9 size=40 released=172 f0e734c74c9407c8a151aabc2bfd34e8 size=56",
  "CKPT op=83 manifest oldest=106 cf18971ff41adc9203f780d9ce5e0f83 newest=215 f6311c2f244371c2bf185e4464419d7e count=5 acquired=255 bc0b8d1aaa5f540b3f05adf36c897f77 size=40 released=256 3b0ed5f1ba404fae0c7579228068be7f size=64",
];
const checkpointA983 =
  "CKPT op=983 manifest oldest=177 e811600fa80bb17ce3d6b1cf8013acbd newest=1555 88aa6b0288f2f9c173d6c4f1ec23a376 count=32 acquired=1556 bdb68ad172e613d2efe5f5283101786a size=80 released=1565 0e41c43d4bbbdc153f675145a02a7f6e size=280";
const checkpointsB = [
  "CKPT op=23 manifest oldest=15 6257ee58677dc3e12292496722f7a3e0 newest=15 6257ee58677dc3e12292496722f7a3e0 count=1 acquired=16 7f9622c5ca7cefa8dafbc216ff8bb337 size=24 released=0 00000000000000000000000000000000 size=0",
  "CKPT op=43 manifest oldest=17 757246607a091475468cbd89fd619a34 newest=30 7788d81729369e94c9bc9ea61170e493 count=2 acquired=31 137a90850bbc62956e8ae4ee98ee2682 size=24 released=32 efc53540cfe39d6491b94b0b98b5d41d size=24",
  "CKPT op=63 manifest oldest=33 368bc455b949b8d78c50d6fa81fa4b69 newest=13 3cebe2838a21be4f889623bb358f36c4 count=2 acquired=14 93aaf65913deba35729a2a7d00807c64 size=24 released=15 e56266e99aef92be96828516491877df size=24",
];
const checkpointB723 =
  "CKPT op=723 manifest oldest=9 b833f5035ace07cd36891fc16a22a16d newest=95 644729fac9a4791279bbba89fc3972bf count=6 acquired=96 fa5ca3e5b137c96b14f21265c3e503ea size=56 released=97 06a0ba566d4b4a81af59f1998e720b77 size=56";

function opened(options: Omit<TestForestOptions, "config"> = {}): TestForest {
  return new TestForest({ config: TEST_MIN, ...options });
}

describe("a forest from scratch", () => {
  test("writes the checkpoints of vector A, down to level 3", () => {
    const lines = runVector(vectorA, opened(), 983).map(checkpointLine);
    expect(lines.slice(0, 4)).toEqual(checkpointsA);
    expect(lines.at(-1)).toBe(checkpointA983);
  });

  test("writes the checkpoints of vector B, coalescing small tables", () => {
    const lines = runVector(vectorB, opened(), 723).map(checkpointLine);
    expect(lines.slice(0, 3)).toEqual(checkpointsB);
    expect(lines.at(-1)).toBe(checkpointB723);
  });

  test.each([1, 2, 3])("writes the same whatever the order of I/O (seed %d)", (seed) => {
    expect(runVector(vectorA, opened({ random: new Random(seed) }), 83).map(checkpointLine)).toEqual(checkpointsA);
  });

  test.each([0, 1, 2, 3])("writes the same whenever checksums come (seed %d)", (seed) => {
    const options = { checksumsLater: true, ...(seed === 0 ? {} : { random: new Random(seed) }) };
    expect(runVector(vectorA, opened(options), 83).map(checkpointLine)).toEqual(checkpointsA);
    expect(runVector(vectorB, opened(options), 63).map(checkpointLine)).toEqual(checkpointsB);
  });

  test.each([COMPACTION_BLOCKS_MIN, 22, 90])("writes the same with %d blocks for compaction", (compactionBlocksMax) => {
    const options = { compactionBlocksMax, random: new Random(compactionBlocksMax) };
    expect(runVector(vectorA, opened(options), 83).map(checkpointLine)).toEqual(checkpointsA);
    expect(runVector(vectorB, opened(options), 63).map(checkpointLine)).toEqual(checkpointsB);
  });

  test.each([0, 200])("writes the same with runs of %d bytes and more on a disk", (runSizeMinBytes) => {
    const disk = new MemorySpill();
    const spill = { ...smallSpill(disk), runSizeMinBytes };
    const lines = runVector(vectorA, opened({ spill }), 983).map(checkpointLine);
    expect([...lines.slice(0, 4), lines.at(-1)]).toEqual([...checkpointsA, checkpointA983]);
    expect(runVector(vectorB, opened({ spill }), 63).map(checkpointLine)).toEqual(checkpointsB);
    expect(disk.bytes.length).toBeGreaterThan(0);
  });

  test("flushes first what fills its memory table (spec 05 §23.5)", () => {
    const writer = new TraceWriter();
    const subject = opened({ manifestLogObserver: writer });
    writer.infos = subject.forest.infos;
    runVector(vectorA, subject, 7);
    expect(writer.manifestLog).toEqual([
      "insert: level=0 tree=11 checksum=d9c1c4727b44521c68388eda07b00a12 address=2 snapshot=8..18446744073709551615",
      "insert: level=0 tree=18 checksum=5745110bd97152d7d14fc2508fa0147c address=4 snapshot=8..18446744073709551615",
    ]);
  });
});

describe.each([
  ["at once", false],
  ["later", true],
])("a reset, with checksums that come %s", (_, checksumsLater) => {
  test.each([0, 1, 2, 4, 7, 12, 20, 40])(
    "in the middle of a compaction, after %d completions, is as a restart",
    (steps) => {
      const subject = opened({ random: new Random(steps), checksumsLater });
      runVector(vectorA, subject, 54);
      vectorA.putsOf(subject, 55);
      subject.compactPartly(55, steps);
      subject.reset();
      expect(runVector(vectorA, subject, 83).map(checkpointLine)).toEqual(checkpointsA.slice(2));
    },
  );

  test("gives back all blocks, however often", () => {
    const subject = opened({ random: new Random(1), checksumsLater });
    for (let steps = 0; steps < 40; steps += 1) {
      runVector(vectorA, subject, 54);
      vectorA.putsOf(subject, 55);
      subject.compactPartly(55, steps);
      subject.reset();
    }
    expect(runVector(vectorA, subject, 83).map(checkpointLine)).toEqual(checkpointsA.slice(2));
  });
});

describe("a crash", () => {
  const crashes = Array.from({ length: 20 }, (_, index) => 44 + index);

  test.each(crashes)("before op %d is compacted leaves no trace in the next checkpoints", (crashOp) => {
    const subject = opened();
    runVector(vectorA, subject, crashOp - 1);
    subject.crash();
    const lines = runVector(vectorA, subject, 83).map(checkpointLine);
    expect(lines).toEqual(checkpointsA.slice(-lines.length));
    expect(lines.length).toBeGreaterThan(0);
  });

  test.each([0, 1, 3, 5, 8, 13])("in the middle of a compaction, after %d completions, leaves none either", (steps) => {
    const subject = opened({ random: new Random(steps), checksumsLater: steps % 2 === 1 });
    runVector(vectorA, subject, 54);
    if (subject.durableAt(55)) subject.checkpointDurable();
    vectorA.putsOf(subject, 55);
    subject.compactPartly(55, steps);
    subject.crash();
    expect(runVector(vectorA, subject, 83).map(checkpointLine)).toEqual(checkpointsA.slice(2));
  });

  test.each([
    ["in memory", {}],
    ["on a disk", { spill: smallSpill(new MemorySpill()) }],
  ])("brings back the memory tables as they were, runs and counts, with older bars %s", (_, options) => {
    const memoryOf = (subject: TestForest): readonly string[] =>
      subject.forest.trees.map(
        ({ memory }) => `${memory.immutable.describe()} ${memory.snapshotMin} ${memory.flushed}`,
      );
    const subject = opened(options);
    runVector(vectorA, subject, 43);
    const before = memoryOf(subject);
    subject.crash();
    runVector(vectorA, subject, 43);
    expect(memoryOf(subject)).toEqual(before);
  });
});
