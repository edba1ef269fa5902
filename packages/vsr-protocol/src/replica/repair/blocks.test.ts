import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { PROPERTY_RUNS } from "../../../test/builders.ts";
import { build } from "../../../test/messages.ts";
import { RepairBench, type RepairBenchOptions } from "../../../test/repair-bench.ts";
import type { BlockReference } from "../../block-reference.ts";
import { BLOCK_REQUEST_SIZE_BYTES, BlockRequest } from "../../body/block-request.ts";
import { Command } from "../../command.ts";
import { BlockHeader } from "../../message/block.ts";
import { HEADER_SIZE_BYTES } from "../../message/frame.ts";
import { GetBlocksHeader } from "../../message/get-blocks.ts";
import { Timeout } from "../../timeout.ts";
import { BlockBudget } from "./block-budget.ts";
import { GridRepair } from "./blocks.ts";

const block = (address: number): BlockReference => ({ address, checksum: BigInt(address) });

function blockBytes(address: number, release: number): Uint8Array {
  const fields = { command: Command.block, release, address, blockType: 5, snapshot: 1 };
  return build(BlockHeader, fields, new Uint8Array(64).fill(address));
}

/** The last address of the grid: those beyond it are answered without a read. */
const ADDRESS_MAX = 1000;

/** A grid that wants some blocks and has others. */
class TestGrid {
  cancelling = false;
  repairWritesAvailable = 1;
  wanted: BlockReference[] = [];
  readonly has = new Map<number, Uint8Array>();
  readonly received: number[] = [];
  readonly reads: { readonly address: number; readonly complete: () => void }[] = [];
  onWritten: () => void = () => undefined;
  readonly #readsMax: number;

  constructor(readsMax: number) {
    this.#readsMax = readsMax;
  }

  get repairReadsAvailable(): number {
    return this.#readsMax - this.reads.filter(({ address }) => address <= ADDRESS_MAX).length;
  }

  onRepairWritten(listener: () => void): void {
    this.onWritten = listener;
  }

  nextBatchOfBlockRequests(body: Uint8Array, accept: (address: number, checksum: bigint) => boolean): number {
    let count = 0;
    for (const { address, checksum } of this.wanted) {
      if (count * BLOCK_REQUEST_SIZE_BYTES === body.length) break;
      if (!accept(address, checksum)) continue;
      const request = new BlockRequest(body, count * BLOCK_REQUEST_SIZE_BYTES);
      request.blockAddress = address;
      request.blockChecksum = checksum;
      count += 1;
    }
    return count;
  }

  receiveBlock(bytes: Uint8Array): boolean {
    const { address } = new BlockHeader(bytes);
    const at = this.wanted.findIndex((wanted) => wanted.address === address);
    if (at < 0) return false;
    this.wanted.splice(at, 1);
    this.received.push(address);
    return true;
  }

  readBlockForReplica({ address }: BlockReference, callback: (bytes: Uint8Array | null) => void): void {
    const read = {
      address,
      complete: () => {
        this.reads.splice(this.reads.indexOf(read), 1);
        callback(this.has.get(address) ?? null);
      },
    };
    this.reads.push(read);
  }
}

class Bench {
  readonly node: RepairBench;
  readonly grid: TestGrid;
  readonly budget: BlockBudget;
  readonly repair: GridRepair;
  written = 0;

  constructor(options: RepairBenchOptions = { replica: 0, replicaCount: 2 }) {
    const node = new RepairBench(options);
    const { gridRepairRequestMax: requestMax, gridRepairReadsMax } = node.config.process;
    this.node = node;
    this.grid = new TestGrid(gridRepairReadsMax);
    this.budget = new BlockBudget({ ...node.parts, requestMax });
    this.repair = new GridRepair({
      ...node.parts,
      grid: this.grid,
      budget: this.budget,
      onWritten: () => (this.written += 1),
    });
  }

