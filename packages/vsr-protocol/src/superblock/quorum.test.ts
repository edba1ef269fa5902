import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { formatted, headerChain, imageAt, PROPERTY_RUNS } from "../../test/builders.ts";
import type { Config } from "../config/config.ts";
import { createConfig } from "../config/derive.ts";
import { TEST_MIN, TEST_MIN_CLUSTER, TEST_MIN_PROCESS } from "../config/test-min.ts";
import { SuperBlockImage } from "./image.ts";
import { type QuorumFault, type QuorumPurpose, quorumThreshold, repairNext, selectQuorum } from "./quorum.ts";

/** A superblock of sequence 1 and its descendants, each with a higher view; valid with up to 8 copies. */
const lineage: SuperBlockImage[] = [
  varied(imageAt(formatted(), 0), (image) => (image.checkpoint.storageSize += 4 * TEST_MIN.derived.superblockCopySize)),
];
while (lineage.length < 9) lineage.push(descendant(lineage[lineage.length - 1] ?? fail()));

function fail(): never {
  throw new Error("no such superblock");
}

function clone(image: SuperBlockImage): SuperBlockImage {
  return new SuperBlockImage(TEST_MIN, image.bytes.slice());
}

function descendant(parent: SuperBlockImage): SuperBlockImage {
  return varied(parent, (child) => {
    child.header.sequence = parent.header.sequence + 1;
    child.header.parent = parent.header.checksum;
    child.vsrState.view = parent.vsrState.view + 1;
  });
}

function varied(image: SuperBlockImage, change: (copy: SuperBlockImage) => void): SuperBlockImage {
  const copy = clone(image);
  change(copy);
  copy.header.checksum = copy.computeChecksum();
  return copy;
}

/** The superblock of a sequence; `2'` is another one with the same parent. */
function superblock(name: string): SuperBlockImage {
  const image = lineage[Number.parseInt(name, 10) - 1] ?? fail();
  return name.endsWith("'") ? varied(image, (other) => (other.vsrState.commitMax = 77)) : clone(image);
}

/**
 * The copies that a line describes, one word a slot: a sequence, `x` for a damaged copy, `:n` for a copy number other
 * than the slot's.
 */
function copiesOf(line: string): SuperBlockImage[] {
  return line.split(" ").map((word, slot) => {
    const [name = "", copy] = word.split(":");
    const image = superblock(name === "x" ? "1" : name);
    image.header.copy = copy === undefined ? slot : Number(copy);
    if (name === "x") image.bytes[100] = (image.bytes[100] ?? 0) ^ 1;
    return image;
  });
}

function choose(line: string, purpose: QuorumPurpose = "open", config: Config = TEST_MIN): string {
  const result = selectQuorum(config, copiesOf(line), purpose);
  return result.kind === "fault" ? result.fault : String(result.image.header.sequence);
}

