import { AOF_MAGIC_NUMBER, AOF_MAGIC_SIZE_BYTES, MemoryFile } from "@stagbeetle/aof";
import { AccountingOperation } from "@stagbeetle/state-machine";
import {
  Checksums,
  Command,
  HEADER_SIZE_BYTES,
  initHeader,
  PrepareHeader,
  releaseOf,
  rootPrepareChecksum,
  writeU128,
} from "@stagbeetle/vsr-protocol";
import { expect, test } from "vitest";

import { digestOf } from "./acknowledged.ts";
import { assertMerged } from "./recorded.ts";

const CLUSTER = 0n;
const OPERATION = AccountingOperation.create_transfers;
const checksums = new Checksums();

const timestampOf = (op: number): bigint => BigInt(op) * 1000n;
const bodyOf = (op: number): Uint8Array => new Uint8Array(128).fill(op);

/** The entries of ops 1 to `count`. */
function log(count: number): readonly Uint8Array[] {
  let parent = rootPrepareChecksum(CLUSTER);
  return Array.from({ length: count }, (_, index) => {
    const op = index + 1;
    const body = bodyOf(op);
    const entry = new Uint8Array(AOF_MAGIC_SIZE_BYTES + HEADER_SIZE_BYTES + body.length);
    writeU128(new DataView(entry.buffer), 0, AOF_MAGIC_NUMBER);
    entry.set(body, AOF_MAGIC_SIZE_BYTES + HEADER_SIZE_BYTES);
    const header = new PrepareHeader(entry, AOF_MAGIC_SIZE_BYTES);
    initHeader(header, Command.prepare, CLUSTER);
    const size = HEADER_SIZE_BYTES + body.length;
    Object.assign(header, { size, view: 1, release: releaseOf(0, 17, 9), parent, op, request: op });
    Object.assign(header, { operation: OPERATION, client: 1n, timestamp: timestampOf(op), commit: op - 1 });
    checksums.setBody(header, body);
    checksums.set(header);
    parent = header.checksum;
    return entry;
  });
}

const fileOf = (...entries: readonly Uint8Array[]): MemoryFile => new MemoryFile({ bytes: Buffer.concat(entries) });

/** What was acknowledged if these ops were. */
function acknowledged(...ops: readonly number[]): ReadonlyMap<bigint, string> {
  return new Map(ops.map((op) => [timestampOf(op), digestOf(OPERATION, bodyOf(op))]));
}

const [one, two, three, four] = log(4) as [Uint8Array, Uint8Array, Uint8Array, Uint8Array];
const torn = one.subarray(0, 100);

test("files with repeats, a torn end in the middle, and gaps hold together what was acknowledged", () => {
  const files = [fileOf(one, two, torn, two, three), fileOf(one, four)];
  expect(assertMerged(files, acknowledged(2, 4))).toBe(4);
});

test("an acknowledged request that no file has is missed", () => {
  expect(() => assertMerged([fileOf(one, two), fileOf(one)], acknowledged(1, 3))).toThrow(
    "1 acknowledged requests are in no append-only file, the first of 3000",
  );
});

test("a gap that no other file fills, and a log that begins too late, are found", () => {
  expect(() => assertMerged([fileOf(one, three)], acknowledged(1))).toThrow("the append-only files are no log");
  expect(() => assertMerged([fileOf(two, three)], acknowledged(2))).toThrow("begin with op 2");
});

test("another request at the time of an acknowledged one is found", () => {
  const other = new Map([[timestampOf(2), digestOf(OPERATION, bodyOf(3))]]);
  expect(() => assertMerged([fileOf(one, two)], other)).toThrow("op 2 of 2000 is not what was acknowledged");
});
