import { createKernels, LinearMemory, ValueKernels } from "@stagbeetle/kernels";
import { PRODUCTION } from "@stagbeetle/vsr-protocol";
import { expect, test } from "vitest";

import { emptyImage, MemoryStore } from "../../test/memory-store.ts";
import { accountingTrees } from "../../test/transfers.ts";
import { TreeSchema } from "../tree-schema.ts";
import { TableBuilder } from "./table-builder.ts";

const SNAPSHOT = 64;
const BLOCKS_MAX = 2;
const TREE_ID = 25;

const hex = (bytes: Uint8Array, begin: number, end: number): string =>
  Buffer.from(bytes.slice(begin, end)).toString("hex");
/** Checksums as the spec prints them: the most significant byte first. */
const checksum = (bytes: Uint8Array, at: number): string =>
  Buffer.from(bytes.slice(at, at + 16).reverse()).toString("hex");

test("a table of two values has the blocks of spec 05 §23.2", () => {
  const kernels = createKernels({ memory: new LinearMemory({ sizeBytes: 4 << 20, shared: false }) });
  const { memory } = kernels;
  const store = new MemoryStore({ config: PRODUCTION, kernels, blocksMax: BLOCKS_MAX }, emptyImage());
  const declaration = accountingTrees(PRODUCTION).find(({ treeId }) => treeId === TREE_ID);
  if (declaration === undefined) throw new Error(`no tree ${TREE_ID}`);
  const schema = new TreeSchema(PRODUCTION, declaration);
  const builder = new TableBuilder(kernels, store);
  builder.prepare(schema, new ValueKernels(kernels, schema.layout));
  memory.view.setBigUint64(builder.roomBegin, 1n, true);
  memory.view.setBigUint64(builder.roomBegin + 8, 2n, true);
  builder.add(2);
  const reservation = store.reserve(2);

  const builtValues = builder.finishValueBlock(() => store.acquire(reservation), SNAPSHOT);
  if (builtValues === null) throw new Error("no value block was built");
  store.sealBlockNow(builtValues.block, builtValues.sizeBytes);
  const value = builtValues.block.bytes().slice();
  expect([value.length, hex(value, 256, 272)]).toEqual([272, "01000000000000000200000000000000"]);
  expect(hex(value, 128, 142)).toBe("e0ff000002000000080000001900");
  expect(checksum(value, 32)).toBe("5d722b47bb24383f88f0c109912570d5");
  expect(checksum(value, 0)).toBe("76f0b8741f02c2fccaef3d1473ed9215");

  const built = builder.finishIndexBlock(() => store.acquire(reservation), SNAPSHOT);
  if (built === null) throw new Error("no table was built");
  expect(built.index.complete).toBe(false);
  builtValues.index.addChecksum(builtValues.number, builtValues.block);
  expect(built.index.complete).toBe(true);
  store.sealBlockNow(built.index.block, schema.indexBlockSizeBytes);
  const index = built.index.block.bytes().slice();
  expect([index.length, hex(index, 128, 142)]).toEqual([760, "0100000009000000080000001900"]);
  expect(checksum(index, 32)).toBe("86baca1521e0088d0d03a3d6e5c7db5b");
  expect(checksum(index, 0)).toBe("c4fecf9d6ad77dfa5b25a8c00c27d2d2");
  expect(builder.closed).toBe(true);
});

test("an empty table needs no address", () => {
  const kernels = createKernels({ memory: new LinearMemory({ sizeBytes: 4 << 20, shared: false }) });
  const store = new MemoryStore({ config: PRODUCTION, kernels, blocksMax: BLOCKS_MAX }, emptyImage());
  const [declaration] = accountingTrees(PRODUCTION);
  if (declaration === undefined) throw new Error("there are trees");
  const schema = new TreeSchema(PRODUCTION, declaration);
  const builder = new TableBuilder(kernels, store);
  builder.prepare(schema, new ValueKernels(kernels, schema.layout));
  const never = (): number => {
    throw new Error("no address is needed");
  };
  expect([builder.finishValueBlock(never, SNAPSHOT), builder.finishIndexBlock(never, SNAPSHOT)]).toEqual([null, null]);
  expect([builder.closed, store.available]).toEqual([true, BLOCKS_MAX]);
});