describe("a quorum of superblock copies", () => {
  it.each([
    [4, 2, 3],
    [6, 3, 4],
    [8, 4, 5],
  ])("of %i needs %i to open and %i to verify", (copies, open, verify) => {
    expect(quorumThreshold(copies, "open")).toBe(open);
    expect(quorumThreshold(copies, "verify")).toBe(verify);
    expect(open + verify).toBe(copies + 1);
  });

  const toOpen: readonly (readonly [string, string])[] = [
    ["2 2 2 2", "2"],
    ["1 1 2 2", "2"],
    ["2 1 1 1", "1"],
    ["1 2 2 2", "2"],
    ["x 2 2 1", "2"],
    ["x x 2 2", "2"],
    ["1 x x 1", "1"],
    ["3 3 1 1", "3"],
    ["3 3 x 1", "3"],
    ["3 2 2 1", "2"],
    ["2 2 2 2'", "fork"],
    ["2 2 2' 2'", "fork"],
    ["2 2 x 2'", "fork"],
    ["x x x 2", "quorumLost" satisfies QuorumFault],
    ["1 2 3 4", "quorumLost"],
    ["x x x x", "notFound"],
    ["2 2 2 4", "parentSkipped"],
    ["2 2 4 x", "parentSkipped"],
    ["2' 2' 3 x", "2"],
    ["3 3 2' x", "parentNotConnected"],
    // The parent says that the chosen one is its successor, so that older copies do not matter any more.
    ["4 4 3 1", "4"],
  ];
  it.each(toOpen)("[%s] opens as %s", (line, expected) => {
    expect(choose(line)).toBe(expected);
  });

  const toVerify: readonly (readonly [string, string])[] = [
    ["2 2 2 2", "2"],
    ["x 2 2 2", "2"],
    ["1 2 2 2", "2"],
    ["1 1 2 2", "quorumLost"],
    ["x x 2 2", "quorumLost"],
  ];
  it.each(toVerify)("[%s] verifies as %s", (line, expected) => {
    expect(choose(line, "verify")).toBe(expected);
  });

  it("does not depend on which slots the copies are in", () => {
    for (const [line, expected] of toOpen) {
      const words = line.split(" ");
      for (let turn = 1; turn < 4; turn++) {
        expect(choose([...words.slice(turn), ...words.slice(0, turn)].join(" ")), line).toBe(expected);
      }
    }
  });

  it("counts a copy once, wherever it is", () => {
    expect(choose("2:1 2:1 x x")).toBe("quorumLost");
    expect(choose("2:1 2:0 x x")).toBe("2");
    expect(choose("2:3 2:3 2:3 2:3")).toBe("quorumLost");
  });

  it("takes a copy number that is out of range for the slot's own", () => {
    expect(choose("2:4 2:65535 x x")).toBe("2");
    expect(choose("2:1 2:9 x x")).toBe("quorumLost");
  });

  it.each([
    ["2 2 2 2", [0, 1, 2, 3]],
    ["x 2 1 2", [null, 1, null, 3]],
    ["2:1 2:0 2 2", [1, 0, 2, 3]],
    ["2:1 2:1 2 2", [1, null, 2, 3]],
    ["2:1 2:9 2 2", [1, 1, 2, 3]],
  ])("in [%s] finds the copies %j", (line, slots) => {
    expect(selectQuorum(TEST_MIN, copiesOf(line), "open")).toMatchObject({ kind: "chosen", slots });
  });

  it("holds with 6 and 8 copies", () => {
    const config = (superblockCopies: number): Config =>
      createConfig({ ...TEST_MIN_CLUSTER, superblockCopies }, TEST_MIN_PROCESS);
    expect(choose("2 2 2 x x x", "open", config(6))).toBe("2");
    expect(choose("2 2 2 x x x", "verify", config(6))).toBe("quorumLost");
    // Nothing older than the parent, or beside it, is looked at.
    expect(choose("3 3 3 2 2 2'", "open", config(6))).toBe("3");
    expect(choose("3 3 3 3 2 2 2 2", "open", config(8))).toBe("3");
    expect(choose("3 3 3 2 2 2 2 2", "open", config(8))).toBe("2");
  });

  it("does not cover the copy number by the checksum", () => {
    const [first, second] = copiesOf("2:0 2:3");
    expect(first?.header.checksum).toBe(second?.header.checksum);
    expect(first?.checksumValid() && second?.checksumValid()).toBe(true);
  });

  it("does not believe a copy whose checksum padding is not zero", () => {
    const copies = copiesOf("2 2 x x");
    const first = copies[0] ?? fail();
    first.header.checksumPadding = 1n;
    expect(selectQuorum(TEST_MIN, copies, "open")).toMatchObject({ fault: "quorumLost" });
  });

  it("ignores copies of another cluster or replica, with a warning", () => {
    for (const options of [{ cluster: 5n }, { replica: 1, replicaCount: 3 }]) {
      const copies = copiesOf("1 1 1 1");
      copies[3] = imageAt(formatted(options), 3);
      const result = selectQuorum(TEST_MIN, copies, "open");
      expect(result).toMatchObject({ kind: "chosen", slots: [0, 1, 2, null] });
      expect(result.warnings).toHaveLength(1);
    }
  });

  it("refuses another version", () => {
    const copies = copiesOf("2 2 2 2").map((image) => varied(image, (other) => (other.header.version = 3)));
    expect(selectQuorum(TEST_MIN, copies, "open")).toMatchObject({ fault: "versionUnknown" });
  });

  it("refuses a state that went backwards", () => {
    const parent = superblock("3");
    const child = varied(descendant(parent), (image) => (image.vsrState.view = parent.vsrState.view - 1));
    const copies = [child, clone(child), parent, parent];
    for (const [slot, image] of copies.entries()) copies[slot] = varied(image, (copy) => (copy.header.copy = slot));
    expect(selectQuorum(TEST_MIN, copies, "open")).toMatchObject({ fault: "vsrStateNotMonotonic" });
  });

  it("refuses a checkpoint that changed without a new op", () => {
    const parent = superblock("3");
    const child = varied(descendant(parent), (image) => (image.checkpoint.storageSize += 4096));
    const copies = [child, child, parent, parent].map((image, slot) =>
      varied(image, (copy) => (copy.header.copy = slot)),
    );
    expect(selectQuorum(TEST_MIN, copies, "open")).toMatchObject({ fault: "vsrStateInvalid" });
  });
});