  /** What was asked for since the last look. */
  asked(): { readonly to: unknown; readonly addresses: number[] }[] {
    return this.node.taken(Command.getBlocks).map(({ to, bytes }) => {
      const body = bytes.subarray(HEADER_SIZE_BYTES);
      const count = body.length / BLOCK_REQUEST_SIZE_BYTES;
      const addresses = Array.from({ length: count }, (_, index) => {
        return new BlockRequest(body, index * BLOCK_REQUEST_SIZE_BYTES).blockAddress;
      });
      return { to, addresses };
    });
  }

  /** Lets a `get_blocks` arrive. */
  ask(blocks: readonly BlockReference[], replica = 1): void {
    const body = new Uint8Array(blocks.length * BLOCK_REQUEST_SIZE_BYTES);
    for (const [index, { address, checksum }] of blocks.entries()) {
      const request = new BlockRequest(body, index * BLOCK_REQUEST_SIZE_BYTES);
      request.blockAddress = address;
      request.blockChecksum = checksum;
    }
    const message = this.node.received(build(GetBlocksHeader, { command: Command.getBlocks, replica }, body));
    this.repair.onGetBlocks(message);
    message.release();
  }

  /** Completes all reads. The addresses of the blocks that were sent. */
  served(): { readonly to: unknown; readonly address: number }[] {
    for (const read of this.grid.reads.slice()) read.complete();
    return this.node.taken(Command.block).map(({ to, bytes }) => ({ to, address: new BlockHeader(bytes).address }));
  }

  /** This replica has a block. */
  store(address: number, release = this.node.release): BlockReference {
    const bytes = blockBytes(address, release);
    this.grid.has.set(address, bytes);
    return { address, checksum: new BlockHeader(bytes).checksum };
  }

  arrive(address: number, release = this.node.release): void {
    const message = this.node.received(blockBytes(address, release));
    this.repair.onBlock(message);
    message.release();
  }
}

describe("blocks that are missing", () => {
  test("are asked of another replica, as many as a message holds", () => {
    const subject = new Bench();
    subject.repair.request();
    expect(subject.asked()).toEqual([]);
    subject.grid.wanted = [1, 2, 3, 4, 5].map(block);
    subject.repair.request();
    expect(subject.asked()).toEqual([{ to: 1, addresses: [1, 2, 3, 4] }]);
    subject.repair.request();
    expect(subject.asked()).toEqual([]);
  });

  test("are not asked of anyone while the grid is being cancelled, or by a replica that is alone", () => {
    const subject = new Bench();
    subject.grid.wanted = [block(1)];
    subject.grid.cancelling = true;
    subject.repair.request();
    const alone = new Bench({ replica: 0, replicaCount: 1 });
    alone.grid.wanted = [block(1)];
    alone.repair.request();
    expect([subject.asked(), alone.asked()]).toEqual([[], []]);
  });

  test("are asked for again when the timeout has fired often enough", () => {
    const subject = new Bench();
    const timeout = new Timeout({
      name: "grid_repair",
      afterTicks: 10,
      random: subject.node.random,
      config: subject.node.config,
    });
    timeout.start();
    subject.grid.wanted = [block(1)];
    subject.repair.onTimeout(timeout);
    expect(subject.asked()).toEqual([{ to: 1, addresses: [1] }]);
    subject.node.time.advance(99_000_000n);
    subject.repair.onTimeout(timeout);
    expect(subject.asked()).toEqual([]);
    subject.node.time.advance(1_000_000n);
    subject.repair.onTimeout(timeout);
    expect(subject.asked()).toEqual([{ to: 1, addresses: [1] }]);
    expect(timeout.fired).toBe(false);
  });
});

describe("a block that comes", () => {
  test("and is wanted makes room for the next request", () => {
    const subject = new Bench();
    subject.grid.wanted = [1, 2, 3, 4, 5, 6].map((address) => ({
      address,
      checksum: new BlockHeader(blockBytes(address, subject.node.release)).checksum,
    }));
    subject.repair.request();
    subject.asked();
    for (const address of [1, 2]) subject.arrive(address);
    expect(subject.asked()).toEqual([]);
    subject.arrive(3);
    expect(subject.asked()).toEqual([{ to: 1, addresses: [5, 6] }]);
    expect(subject.grid.received).toEqual([1, 2, 3]);
  });

  test("and is not wanted is ignored, as is one of a newer release", () => {
    const subject = new Bench();
    subject.arrive(1);
    subject.grid.wanted = [block(2)];
    subject.arrive(2, subject.node.release + 1);
    expect([subject.grid.received, subject.asked()]).toEqual([[], []]);
  });

  test("is ignored while the grid is being cancelled, or could not write it", () => {
    const subject = new Bench();
    subject.grid.wanted = [block(1)];
    subject.grid.cancelling = true;
    subject.arrive(1);
    subject.grid.cancelling = false;
    subject.grid.repairWritesAvailable = 0;
    subject.arrive(1);
    expect(subject.grid.received).toEqual([]);
  });

  test("tells when it is written", () => {
    const subject = new Bench();
    subject.grid.onWritten();
    expect(subject.written).toBe(1);
  });
});

