import { assert } from "@stagbeetle/kernels";
import { describe, expect, test } from "vitest";
import { prepareHeader } from "../../test/builders.ts";
import { RepairBench } from "../../test/repair-bench.ts";
import { windowAt } from "../../test/windows.ts";
import { UPGRADE_REQUEST_SIZE_BYTES, UpgradeRequest } from "../body/upgrade-request.ts";
import { HEADER_SIZE_BYTES } from "../message/frame.ts";
import { PingHeader } from "../message/ping.ts";
import { Operation } from "../operation.ts";
import { Timeout } from "../timeout.ts";
import { Upgrades } from "./upgrade.ts";

/** A primary of three that runs release 10. */
class Bench extends RepairBench {
  bundled: readonly number[] = [10, 20, 30];
  commitMin = 0;
  prepareCount = 1;
  updating = false;
  readonly requested: number[] = [];
  readonly operations = new Map<number, number>();
  readonly subject: Upgrades;

  constructor() {
    super({ replica: 0 });
    this.subject = new Upgrades({
      ...this.parts,
      release: 10,
      releasesBundled: () => this.bundled,
      view: this,
      log: this,
      pipeline: this,
      window: windowAt(this.config, () => this.opCheckpoint),
      journal: { headerWithOp: (op) => prepareHeader({ op, operation: this.operations.get(op) ?? 200 }) },
      ownRequests: {
        send: (operation: number, sizeBytes: number, fill: (body: Uint8Array) => void) =>
          this.#request(operation, sizeBytes, fill),
      },
    });
  }

  ping(replica: number, releases: readonly number[], fields: { checkpointOp?: number; view?: number } = {}): this {
    const header = new PingHeader(new Uint8Array(HEADER_SIZE_BYTES));
    header.replica = replica;
    header.checkpointOp = fields.checkpointOp ?? 0;
    header.view = fields.view ?? 0;
    this.subject.onPing(header, releases);
    return this;
  }

  /** The upgrade timeout fires. Returns the releases that were requested. */
  timeout(): readonly number[] {
    const timeout = new Timeout({ name: "upgrade", afterTicks: 500, random: this.random, config: this.config });
    timeout.start();
    this.requested.length = 0;
    this.subject.onTimeout(timeout);
    return this.requested;
  }

  execute(op: number, release: number): void {
    this.operations.set(op, Operation.upgrade);
    const body = new Uint8Array(UPGRADE_REQUEST_SIZE_BYTES);
    new UpgradeRequest(body).release = release;
    this.subject.onExecute(op, body);
    this.commitMin = op;
  }

  #request(operation: number, sizeBytes: number, fill: (body: Uint8Array) => void): void {
    assert(operation === Operation.upgrade, () => `operation ${operation}`);
    const body = new Uint8Array(sizeBytes);
    fill(body);
    this.requested.push(new UpgradeRequest(body).release);
  }
}

describe("an upgrade begins", () => {
  test("with the highest release that all replicas have", () => {
    expect(new Bench().ping(1, [10, 20, 30]).ping(2, [10, 20]).timeout()).toEqual([20]);
  });

  test("not before every replica was heard of", () => {
    expect(new Bench().ping(1, [10, 20]).timeout()).toEqual([]);
    expect(new Bench().ping(1, [10, 20]).ping(2, [10]).timeout()).toEqual([]);
  });

  test("never with an older release, or one that is not here", () => {
    const bench = new Bench().ping(1, [5, 10, 40]).ping(2, [5, 10, 40]);
    bench.bundled = [5, 10];
    expect(bench.timeout()).toEqual([]);
  });

  test("by what replicas say last, in the order of their checkpoints and views", () => {
    const bench = new Bench().ping(1, [10, 20]).ping(2, [10, 20], { checkpointOp: 19, view: 4 });
    expect(bench.ping(2, [10], { checkpointOp: 0, view: 4 }).timeout()).toEqual([20]);
    expect(bench.ping(2, [10], { checkpointOp: 19, view: 4 }).timeout()).toEqual([]);
  });

  test("not while the view is being made durable", () => {
    const bench = new Bench().ping(1, [10, 20]).ping(2, [10, 20]);
    bench.updating = true;
    expect(bench.timeout()).toEqual([]);
  });
});

describe("from the first upgrade op on", () => {
  test("the cluster moves to that release, and to no other", () => {
    const bench = new Bench();
    bench.execute(3, 20);
    expect(bench.subject.release).toBe(20);
    expect(() => bench.execute(4, 30)).toThrow("upgrades to another release");
    bench.subject.reset();
    expect(bench.subject.release).toBeNull();
  });

  test("the primary had nothing else in its pipeline", () => {
    const bench = new Bench();
    bench.prepareCount = 2;
    expect(() => bench.execute(3, 20)).toThrow("begins an upgrade with 2 prepares");
  });

  test("the log is filled with upgrades up to the checkpoint that is for the new release", () => {
    const bench = new Bench();
    bench.execute(20, 20);
    for (let op = 21; op <= 23; op += 1) {
      bench.requested.length = 0;
      bench.subject.requestNext();
      expect(bench.requested).toEqual([20]);
      expect(bench.subject.checkpointRelease).toBeNull();
      bench.execute(op, 20);
    }
    expect(bench.subject.checkpointRelease).toBe(20);
    bench.requested.length = 0;
    bench.subject.requestNext();
    expect(bench.requested).toEqual([]);
  });

  test("a last bar that has anything else than upgrades keeps the release for one checkpoint more", () => {
    const bench = new Bench();
    for (const op of [21, 22, 23]) bench.execute(op, 20);
    expect(bench.subject.checkpointRelease).toBe(10);
    bench.requested.length = 0;
    bench.subject.requestNext();
    expect(bench.requested).toEqual([20]);
  });

  test("nothing but upgrades may follow", () => {
    const bench = new Bench();
    for (const op of [20, 21]) bench.execute(op, 20);
    bench.commitMin = 23;
    expect(() => bench.subject.checkpointRelease).toThrow("op 22 follows an upgrade");
  });
});

describe("the new release", () => {
  test("replays the upgrades that brought it without effect", () => {
    const bench = new Bench();
    bench.opCheckpoint = 19;
    bench.execute(23, 10);
    expect(bench.subject.release).toBeNull();
  });

  test("is not asked for again after that, nor an older one", () => {
    const bench = new Bench();
    bench.opCheckpoint = 19;
    expect(() => bench.execute(24, 10)).toThrow("upgrades to this release again");
    expect(() => bench.execute(23, 9)).toThrow("is older than this release");
  });
});

test("without an upgrade, the next checkpoint is for the same release", () => {
  const bench = new Bench();
  bench.commitMin = 23;
  expect(bench.subject.checkpointRelease).toBe(10);
});