describe("a superblock that contradicts itself is refused", () => {
  const contradictions: readonly (readonly [string, (image: SuperBlockImage) => void])[] = [
    ["view below log_view", (image) => (image.vsrState.logView = 9)],
    ["no replicas", (image) => (image.vsrState.replicaCount = 0)],
    ["too many replicas", (image) => (image.vsrState.replicaCount = 7)],
    ["sync ops in the wrong order", (image) => (image.vsrState.syncOpMin = 1)],
    ["a replica that is not a member", (image) => (image.vsrState.replicaId = 1n)],
    ["a replica without an id", (image) => (image.vsrState.replicaId = 0n)],
    [
      "a member twice",
      (image) => image.setMembers(image.members().map((id, index, all) => (index === 1 ? (all[0] ?? id) : id))),
    ],
    ["a file smaller than its zones", (image) => (image.checkpoint.storageSize = 4096)],
    ["snapshots", (image) => (image.checkpoint.snapshotsBlockAddress = 1)],
    ["padding", (image) => (image.checkpoint.manifestOldestChecksumPadding = 1n)],
    ["a free set without a block", (image) => (image.checkpoint.freeSetBlocksAcquiredSize = 8)],
    ["an empty free set with a checksum", (image) => (image.checkpoint.freeSetBlocksReleasedChecksum = 0n)],
    ["a free set block without a size", (image) => (image.checkpoint.freeSetBlocksAcquiredLastBlockAddress = 1)],
    [
      "client sessions of the wrong size",
      (image) => {
        image.checkpoint.clientSessionsLastBlockAddress = 1;
        image.checkpoint.clientSessionsSize = 1;
      },
    ],
    ["manifest blocks without a reference", (image) => (image.checkpoint.manifestBlockCount = 1)],
    ["a manifest reference without blocks", (image) => (image.checkpoint.manifestOldestAddress = 1)],
    [
      "one manifest block at two addresses",
      (image) => {
        image.checkpoint.manifestBlockCount = 1;
        image.checkpoint.manifestOldestAddress = 1;
        image.checkpoint.manifestNewestAddress = 2;
      },
    ],
    [
      "two manifest blocks with one checksum",
      (image) => {
        image.checkpoint.manifestBlockCount = 2;
        image.checkpoint.manifestOldestAddress = 1;
        image.checkpoint.manifestNewestAddress = 2;
      },
    ],
    ["a damaged checkpoint header", (image) => (image.checkpointHeader.view = 1)],
    ["no view headers", (image) => (image.header.viewHeadersCount = 0)],
    ["more view headers than fit", (image) => (image.header.viewHeadersCount = 2 ** 32 - 1)],
    [
      "view headers with a gap",
      (image) => {
        image.setViewHeaders(headerChain(5, 3).toSpliced(1, 1));
      },
    ],
    ["a commit_max that is not exact", (image) => image.bytes.fill(0xff, 1328, 1336)],
    ["a checkpoint op that is not exact", (image) => image.bytes.fill(0xff, 320, 328)],
  ];
  it.each(contradictions)("%s", (_name, change) => {
    const image = varied(superblock("2"), change);
    const copies = [0, 1, 2, 3].map((copy) => varied(image, (other) => (other.header.copy = copy)));
    expect(selectQuorum(TEST_MIN, copies, "open")).toMatchObject({ fault: "vsrStateInvalid" });
  });
});

describe("the repair of superblock copies", () => {
  const order = (slots: readonly (number | null)[]): number[] => {
    const rest = [...slots];
    const written: number[] = [];
    for (let next = repairNext(rest); next !== null; next = repairNext(rest)) {
      rest[next] = next;
      written.push(next);
    }
    return written;
  };

  it.each([
    [[0, 1, 2, 3], []],
    [[null, 1, 2, 3], [0]],
    [
      [null, null, 2, 3],
      [1, 0],
    ],
    // Copy 0 exists elsewhere, copy 3 nowhere: first 3, then 0. What remains of 0 in slot 1 is overwritten last.
    [
      [null, 0, 2, null],
      [3, 0, 1],
    ],
    [[1, 1, 2, 3], [0]],
    // Every copy but 3 exists, one slot further on: each write frees the slot for the next.
    [
      [null, 0, 1, 2],
      [0, 1, 2, 3],
    ],
    // Each copy is in the wrong slot, but all are there: nothing is endangered.
    [[1, 0, 3, 2], []],
    [
      [1, null, 2, 3],
      [1, 0],
    ],
  ])("of %j writes %j", (slots, written) => {
    expect(order(slots)).toEqual(written);
  });

  it("always ends, and leaves each copy in at least one slot", () => {
    const slot = fc.option(fc.nat(3), { nil: null });
    const property = fc.property(fc.tuple(slot, slot, slot, slot), (slots) => {
      const rest: (number | null)[] = [...slots];
      const held = new Set(rest.filter((copy) => copy !== null));
      let writes = 0;
      for (let next = repairNext(rest); next !== null; next = repairNext(rest)) {
        const endangered = rest[next] ?? null;
        const elsewhere = rest.some((copy, other) => other !== next && copy === endangered);
        expect(endangered === null || elsewhere, "the only holder of a copy is never overwritten").toBe(true);
        rest[next] = next;
        writes += 1;
        expect(writes).toBeLessThanOrEqual(4);
      }
      for (const copy of held) expect(rest).toContain(copy);
      expect(new Set(rest).size).toBe(4);
    });
    fc.assert(property, { numRuns: PROPERTY_RUNS * 4 });
  });
});

