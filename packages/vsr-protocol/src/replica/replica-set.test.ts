import fc from "fast-check";
import { expect, test } from "vitest";
import { PROPERTY_RUNS } from "../../test/builders.ts";
import { ReplicaSet } from "./replica-set.ts";

test("a set of replicas is one", () => {
  const step = fc.tuple(fc.constantFrom("add", "remove", "keepOnly"), fc.nat(5));
  const property = fc.property(fc.array(step), (steps) => {
    const subject = new ReplicaSet();
    let model = new Set<number>();
    for (const [operation, replica] of steps) {
      if (operation === "add") model.add(replica);
      else if (operation === "remove") model.delete(replica);
      else model = new Set([...model].filter((other) => other === replica));
      subject[operation](replica);
    }
    const members = [0, 1, 2, 3, 4, 5].filter((replica) => subject.has(replica));
    expect([members, subject.count]).toEqual([[...model].toSorted((a, b) => a - b), model.size]);
    subject.clear();
    expect(subject.count).toBe(0);
  });
  fc.assert(property, { numRuns: PROPERTY_RUNS });
});

test("a standby is never in it", () => {
  expect(() => new ReplicaSet().add(6)).toThrow("replica 6 votes");
});
