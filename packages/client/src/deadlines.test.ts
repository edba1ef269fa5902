import fc from "fast-check";
import { describe, expect, it } from "vitest";

import { Deadlines } from "./deadlines.ts";

describe("Deadlines", () => {
  it("expire with the tick that was asked for, the earliest first", () => {
    const deadlines = new Deadlines<string>();
    deadlines.add("later", 3);
    deadlines.add("soon", 1);
    deadlines.add("also later", 3);
    expect(deadlines.advance(1)).toEqual(["soon"]);
    expect(deadlines.advance(1)).toEqual([]);
    expect(deadlines.advance(1)).toEqual(["later", "also later"]);
    expect(deadlines.size).toBe(0);
  });

  it("expire together when many ticks pass at once", () => {
    const deadlines = new Deadlines<string>();
    deadlines.add("b", 20);
    deadlines.add("a", 10);
    deadlines.add("c", 21);
    expect(deadlines.advance(20)).toEqual(["a", "b"]);
  });

  it("do not expire once they are removed", () => {
    const deadlines = new Deadlines<string>();
    deadlines.add("a", 1);
    deadlines.remove("a");
    deadlines.remove("never added");
    expect(deadlines.advance(1)).toEqual([]);
  });

  it("do what a list does that is searched at every tick", () => {
    const step = fc.oneof(
      fc.record({ kind: fc.constant("add" as const), afterTicks: fc.integer({ min: 1, max: 20 }) }),
      fc.record({ kind: fc.constant("remove" as const), index: fc.nat(30) }),
      fc.record({ kind: fc.constant("advance" as const), ticks: fc.integer({ min: 1, max: 6 }) }),
    );
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
        const deadlines = new Deadlines<number>();
        const model = new Map<number, number>();
        let now = 0;
        for (const [item, action] of steps.entries()) {
          if (action.kind === "add") {
            deadlines.add(item, action.afterTicks);
            model.set(item, now + action.afterTicks);
          } else if (action.kind === "remove") {
            deadlines.remove(action.index);
            model.delete(action.index);
          } else {
            now += action.ticks;
            const due = [...model].filter(([, tick]) => tick <= now).toSorted((a, b) => a[1] - b[1]);
            for (const [dueItem] of due) model.delete(dueItem);
            expect(deadlines.advance(action.ticks)).toEqual(due.map(([dueItem]) => dueItem));
          }
          expect(deadlines.size).toBe(model.size);
        }
      }),
    );
  });
});
