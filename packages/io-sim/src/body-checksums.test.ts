import { ChecksumRequest, Checksums, Random } from "@stagbeetle/vsr-protocol";
import { bodyChecksumsCompliance, type BodyChecksumsSubject } from "@stagbeetle/vsr-protocol/compliance";
import { describe, expect, test } from "vitest";

import { SimulatedBodyChecksums } from "./body-checksums.ts";
import type { Latency } from "./faults/storage-faults.ts";

const STEPS_MAX = 100_000;

function checksumsWith(latency: Latency, seed = 1): SimulatedBodyChecksums {
  return new SimulatedBodyChecksums({ checksums: new Checksums(), random: new Random(seed), latency });
}

describe.each([
  ["at once", { minimumMicroseconds: 0, meanMicroseconds: 0 }],
  ["after a while", { minimumMicroseconds: 5000, meanMicroseconds: 50_000 }],
])("the port to body checksums, which come %s", (_, latency) => {
  const create = (): Promise<BodyChecksumsSubject> => {
    const bodyChecksums = checksumsWith(latency);
    return Promise.resolve({
      bodyChecksums,
      memory: (sizeBytes) => new Uint8Array(sizeBytes),
      async until(condition) {
        for (let steps = 0; !condition(); steps += 1) {
          if (steps > STEPS_MAX) throw new Error("the condition does not come true");
          if (!bodyChecksums.step()) bodyChecksums.tick();
        }
        await Promise.resolve();
      },
      close: async () => Promise.resolve(),
    });
  };
  for (const { name, run } of bodyChecksumsCompliance) test(name, () => run(create));
});

test("simulated checksums come in any order, the same for the same seed", () => {
  const orderOf = (seed: number): number[] => {
    const subject = checksumsWith({ minimumMicroseconds: 0, meanMicroseconds: 0 }, seed);
    const order: number[] = [];
    for (let index = 0; index < 10; index += 1) {
      subject.compute(new ChecksumRequest("deferred", () => order.push(index)), new Uint8Array(16));
    }
    expect(order).toEqual([]);
    while (subject.step());
    return order;
  };
  const ascending = Array.from({ length: 10 }, (_, index) => index);
  expect(orderOf(1)).toEqual(orderOf(1));
  expect(orderOf(1)).not.toEqual(orderOf(2));
  expect(orderOf(1).toSorted((a, b) => a - b)).toEqual(ascending);
});

test("a body that changes while its checksum is computed is found out", () => {
  const subject = checksumsWith({ minimumMicroseconds: 0, meanMicroseconds: 0 });
  const body = new Uint8Array(16);
  subject.compute(new ChecksumRequest("deferred", () => undefined), body);
  body[3] = 1;
  expect(() => subject.step()).toThrow("a body changed");
});
