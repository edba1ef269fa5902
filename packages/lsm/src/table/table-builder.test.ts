import { createKernels, LinearMemory, ValueKernels } from "@stagbeetle/kernels";
import { MANIFEST_EMPTY, PRODUCTION } from "@stagbeetle/vsr-protocol";
import { expect, test } from "vitest";

import { StubStore } from "../../test/stub-store.ts";
import { accountingTrees } from "../../test/transfers.ts";
import { ManifestEvent, TableInfoView } from "../manifest/table-info.ts";
import { ManifestLog } from "../manifest-log/manifest-log.ts";
import { ManifestPace } from "../manifest-log/pace.ts";
import { TreeSchema } from "../tree-schema.ts";
import { TableBuilder } from "./table-builder.ts";

const SNAPSHOT = 64;
const TREE_ID = 25;

const hex = (bytes: Uint8Array, begin: number, end: number): string =>
  Buffer.from(bytes.slice(begin, end)).toString("hex");
/** Checksums as the spec prints them: the most significant byte first. */
const checksum = (bytes: Uint8Array, at: number): string =>
  Buffer.from(bytes.slice(at, at + 16).reverse()).toString("hex");

test("a table of two values has the blocks of spec 05 §23.2, and so has the manifest that names it", () => {
  const kernels = createKernels({ memory: new LinearMemory({ sizeBytes: 256 << 20, shared: false }) });
  const { memory } = kernels;
  const store = new StubStore(PRODUCTION, kernels);
  const declaration = accountingTrees(PRODUCTION).find(({ treeId }) => treeId === TREE_ID);
  if (declaration === undefined) throw new Error(`no tree ${TREE_ID}`);
  const schema = new TreeSchema(PRODUCTION, declaration);
  const builder = new TableBuilder(kernels, store);
  builder.prepare(schema, new ValueKernels(kernels, schema.layout));
  memory.view.setBigUint64(builder.roomBegin, 1n, true);
  memory.view.setBigUint64(builder.roomBegin + 8, 2n, true);
  builder.add(2);
  store.reserve(3);

  const value =
    builder
      .finishValueBlock(() => store.acquire(), SNAPSHOT)
      ?.bytes()
      .slice() ?? new Uint8Array(0);
  expect([value.length, hex(value, 256, 272)]).toEqual([272, "01000000000000000200000000000000"]);
  expect(hex(value, 128, 142)).toBe("e0ff000002000000080000001900");
  expect(checksum(value, 32)).toBe("5d722b47bb24383f88f0c109912570d5");
  expect(checksum(value, 0)).toBe("76f0b8741f02c2fccaef3d1473ed9215");

  const built = builder.finishIndexBlock(() => store.acquire(), SNAPSHOT);
  if (built === null) throw new Error("no table was built");
  const index = built.block.bytes().slice();
  expect([index.length, hex(index, 128, 142)]).toEqual([760, "0100000009000000080000001900"]);
  expect(checksum(index, 32)).toBe("86baca1521e0088d0d03a3d6e5c7db5b");
  expect(checksum(index, 0)).toBe("c4fecf9d6ad77dfa5b25a8c00c27d2d2");
  expect(builder.closed).toBe(true);

  const infos = new TableInfoView(memory);
  const info = memory.allocate(128, 16);
  infos.init(info, { ...built.table, snapshotMin: SNAPSHOT, treeId: TREE_ID });
  const log = new ManifestLog({ kernels, store, pace: new ManifestPace(PRODUCTION, 33, 4094) });
  log.open(
    MANIFEST_EMPTY,
    () => undefined,
    () => undefined,
  );
  store.run();
  log.compact(() => log.append(ManifestEvent.insert, 0, info));
  store.run();
  log.compactEnd();
  log.checkpoint(() => undefined);
  store.run();
  expect(hex(memory.bytes, info, info + 128)).toBe(
    `01${"00".repeat(31)}02${"00".repeat(31)}d2d2270cc0a8255bfa7dd76a9dcffec4${"00".repeat(16)}` +
      "02000000000000004000000000000000ffffffffffffffff0200000019004000",
  );
  const manifest = store.blocks.get(3) ?? new Uint8Array(0);
  expect(manifest.length).toBe(384);
  expect(checksum(manifest, 32)).toBe("6e414403983596406247399abc8aac11");
  expect(checksum(manifest, 0)).toBe("7e11e2c0d84bd6b989230cc5997d1cfa");
});

test("an empty table needs no address", () => {
  const kernels = createKernels({ memory: new LinearMemory({ sizeBytes: 256 << 20, shared: false }) });
  const store = new StubStore(PRODUCTION, kernels);
  const [declaration] = accountingTrees(PRODUCTION);
  if (declaration === undefined) throw new Error("there are trees");
  const schema = new TreeSchema(PRODUCTION, declaration);
  const builder = new TableBuilder(kernels, store);
  builder.prepare(schema, new ValueKernels(kernels, schema.layout));
  const never = (): number => {
    throw new Error("no address is needed");
  };
  expect([builder.finishValueBlock(never, SNAPSHOT), builder.finishIndexBlock(never, SNAPSHOT)]).toEqual([null, null]);
  expect([builder.closed, store.lentCount]).toEqual([true, 0]);
});