describe("whatever happens to the copies", () => {
  /** What a disk may do to one slot. */
  const damage = fc.record({
    slot: fc.nat(3),
    kind: fc.constantFrom("flip", "flipCopy", "stale", "misdirected", "zero", "tornHead", "tornTail"),
    bit: fc.nat(8192 * 8 - 1),
    from: fc.nat(3),
  });

  it("two intact copies win over any damage to the others, and nothing else is ever chosen", () => {
    const property = fc.property(
      fc.integer({ min: 2, max: 8 }),
      fc.array(damage, { maxLength: 6 }),
      (sequence, damages) => {
        const current = superblock(String(sequence));
        const older = superblock(String(sequence - 1));
        const copies = copiesOf([0, 1, 2, 3].map(() => String(sequence)).join(" "));
        for (const event of damages) hurt(copies, event, older);
        const result = selectQuorum(TEST_MIN, copies, "open");
        const intact = new Set(
          copies.flatMap(({ header }, slot) => {
            const whole = copies[slot]?.contentEquals(current) === true && copies[slot].checksumValid();
            return whole ? [header.copy < 4 ? header.copy : slot] : [];
          }),
        );
        if (result.kind === "chosen") {
          expect(result.image.contentEquals(current) || result.image.contentEquals(older)).toBe(true);
          if (intact.size >= 2) expect(result.image.header.sequence).toBe(sequence);
        } else {
          expect(intact.size, "copies that differ and are intact").toBeLessThan(2);
          expect(["notFound", "quorumLost"]).toContain(result.fault);
        }
      },
    );
    fc.assert(property, { numRuns: PROPERTY_RUNS });
  });

  function hurt(
    copies: SuperBlockImage[],
    event: { slot: number; kind: string; bit: number; from: number },
    older: SuperBlockImage,
  ): void {
    const target = copies[event.slot] ?? fail();
    const { bytes } = target;
    const before = bytes.slice();
    switch (event.kind) {
      case "flip":
        bytes[event.bit >> 3] = (bytes[event.bit >> 3] ?? 0) ^ (1 << (event.bit & 7));
        break;
      case "flipCopy":
        bytes[32] = (bytes[32] ?? 0) ^ (1 << (event.bit & 7));
        break;
      case "zero":
        bytes.fill(0);
        break;
      case "misdirected":
        bytes.set((copies[event.from] ?? fail()).bytes);
        break;
      default:
        target.copyFrom(older);
        target.header.copy = event.slot;
        if (event.kind === "tornHead") bytes.set(before.subarray(4096), 4096);
        if (event.kind === "tornTail") bytes.set(before.subarray(0, 4096));
    }
  }

  it("arbitrary bytes are judged without an error", () => {
    const copy = fc.oneof(
      fc.constantFrom("1", "2", "2'", "3").map((name) => superblock(name).bytes),
      fc.uint8Array({ minLength: 8192, maxLength: 8192, size: "max" }),
    );
    const edits = fc.array(fc.tuple(fc.nat(3), fc.nat(8191), fc.nat(255)), { maxLength: 8 });
    const property = fc.property(fc.tuple(copy, copy, copy, copy), edits, fc.boolean(), (all, changes, seal) => {
      const copies = all.map((bytes) => new SuperBlockImage(TEST_MIN, bytes.slice()));
      for (const [slot, offset, value] of changes) (copies[slot] ?? fail()).bytes[offset] = value;
      // With its checksum made right, the content itself must be judged.
      if (seal) for (const image of copies) image.header.checksum = image.computeChecksum();
      selectQuorum(TEST_MIN, copies, "open");
    });
    fc.assert(property, { numRuns: PROPERTY_RUNS });
  });
});
