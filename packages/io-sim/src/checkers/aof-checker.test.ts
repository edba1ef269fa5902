import { Iterator, MemoryFile } from "@stagbeetle/aof";
import { TEST_MIN } from "@stagbeetle/vsr-protocol";
import { describe, expect, test } from "vitest";

import { Stage } from "../../test/stage.ts";
import { type AOFExpectation, checkAof } from "./aof-checker.ts";

const OPS = 6;

/** A replica that was restarted once without a loss, whose file is then as `change` makes it. */
function check(change: (bytes: Uint8Array) => Uint8Array, expectation: AOFExpectation = "ended"): number {
  const stage = Stage.serving();
  stage.request(2);
  const { machine, history } = stage.cluster;
  const before = machine.aofFile.bytes.slice();
  machine.crash();
  machine.aofFile = new MemoryFile({ bytes: before });
  stage.start();
  stage.request(OPS - 3);
  machine.aofFile = new MemoryFile({ bytes: change(machine.aofFile.bytes.slice()) });
  return checkAof(machine, { config: TEST_MIN, history, expectation });
}

/** Where the entries of a file begin. */
function offsetsOf(bytes: Uint8Array): readonly number[] {
  const iterator = new Iterator({ config: TEST_MIN, file: new MemoryFile({ bytes }), validateChain: false });
  const offsets: number[] = [];
  for (let step = iterator.next(); step.kind === "entry"; step = iterator.next()) offsets.push(step.offset);
  return offsets;
}

/** Overwrites the beginning of an entry. */
function damage(bytes: Uint8Array, entry: number): void {
  const offset = offsetsOf(bytes)[entry] ?? 0;
  bytes.fill(1, offset, offset + 16);
}

describe("an append-only file", () => {
  test("has everything that was executed, and again what was executed again", () => {
    expect(check((bytes) => bytes)).toBe(OPS + 3);
  });

  test("may have one damaged entry for each power failure", () => {
    const damageOne = (bytes: Uint8Array): Uint8Array => {
      damage(bytes, 2);
      return bytes;
    };
    expect(check(damageOne)).toBe(OPS + 3 - 1);
    const damageTwo = (bytes: Uint8Array): Uint8Array => {
      damage(bytes, 4);
      return damageOne(bytes);
    };
    expect(() => check(damageTwo)).toThrow("2 faults in the file after 1 power failures");
  });

  test("must not lack the last op, unless its replica is not there any more", () => {
    const shorten = (bytes: Uint8Array): Uint8Array => bytes.slice(0, offsetsOf(bytes).at(-1));
    expect(() => check(shorten)).toThrow(`ends with op ${OPS - 1}, not ${OPS}`);
    expect(check(shorten, "running")).toBe(OPS + 3 - 1);
  });

  test("must not have what nobody executed", () => {
    const other = new Stage({ clientCount: 2 });
    other.start();
    for (const client of other.cluster.clients) client.register();
    other.until(() => other.quiet);
    const strange = other.cluster.machine.aofFile.bytes.slice();
    expect(() => check((bytes) => Uint8Array.from([...bytes, ...strange]))).toThrow("that nobody executed");
  });
});
