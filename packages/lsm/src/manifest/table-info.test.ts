import { propertyRuns } from "@stagbeetle/kernels/testing";
import { LinearMemory, type Pointer } from "@stagbeetle/kernels";
import { recordBytes } from "@stagbeetle/vsr-protocol";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { Keys, tableHex } from "../../test/builders.ts";
import {
  ManifestEvent,
  TABLE_INFO_LAYOUT,
  TABLE_INFO_SIZE_BYTES,
  TableInfo,
  TableInfoPool,
  TableInfoView,
} from "./table-info.ts";

const LEVELS = 7;
const memory = new LinearMemory({ sizeBytes: 1 << 20, shared: false });
const infos = new TableInfoView(memory);
const keys = new Keys(memory);

/** The table of the worked example: two values of tree 25, flushed to level 0 (spec 05 §23.2). */
function exampleTable(): Pointer {
  const checksum = memory.allocate(16, 16);
  memory.bytes.set(Buffer.from("d2d2270cc0a8255bfa7dd76a9dcffec4", "hex"), checksum);
  const table = memory.allocate(TABLE_INFO_SIZE_BYTES, 16);
  infos.init(table, {
    keyMin: keys.of(1),
    keyMax: keys.of(2),
    address: 2,
    snapshotMin: 64,
    valueCount: 2,
    treeId: 25,
  });
  infos.setChecksum(table, checksum);
  infos.setLabel(table, ManifestEvent.insert, 0);
  return table;
}

const EXAMPLE_HEX =
  `01${"00".repeat(31)}02${"00".repeat(31)}d2d2270cc0a8255bfa7dd76a9dcffec4${"00".repeat(16)}` +
  "02000000000000004000000000000000ffffffffffffffff0200000019004000";

describe("a table info", () => {
  test("has the bytes of the worked example", () => {
    expect(tableHex(memory, exampleTable())).toBe(EXAMPLE_HEX);
  });

  test("gets its checksum once, after the rest", () => {
    const table = memory.allocate(TABLE_INFO_SIZE_BYTES, 16);
    infos.init(table, {
      keyMin: keys.of(1),
      keyMax: keys.of(2),
      address: 2,
      snapshotMin: 64,
      valueCount: 2,
      treeId: 25,
    });
    expect(infos.hasChecksum(table)).toBe(false);
    const example = exampleTable();
    infos.setChecksum(table, infos.checksumPointer(example));
    expect([infos.hasChecksum(table), infos.checksum(table)]).toEqual([true, infos.checksum(example)]);
    expect(() => infos.setChecksum(table, infos.checksumPointer(example))).toThrow("table 2 gets two checksums");
  });

  test("reads the same through the view as through the record", () => {
    const table = exampleTable();
    const record = new TableInfo(memory.bytes, table);
    expect(recordBytes(record)).toHaveLength(TABLE_INFO_SIZE_BYTES);
    expect(infos.checksum(table)).toBe(0xc4fecf9d6ad77dfa5b25a8c00c27d2d2n);
    expect(record).toMatchObject({
      checksum: infos.checksum(table),
      address: infos.address(table),
      snapshotMin: infos.snapshotMin(table),
      snapshotMax: 2n ** 64n - 1n,
      valueCount: infos.valueCount(table),
      treeId: infos.treeId(table),
      label: (infos.event(table) << 6) | infos.level(table),
    });
  });

  test("is described as in traces", () => {
    const table = exampleTable();
    expect(infos.describe(table)).toBe(
      "level=0 tree=25 checksum=c4fecf9d6ad77dfa5b25a8c00c27d2d2 address=2 snapshot=64..18446744073709551615",
    );
    infos.setSnapshotMax(table, 79);
    expect(infos.describe(table)).toMatch(/snapshot=64\.\.79$/);
  });

  test("is visible from its first snapshot to its last", () => {
    const table = exampleTable();
    expect([63, 64, 2 ** 52].map((snapshot) => infos.visible(table, snapshot))).toEqual([false, true, true]);
    infos.setSnapshotMax(table, 79);
    expect(infos.isLive(table)).toBe(false);
    expect([63, 64, 79, 80].map((snapshot) => infos.visible(table, snapshot))).toEqual([false, true, true, false]);
  });

  test("is replaced once only, and after it was made", () => {
    const table = exampleTable();
    expect(() => infos.setSnapshotMax(table, 64)).toThrow("ends at 64");
    infos.setSnapshotMax(table, 65);
    expect(() => infos.setSnapshotMax(table, 66)).toThrow("replaced twice");
  });

  test("keeps level and event in one byte", () => {
    const table = exampleTable();
    for (const event of Object.values(ManifestEvent)) {
      for (let level = 0; level < 64; level += 1) {
        infos.setLabel(table, event, level);
        expect([infos.event(table), infos.level(table)]).toEqual([event, level]);
      }
    }
    expect(() => infos.setLabel(table, ManifestEvent.insert, 64)).toThrow("level 64");
  });
});

