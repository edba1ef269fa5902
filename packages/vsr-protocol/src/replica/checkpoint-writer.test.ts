import { assert } from "@stagbeetle/kernels";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { prepareHeader, PROPERTY_RUNS } from "../../test/builders.ts";
import { RELEASE_NOW, Solo, type TestClient, TestTime } from "../../test/solo.ts";
import { windowAt } from "../../test/windows.ts";
import type { ManifestReferences, TrailerReference } from "../block-reference.ts";
import { TEST_MIN } from "../config/test-min.ts";
import type { CheckpointUpdate } from "../superblock/update.ts";
import { clientSessionsTrailer } from "../superblock/vsr-state.ts";
import { CheckpointWriter } from "./checkpoint-writer.ts";
import { LogPosition } from "./log-position.ts";
import { ReplicaTimings } from "./timings.ts";

/** The first checkpoint of `test_min` is that of op 19, triggered by op 23. */
const CHECKPOINT = 19;
const TRIGGER = 23;

const trailer = (address: number): TrailerReference => ({
  lastBlock: { address, checksum: BigInt(address) },
  size: 8,
  checksum: 1n,
});

const MANIFEST: ManifestReferences = {
  oldest: { address: 1, checksum: 1n },
  newest: { address: 2, checksum: 2n },
  blockCount: 2,
};

/** A writer among parts that complete when the test says so. */
class Stage {
  readonly calls: string[] = [];
  readonly completions = new Map<string, () => void>();
  readonly time = new TestTime();
  readonly timings = new ReplicaTimings(this.time);
  readonly writer: CheckpointWriter;
  update: CheckpointUpdate | null = null;

