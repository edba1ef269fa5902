import { propertyRuns } from "@stagbeetle/kernels/testing";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { type SectorWrite, WriteLock } from "./write-lock.ts";

class TestWrite implements SectorWrite<TestWrite> {
  readonly sectorIndex: number;
  readonly id: number;
  nextInSector: TestWrite | null = null;
  constructor(sectorIndex: number, id: number) {
    this.sectorIndex = sectorIndex;
    this.id = id;
  }
}

describe("the lock on header sectors", () => {
  test("writes of different sectors do not wait for each other", () => {
    const lock = new WriteLock<TestWrite>(2);
    expect(lock.lockSectors(new TestWrite(0, 0))).toBe(true);
    expect(lock.lockSectors(new TestWrite(1, 1))).toBe(true);
  });

  test("a sector is unlocked by its running write only", () => {
    const lock = new WriteLock<TestWrite>(1);
    const [running, waiting] = [new TestWrite(0, 0), new TestWrite(0, 1)];
    lock.lockSectors(running);
    lock.lockSectors(waiting);
    expect(() => lock.unlockSectors(waiting)).toThrow("locked by another write");
    expect(lock.unlockSectors(running)).toBe(waiting);
    expect(lock.unlockSectors(waiting)).toBe(null);
  });

  test("at most one write of a sector runs, and all run in the order in which they were locked", () => {
    const step = fc.oneof(
      fc.record({ kind: fc.constant("lock" as const), sector: fc.nat({ max: 2 }) }),
      fc.record({ kind: fc.constant("unlock" as const), sector: fc.nat({ max: 2 }) }),
    );
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
        const lock = new WriteLock<TestWrite>(3);
        const queues: TestWrite[][] = [[], [], []];
        let started = 0;
        for (const [id, { kind, sector }] of steps.entries()) {
          const queue = queues[sector] ?? [];
          const running = queue[0];
          if (kind === "lock") {
            const write = new TestWrite(sector, id);
            expect(lock.lockSectors(write)).toBe(running === undefined);
            if (running === undefined) started += 1;
            queue.push(write);
          } else if (running !== undefined) {
            queue.shift();
            const next = lock.unlockSectors(running);
            expect(next?.id).toBe(queue[0]?.id);
            if (next !== null) started += 1;
          }
        }
        const locked = steps.filter(({ kind }) => kind === "lock").length;
        const waiting = queues.reduce((sum, queue) => sum + Math.max(0, queue.length - 1), 0);
        expect(started).toBe(locked - waiting);
      }),
      { numRuns: propertyRuns(200) },
    );
  });
});
