import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { blankHeader, headerChain, prepareHeader, PROPERTY_RUNS, sealed } from "../test/builders.ts";
import { TEST_MIN } from "./config/test-min.ts";
import { HEADER_SIZE_BYTES } from "./message/frame.ts";
import { PrepareHeader } from "./message/prepare.ts";
import { isBlankPrepare, writeReservedPrepare, writeRootPrepare } from "./message/special-prepares.ts";
import { type ViewChangeSlice, viewForOp, viewHeadersInvalid, viewHeadersKind } from "./view-headers.ts";

const empty = (): PrepareHeader => new PrepareHeader(new Uint8Array(HEADER_SIZE_BYTES));

describe("special prepares", () => {
  const clusterWide = 0x0123456789abcdef0123456789abcdefn;
  it.each([
    [0n, 0x5146b8d0e1f69ca2e6867c42bb8263b7n],
    [clusterWide, 0x24ff0145b684041d0285b5244e406d30n],
  ])("the root of cluster %i has the specified checksum", (cluster, checksum) => {
    const header = empty();
    writeRootPrepare(header, cluster);
    expect(header.checksum).toBe(checksum);
  });

  it.each([
    [0n, 1, 0xc42013de83ebf8430c28922813ba7750n],
    [0n, 31, 0x01c6459a7afc6323bffd89435d84d452n],
    [0n, 1023, 0x10d6e8bf9da0bd8bd0bc8031c3cc8a33n],
    [clusterWide, 1, 0xa04b1b0ce3bf93b0e384310800a56c55n],
  ])("the reserved header of cluster %i, slot %i has the specified checksum", (cluster, slot, checksum) => {
    const header = empty();
    writeReservedPrepare(header, cluster, slot);
    expect(header.checksum).toBe(checksum);
  });

  it("a blank header is known by all of its bytes", () => {
    const header = blankHeader(2 ** 40);
    expect(isBlankPrepare(header)).toBe(true);
    for (let byte = 0; byte < HEADER_SIZE_BYTES; byte++) {
      if (byte >= 224 && byte < 232) continue;
      const bit = header.buffer[byte] ?? 0;
      header.buffer[byte] = bit ^ 1;
      expect(isBlankPrepare(header), `byte ${byte}`).toBe(false);
      header.buffer[byte] = bit;
    }
  });
});

describe("view headers", () => {
  const chain = headerChain(12, 6);
  const replaced = (index: number, header: PrepareHeader): ViewChangeSlice => chain.toSpliced(index, 1, header);
  const changed = (index: number, change: (header: PrepareHeader) => void): ViewChangeSlice => {
    const header = new PrepareHeader((chain[index] ?? empty()).buffer.slice());
    change(header);
    return replaced(index, header);
  };
  const hooks = [...headerChain(20, 16), prepareHeader({ op: 9 }), prepareHeader({ op: 3 })];

  it("are of the kind that the views say", () => {
    expect(viewHeadersKind(1, 2)).toBe("joinView");
    expect(viewHeadersKind(2, 2)).toBe("view");
  });

  it.each([
    ["a full chain", "joinView", chain],
    ["a full chain", "view", chain],
    ["a single header", "joinView", chain.slice(0, 1)],
    ["blanks below the first", "joinView", replaced(1, blankHeader(11))],
    ["blanks that a checkpoint kept", "view", replaced(1, blankHeader(11))],
    [
      "a header that a blank separates from its child",
      "joinView",
      [chain[0], blankHeader(11), prepareHeader({ op: 10 })],
    ],
    ["hooks after the pipeline", "view", hooks],
  ] as const)("%s is valid as %s", (_name, kind, headers) => {
    expect(viewHeadersInvalid(TEST_MIN, kind, headers as ViewChangeSlice)).toBe(null);
  });

  it.each([
    ["no header", "view", [], /none/],
    ["too many", "view", headerChain(13, 6), /at most 7/],
    ["a blank first", "joinView", [blankHeader(5), ...headerChain(4, 3)], /first is blank/],
    ["an op twice", "view", [chain[0], chain[0]], /descend/],
    ["ascending ops", "view", chain.toReversed(), /descend/],
    ["a gap in join_view", "joinView", hooks, /gap/],
    ["a gap within the pipeline", "view", [...headerChain(20, 17), prepareHeader({ op: 9 })], /gap/],
    ["a gap of blanks within the pipeline", "view", [prepareHeader({ op: 9 }), blankHeader(7)], /gap/],
    [
      "a rising view",
      "joinView",
      [prepareHeader({ op: 3, view: 1 }), blankHeader(2), prepareHeader({ op: 1, view: 2 })],
      /view 2 is above 1/,
    ],
    [
      "a timestamp that does not fall",
      "joinView",
      [prepareHeader({ op: 3 }), blankHeader(2), prepareHeader({ op: 1, timestamp: 300n })],
      /timestamp/,
    ],
    ["a broken chain", "joinView", [prepareHeader({ op: 2 }), prepareHeader({ op: 1 })], /chain/],
    ["a damaged header", "view", changed(2, (header) => (header.client = 99n)), /entry 2: checksum/],
    [
      "another command",
      "view",
      changed(2, (header) => {
        header.command = 8;
        sealed(header);
      }),
      /entry 2: command 8/,
    ],
    ["a reserved header", "view", changed(2, (header) => writeReservedPrepare(header, 0n, 10)), /reserved/],
    [
      "a header whose fields contradict each other",
      "view",
      changed(2, (header) => {
        header.commit = header.op;
        sealed(header);
      }),
      /entry 2/,
    ],
    [
      "an op beyond exact numbers",
      "view",
      changed(2, (header) => {
        header.buffer[231] = 0xff;
        sealed(header);
      }),
      /range/,
    ],
  ] as const)("%s is refused", (_name, kind, headers, reason) => {
    expect(viewHeadersInvalid(TEST_MIN, kind, headers as ViewChangeSlice)).toMatch(reason);
  });

  it("of any bytes are judged without an error", () => {
    const entry = fc.oneof(
      fc
        .uint8Array({ minLength: HEADER_SIZE_BYTES, maxLength: HEADER_SIZE_BYTES })
        .map((bytes) => new PrepareHeader(bytes)),
      fc.nat(20).map(blankHeader),
      fc.record({ op: fc.nat(20), view: fc.nat(3) }).map(prepareHeader),
    );
    const property = fc.property(
      fc.array(entry, { maxLength: 9 }),
      fc.constantFrom("joinView", "view"),
      (headers, kind) => {
        const reason = viewHeadersInvalid(TEST_MIN, kind as "joinView" | "view", headers);
        if (reason === null) viewForOp(headers, 5, 10);
      },
    );
    fc.assert(property, { numRuns: PROPERTY_RUNS });
  });
});

describe("the views of an op", () => {
  const headers = [
    prepareHeader({ op: 9, view: 10 }),
    blankHeader(8),
    blankHeader(7),
    prepareHeader({ op: 6, view: 7 }),
    blankHeader(5),
  ];
  it.each([
    [11, 12, 12],
    [10, 12, 12],
    [9, 10, 10],
    [8, 7, 10],
    [7, 7, 10],
    [6, 7, 7],
    [5, 0, 7],
    [0, 0, 7],
  ])("%i are %i to %i", (op, min, max) => {
    expect(viewForOp(headers, op, 12)).toEqual({ min, max });
  });
});