  constructor(options: { readonly aof: boolean }) {
    const log = new LogPosition(TEST_MIN.cluster.pipelinePrepareQueueMax);
    log.recover({ op: TRIGGER, commitMin: TRIGGER, commitMax: TRIGGER });
    const checkpointable = (part: string) => ({ checkpoint: (callback: () => void) => this.#begin(part, callback) });
    this.writer = new CheckpointWriter({
      viewAttributes: () => null,
      syncComplete: () => false,
      checkpointRelease: () => RELEASE_NOW,
      log,
      window: windowAt(TEST_MIN, () => 0),
      journal: { headerWithOp: (op: number) => prepareHeader({ op }) },
      superblock: {
        working: { vsrState: { syncOpMin: 0, syncOpMax: 0 } },
        checkpoint: (update: CheckpointUpdate, callback: () => void) => {
          this.update = update;
          this.#begin("superblock", callback);
        },
      },
      stateMachine: { ...checkpointable("state machine"), checkpointReferences: () => MANIFEST },
      sessions: { encodeSizeBytes: 16, encode: (target: Uint8Array) => this.calls.push(`encode ${target.length}`) },
      clientReplies: checkpointable("replies"),
      timings: this.timings,
      aof: options.aof ? checkpointable("aof") : null,
      store: {
        grid: {
          ...checkpointable("grid"),
          checkpointIsDurable: true,
          storageSize: 12_345,
          freeSetBlocksAcquired: trailer(4),
          freeSetBlocksReleased: trailer(5),
          markCheckpointNotDurable: () => this.calls.push("not durable"),
          release: (addresses: readonly number[]) => this.calls.push(`release ${addresses.join(" ")}`),
          checkpointDurable: (callback: () => void) => this.#begin("durable", callback),
        },
        clientSessions: {
          buffer: new Uint8Array(32),
          addresses: [3],
          reference: trailer(3),
          checkpoint: (size: number, callback: () => void) => this.#begin(`sessions of ${size}`, callback),
        },
      },
    });
  }

  complete(part: string): void {
    const completion = this.completions.get(part);
    assert(completion !== undefined, () => `${part} has not begun`);
    this.completions.delete(part);
    completion();
  }

  #begin(part: string, callback: () => void): void {
    this.calls.push(part);
    this.completions.set(part, callback);
  }
}

describe("a checkpoint", () => {
  test("is begun in the order of spec 04 §22, the free set last", () => {
    const stage = new Stage({ aof: true });
    stage.writer.writeData(() => undefined);
    expect(stage.calls).toEqual(["encode 16", "aof", "state machine", "sessions of 16", "replies", "grid"]);
  });

  test("says how long the AOF took", () => {
    const stage = new Stage({ aof: true });
    stage.writer.writeData(() => undefined);
    stage.time.advance(9n);
    stage.complete("aof");
    stage.time.advance(1n);
    for (const part of stage.completions.keys()) stage.complete(part);
    expect(stage.timings.summaries()).toEqual([
      { name: "replica_aof_checkpoint", of: null, minNs: 9, maxNs: 9, sumNs: 9, count: 1 },
    ]);
  });

  test("needs no AOF", () => {
    const stage = new Stage({ aof: false });
    let done = false;
    stage.writer.writeData(() => (done = true));
    expect(stage.calls).toEqual(["encode 16", "state machine", "sessions of 16", "replies", "grid"]);
    for (const part of stage.completions.keys()) stage.complete(part);
    expect(done).toBe(true);
  });

  test("is done when all parts are, in whatever order they complete", () => {
    const parts = ["aof", "state machine", "sessions of 16", "replies", "grid"];
    const property = fc.property(fc.shuffledSubarray(parts, { minLength: parts.length }), (order) => {
      const stage = new Stage({ aof: true });
      let done = 0;
      stage.writer.writeData(() => (done += 1));
      for (const part of order) {
        expect(done).toBe(0);
        stage.complete(part);
      }
      expect(done).toBe(1);
    });
    fc.assert(property, { numRuns: PROPERTY_RUNS });
  });

  test("is referred to by the superblock with all that it consists of, but not with the view", () => {
    const stage = new Stage({ aof: false });
    stage.writer.writeData(() => undefined);
    for (const part of stage.completions.keys()) stage.complete(part);
    stage.writer.writeSuperBlock(() => undefined);
    expect(stage.update?.header.op).toBe(CHECKPOINT);
    expect({ ...stage.update, header: null }).toEqual({
      header: null,
      viewAttributes: null,
      commitMax: TRIGGER,
      syncOpMin: 0,
      syncOpMax: 0,
      manifest: MANIFEST,
      freeSetBlocksAcquired: trailer(4),
      freeSetBlocksReleased: trailer(5),
      clientSessions: trailer(3),
      storageSize: 12_345,
      release: RELEASE_NOW,
    });
  });

  test("releases its trailers only once the superblock is durable, and after the free set knows of the checkpoint", () => {
    const stage = new Stage({ aof: false });
    stage.writer.writeData(() => undefined);
    for (const part of stage.completions.keys()) stage.complete(part);
    stage.calls.length = 0;
    stage.writer.writeSuperBlock(() => stage.calls.push("done"));
    expect(stage.calls).toEqual(["superblock"]);
    stage.complete("superblock");
    expect(stage.calls).toEqual(["superblock", "not durable", "release 3", "done"]);
  });

  test("is not referred to before it is whole, nor begun twice", () => {
    const stage = new Stage({ aof: false });
    stage.writer.writeData(() => undefined);
    expect(() => stage.writer.writeSuperBlock(() => undefined)).toThrow("whole before it is referred to");
    expect(() => stage.writer.writeData(() => undefined)).toThrow("one checkpoint at a time");
  });
});

describe("a replica", () => {
  function runTo(solo: Solo, client: TestClient, op: number): void {
    while (solo.replica.state.op < op) client.add(1);
  }

  test("writes its checkpoint at the trigger, with the addresses that follow from the order", () => {
    const solo = Solo.serving({ checkpoints: true });
    const client = solo.registered(1n);
    runTo(solo, client, TRIGGER - 1);
    solo.checkpointCalls.length = 0;
    client.add(1);
    expect(solo.checkpointCalls).toEqual([
      // The last beat of the bar, then the manifest, the client sessions and the free set: nothing of it is released yet.
      "acquire 6",
      "release 5",
      "aof checkpoint",
      "acquire 7",
      "acquire 8",
      "grid checkpoint",
      "acquire 9",
      "acquire 10",
      "grid not durable",
      "release 9",
      "release 10",
      "release 8",
    ]);
  });

  test("has in its superblock what a restart needs", () => {
    const solo = Solo.serving({ checkpoints: true });
    const client = solo.registered(1n);
    const { working } = solo.superblock;
    const rootId = working.checkpointId();
    runTo(solo, client, TRIGGER);
    const { checkpoint, checkpointHeader, vsrState } = working;
    expect(checkpointHeader.checksum).toBe(solo.journal.headerWithOp(CHECKPOINT)?.checksum);
    expect(checkpoint.parentCheckpointId).toBe(rootId);
    expect(checkpoint.release).toBe(RELEASE_NOW);
    expect(checkpoint.manifestBlockCount).toBe(1);
    expect(checkpoint.storageSize).toBe(solo.grid?.storageSize);
    expect(clientSessionsTrailer(checkpoint).size).toBe(TEST_MIN.cluster.clientsMax * 264);
    expect(vsrState).toMatchObject({ commitMax: TRIGGER, syncOpMin: 0, syncOpMax: 0, view: 1, logView: 1 });
  });

  test("uses released blocks again, so that the file stops growing", () => {
    const solo = Solo.serving({ checkpoints: true });
    const client = solo.registered(1n);
    const sizes: number[] = [];
    for (let op = TRIGGER; op < TRIGGER + 8 * 20; op += 20) {
      runTo(solo, client, op);
      sizes.push(solo.superblock.working.checkpoint.storageSize);
    }
    expect(Math.max(...sizes.slice(3))).toBeLessThanOrEqual(Math.max(...sizes.slice(0, 3)));
  });

  test("never prepares beyond what its checkpoint lets the log forget", () => {
    const solo = Solo.serving({ checkpoints: true });
    const clients = [1n, 2n, 3n, 4n, 5n, 6n, 7n].map((id) => solo.registered(id));
    let ahead = 0;
    const window = windowAt(TEST_MIN, () => solo.replica.state.opCheckpoint);
    for (let round = 0; round < 15; round += 1) {
      for (const client of clients) client.send();
      do {
        const { op } = solo.replica.state;
        expect(op).toBeLessThanOrEqual(window.opCheckpointNextTrigger + TEST_MIN.cluster.pipelinePrepareQueueMax);
        ahead = Math.max(ahead, op - window.opCheckpointNextTrigger);
      } while (solo.storage.step());
      for (const client of clients) client.take();
    }
    // Prepares behind the trigger are in the log while the checkpoint is written.
    expect(ahead).toBeGreaterThan(0);
  });
});