describe("an entry of a manifest log", () => {
  const invalid: readonly [string, keyof typeof TABLE_INFO_LAYOUT, number, number][] = [
    ["key_max is below key_min", "keyMin", 0, 3],
    ["key_max is below key_min", "keyMin", 31, 1],
    ["checksum_padding is not zero", "checksumPadding", 15, 1],
    ["address is out of range", "address", 0, 0],
    ["address is out of range", "address", 7, 1],
    ["snapshot_min is out of range", "snapshotMin", 0, 0],
    ["snapshot_min is out of range", "snapshotMin", 7, 1],
    ["snapshot_max is out of range", "snapshotMax", 0, 0xfe],
    ["value_count is 0", "valueCount", 0, 0],
    ["tree_id is 0", "treeId", 0, 0],
    ["event is reserved", "label", 0, 0x00],
    ["level is 7", "label", 0, 0x47],
    ["reserved is not zero", "reserved", 0, 1],
  ];

  test.each(invalid)("is refused because %s (%s)", (reason, field, byte, value) => {
    const table = exampleTable();
    expect(infos.invalid(table, LEVELS)).toBeNull();
    memory.bytes[table + TABLE_INFO_LAYOUT[field].offset + byte] = value;
    expect(infos.invalid(table, LEVELS)).toBe(reason);
  });

  test("is refused if it ends before it begins", () => {
    const table = exampleTable();
    memory.bytes.fill(
      0,
      table + TABLE_INFO_LAYOUT.snapshotMax.offset,
      table + TABLE_INFO_LAYOUT.snapshotMax.offset + 8,
    );
    memory.bytes[table + TABLE_INFO_LAYOUT.snapshotMax.offset] = 64;
    expect(infos.invalid(table, LEVELS)).toBe("snapshot_max is not above snapshot_min");
  });

  test("of any bytes is refused or can be read", () => {
    const table = memory.allocate(TABLE_INFO_SIZE_BYTES, 16);
    const bytes = fc.uint8Array({ minLength: TABLE_INFO_SIZE_BYTES, maxLength: TABLE_INFO_SIZE_BYTES });
    // Mostly near a valid entry, so that the later checks are reached.
    const nearValid = fc
      .array(fc.tuple(fc.nat(TABLE_INFO_SIZE_BYTES - 1), fc.nat(255)), { maxLength: 3 })
      .map((changes) => {
        const near = Uint8Array.from(Buffer.from(EXAMPLE_HEX, "hex"));
        for (const [at, value] of changes) near[at] = value;
        return near;
      });
    fc.assert(
      fc.property(fc.oneof(bytes, nearValid), (candidate) => {
        memory.bytes.set(candidate, table);
        if (infos.invalid(table, LEVELS) !== null) return;
        expect(infos.address(table)).toBeGreaterThan(0);
        expect(infos.isLive(table) || infos.snapshotMax(table) > infos.snapshotMin(table)).toBe(true);
        expect(infos.level(table)).toBeLessThan(LEVELS);
        expect(Object.values(ManifestEvent)).toContain(infos.event(table));
      }),
      { numRuns: propertyRuns(300) },
    );
  });
});

describe("the pool of table infos", () => {
  test("lends each info to one owner at a time", () => {
    const pool = new TableInfoPool(memory, 3);
    const [a, b, c] = [pool.allocate(), pool.allocate(), pool.allocate()];
    expect(new Set([a, b, c]).size).toBe(3);
    pool.free(b);
    pool.free(a);
    expect(new Set([pool.allocate(), pool.allocate()])).toEqual(new Set([a, b]));
    expect(pool.usedCount).toBe(3);
  });

  test("ends the process when it is exhausted, with the option that helps", () => {
    const pool = new TableInfoPool(memory, 1);
    pool.allocate();
    expect(() => pool.allocate()).toThrow("--memory-lsm-manifest");
    pool.reset();
    expect(pool.allocate()).toBeGreaterThan(0);
  });

  test("takes only its own infos back", () => {
    const pool = new TableInfoPool(memory, 2);
    const table = pool.allocate();
    expect(() => pool.free(table + TABLE_INFO_SIZE_BYTES)).toThrow("no table info");
    expect(() => pool.free(table + 1)).toThrow("no table info");
  });
});
