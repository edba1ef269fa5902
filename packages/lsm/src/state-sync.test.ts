import { IndexMetadata, indexValueBlock } from "@stagbeetle/grid";
import { BlockHeader, type BlockReference, BlockRequest, TEST_MIN } from "@stagbeetle/vsr-protocol";
import { describe, expect, test } from "vitest";
import { TestForest } from "../test/test-forest.ts";
import { checkpointLine } from "../test/trace.ts";
import { runVector, vectorA } from "../test/vectors.ts";
import { ForestTables } from "./forest-tour.ts";

const REQUEST_MAX = TEST_MIN.process.gridRepairRequestMax;

function opened(opMax: number, replicaCount = 3): TestForest {
  const subject = new TestForest({ config: TEST_MIN, replicaCount });
  runVector(vectorA, subject, opMax);
  return subject;
}

/** Sends to `to` what it asks for and `from` has. False if it asks for nothing. */
function exchange(from: TestForest, to: TestForest): boolean {
  const body = new Uint8Array(REQUEST_MAX * BlockRequest.sizeBytes);
  const count = to.grid.nextBatchOfBlockRequests(body, () => true);
  for (let index = 0; index < count; index += 1) {
    const request = new BlockRequest(body, index * BlockRequest.sizeBytes);
    const reference = { address: request.blockAddress, checksum: request.blockChecksum };
    let message: Uint8Array | null = null;
    from.grid.readBlockForReplica(reference, (bytes) => (message = bytes?.slice() ?? null));
    from.storage.run();
    if (message !== null) to.grid.receiveBlock(message);
  }
  return count > 0;
}

/** All blocks that a forest's tables consist of. */
function tableBlocks(subject: TestForest): BlockReference[] {
  const blocks: BlockReference[] = [];
  const tables = new ForestTables(subject.forest, subject.kernels.memory);
  for (let table = tables.next(); table !== null; table = tables.next()) {
    const bytes = blockOnDisk(subject, table.index.address);
    const index = new BlockHeader(bytes);
    const { valueBlockCount } = new IndexMetadata(bytes, BlockHeader.layout.metadataBytes.offset);
    blocks.push(table.index, ...Array.from({ length: valueBlockCount }, (_, at) => indexValueBlock(index, at)));
  }
  return blocks;
}

function blockOnDisk({ storage, config }: TestForest, address: number): Uint8Array {
  const { blockSize } = config.cluster;
  return storage.bytes((address - 1) * blockSize, blockSize);
}

describe("a forest that is replaced by a newer checkpoint of another replica", () => {
  const HERE = 43;
  const THERE = 183;

  /** A replica that lags, and has taken over the checkpoint of another one. Nothing of it is on its disk. */
  function synced(): { readonly from: TestForest; readonly to: TestForest; readonly exchanges: () => number } {
    const from = opened(THERE);
    const to = opened(HERE);
    let exchanges = 0;
    to.onIdle = () => {
      exchanges += 1;
      return exchange(from, to);
    };
    to.takeCheckpoint(from);
    return { from, to, exchanges: () => exchanges };
  }

  test("opens while its blocks come from the other, however far it had come itself", () => {
    const { from, to } = synced();
    expect(to.forest.state).toBe("open");
    expect(to.forest.manifestReferences()).toEqual(from.forest.manifestReferences());
    to.forest.assertTablesLogged();
  });

  test("has every block on disk once its tables were fetched, a few at a time", () => {
    const { from, to } = synced();
    const tables = new ForestTables(to.forest, to.kernels.memory);
    let done = 0;
    let more = true;
    while (more || to.grid.tablesMissing > 0) {
      while (to.grid.reclaimTable() !== null) done += 1;
      while (more && to.grid.tablesAvailable > 0) {
        const table = tables.next();
        if (table === null) more = false;
        else to.grid.fetchTable(table.index);
      }
      exchange(from, to);
      to.storage.run();
    }
    const blocks = tableBlocks(from);
    expect(done).toBeGreaterThan(20);
    expect(blocks.length).toBeGreaterThan(done);
    expect(tableBlocks(to)).toEqual(blocks);
    for (const { address } of blocks) expect(blockOnDisk(to, address)).toEqual(blockOnDisk(from, address));
  });

  test("goes on with the same ops to the same checkpoints, reading from others what it does not have yet", () => {
    const { to, exchanges } = synced();
    const before = exchanges();
    const another = new TestForest({ config: TEST_MIN });
    const expected = runVector(vectorA, another, THERE + 20).map(checkpointLine);
    // Ops are replayed from the checkpoint on; the bar behind it is in it already.
    const actual = runVector(vectorA, to, THERE + 20).map(checkpointLine);
    expect(actual).toEqual(expected.slice(-1));
    expect(exchanges()).toBeGreaterThan(before);
  });
});
