import { LinearMemory } from "@stagbeetle/kernels";
import { type LogFields, type Logger, type LogLevel, MessagePool, TEST_MIN } from "@stagbeetle/vsr-protocol";
import { beforeEach, describe, expect, test } from "vitest";
import { chainOf, fileOf, messageOf } from "../test/log.ts";
import { AOF } from "./aof.ts";
import { MemoryFile } from "./memory-file.ts";

const SLOTS = TEST_MIN.cluster.journalSlotCount;

let pool: MessagePool;
let file: MemoryFile;
let ticked: (() => void)[];
let lines: [LogLevel, string, LogFields | undefined][];
let aof: AOF;

beforeEach(() => {
  const memory = new LinearMemory({ sizeBytes: 2 ** 20, shared: false });
  pool = new MessagePool({ memory, messageSizeMax: TEST_MIN.cluster.messageSizeMax, messagesMax: 1 });
  ticked = [];
  lines = [];
  file = new MemoryFile({ path: "x.aof", nextTick: (callback) => ticked.push(callback) });
  const logger: Logger = { enabled: () => true, log: (...line) => lines.push([line[0], line[1], line[2]]) };
  aof = new AOF({ config: TEST_MIN, file, logger });
});

function write(...prepares: readonly Uint8Array[]): void {
  for (const prepare of prepares) {
    const message = messageOf(pool, prepare);
    aof.write(message);
    message.release();
  }
}

function tick(): void {
  for (const callback of ticked.splice(0)) callback();
}

/** A checkpoint from beginning to end. */
function checkpoint(): void {
  let done = 0;
  aof.checkpoint(() => (done += 1));
  expect(done).toBe(0);
  while (ticked.length > 0) tick();
  expect(done).toBe(1);
}

const errors = (): string[] => lines.filter(([level]) => level === "error").map(([, text]) => text);

describe("writing", () => {
  test("leaves one entry behind the other, at once", () => {
    const prepares = chainOf(3);
    write(...prepares);
    expect(file.bytes).toEqual(fileOf(prepares));
  });

  test("says where a chain begins, and is no stricter than that", () => {
    const [one = new Uint8Array(), two = new Uint8Array(), three = new Uint8Array()] = chainOf(3);
    write(one, two, one, three);
    expect(lines.map(([level, , fields]) => [level, fields?.["op"]])).toEqual([
      ["info", 1],
      ["info", 1],
      ["info", 3],
    ]);
    expect(file.bytes).toEqual(fileOf([one, two, one, three]));
  });

  test("never has more that is not synced than the write-ahead log has slots", () => {
    write(...chainOf(SLOTS));
    expect(aof.unflushed).toBe(SLOTS);
    expect(() => write(...chainOf(1))).toThrow(`${SLOTS} appends without a checkpoint`);
  });

  test("is for prepares only", () => {
    const message = messageOf(pool, chainOf(1)[0] ?? new Uint8Array());
    message.header.command = 8;
    expect(() => aof.write(message)).toThrow("command 8 is appended");
  });
});

describe("a checkpoint", () => {
  test("makes everything durable before it calls back, and later appends count anew", () => {
    write(...chainOf(4));
    expect(file.syncedSizeBytes).toBe(0);
    let syncedSizeBytes = 0;
    aof.checkpoint(() => (syncedSizeBytes = file.syncedSizeBytes));
    expect(aof.state).toBe("syncing");
    tick();
    expect([syncedSizeBytes, aof.state, aof.unflushed]).toEqual([file.sizeBytes, "writing", 0]);
  });

  test("can be had of an empty file, and after as many appends as there may be", () => {
    checkpoint();
    write(...chainOf(SLOTS));
    checkpoint();
    write(...chainOf(SLOTS));
    checkpoint();
  });

  test("stands in the way of appends and of another one", () => {
    aof.checkpoint(() => undefined);
    expect(() => write(...chainOf(1))).toThrow("an append while syncing");
    expect(() => aof.checkpoint(() => undefined)).toThrow("a checkpoint while syncing");
  });

  test("begins a new file where the old one was moved away", () => {
    const prepares = chainOf(4);
    write(...prepares.slice(0, 2));
    file.setPathTarget("nothing");
    write(...prepares.slice(2, 3));
    checkpoint();
    write(...prepares.slice(3));
    expect(file.left).toEqual([fileOf(prepares.slice(0, 3))]);
    expect(file.bytes).toEqual(fileOf(prepares.slice(3)));
    expect(errors()).toEqual([]);
  });

  test("says so where the path leads to another file, and goes on with the one that it has", () => {
    write(...chainOf(1));
    file.setPathTarget("another");
    checkpoint();
    expect(errors()).toEqual([
      "x.aof: the path leads to another file than the one that is written",
      "x.aof: move that other file away, so that it can be made anew",
    ]);
    write(...chainOf(1));
    expect(file.left).toEqual([]);
  });

  test("warns where nobody can tell where the path leads", () => {
    file.setPathTarget("unknown");
    checkpoint();
    expect(lines.map(([level]) => level)).toEqual(["warn"]);
  });
});

test("state sync forgets what was not synced, without a sync", () => {
  write(...chainOf(5));
  aof.stateSynced();
  expect([aof.unflushed, file.syncedSizeBytes]).toEqual([0, 0]);
});

test.each([["syncing"], ["recreating"]])("a reset while %s leaves nothing under way", (state) => {
  if (state === "recreating") file.setPathTarget("nothing");
  aof.checkpoint(() => expect.unreachable("it was reset"));
  if (state === "recreating") tick();
  expect(aof.state).toBe(state);
  aof.reset();
  tick();
  expect([aof.state, aof.unflushed]).toEqual(["writing", 0]);
  checkpoint();
});

test("an iterator reads what a writer has written", () => {
  write(...chainOf(2));
  const iterator = AOF.iterator({ config: TEST_MIN, file });
  expect([iterator.next().kind, iterator.next().kind, iterator.next().kind]).toEqual(["entry", "entry", "end"]);
});