describe("get_blocks", () => {
  test("is answered with the blocks that are here, one message each", () => {
    const subject = new Bench();
    const blocks = [3, 4].map((address) => subject.store(address));
    subject.ask([...blocks, block(5)]);
    expect(subject.node.sent).toEqual([]);
    expect(subject.served()).toEqual([
      { to: 1, address: 3 },
      { to: 1, address: 4 },
    ]);
    expect(subject.node.pool.available).toBe(subject.node.pool.messagesMax);
  });

  test("is answered as far as reads are free, and no block twice at once", () => {
    const subject = new Bench();
    const blocks = [1, 2, 3, 4, 5].map((address) => subject.store(address));
    subject.ask(blocks.slice(0, 1));
    subject.ask(blocks);
    expect(subject.grid.reads.map(({ address }) => address)).toEqual([1, 2, 3, 4]);
    expect(subject.served().length).toBe(4);
    subject.ask(blocks.slice(0, 1));
    expect(subject.served()).toEqual([{ to: 1, address: 1 }]);
  });

  test("for more than can be read at once is cut off, even if nothing of it has to be read", () => {
    const subject = new Bench();
    subject.ask(Array.from({ length: 100 }, (_, index) => block(ADDRESS_MAX + 1 + index)));
    expect(subject.grid.reads.length).toBe(subject.node.config.process.gridRepairReadsMax);
    expect(subject.served()).toEqual([]);
    subject.ask([subject.store(1)]);
    expect(subject.served()).toEqual([{ to: 1, address: 1 }]);
  });

  test("of two replicas for one block is answered to both", () => {
    const subject = new Bench({ replica: 0, replicaCount: 3 });
    const reference = subject.store(1);
    subject.ask([reference], 1);
    subject.ask([reference], 2);
    expect(subject.served().map(({ to }) => to)).toEqual([1, 2]);
  });

  test("is not answered by a standby, to itself, while the grid is being cancelled, or with a block of a newer release", () => {
    const standby = new Bench({ replica: 3, replicaCount: 3 });
    standby.ask([standby.store(1)]);
    const subject = new Bench();
    subject.ask([subject.store(1)], 0);
    subject.ask([subject.store(2, subject.node.release + 1)]);
    subject.grid.cancelling = true;
    subject.ask([subject.store(3)]);
    expect([standby.served(), subject.served()]).toEqual([[], []]);
  });

  test("begins anew after the grid was cancelled", () => {
    const subject = new Bench();
    const reference = subject.store(1);
    subject.ask([reference]);
    subject.grid.reads.length = 0;
    subject.repair.onGridCancelled();
    subject.ask([reference]);
    expect(subject.served()).toEqual([{ to: 1, address: 1 }]);
  });

  test("with anything in it is answered with nothing worse than silence", () => {
    const address = fc.oneof(fc.nat(10), fc.nat(Number.MAX_SAFE_INTEGER));
    const property = fc.property(fc.array(address, { minLength: 1, maxLength: 40 }), (addresses) => {
      const subject = new Bench();
      const known = subject.store(3);
      subject.ask(addresses.map((each) => (each === 3 ? known : block(each))));
      expect(subject.grid.reads.every((read) => read.address > 0)).toBe(true);
      for (const sent of subject.served()) expect(sent).toEqual({ to: 1, address: 3 });
    });
    fc.assert(property, { numRuns: PROPERTY_RUNS });
  });
});
