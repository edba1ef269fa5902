import { LinearMemory } from "@stagbeetle/kernels";
import { MessagePool } from "@stagbeetle/vsr-protocol";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { SendQueue } from "./send-queue.ts";

function createPool(messagesMax: number): MessagePool {
  const memory = new LinearMemory({ sizeBytes: (messagesMax + 32) * 4096 });
  return new MessagePool({ memory, messageSizeMax: 4096, messagesMax });
}

describe("a send queue", () => {
  test("is a queue that refuses what does not fit and owns what it holds", () => {
    const capacity = 4;
    fc.assert(
      fc.property(fc.array(fc.constantFrom("push", "shift", "clear")), (steps) => {
        const pool = createPool(capacity + 1);
        const queue = new SendQueue(capacity);
        const model: unknown[] = [];
        for (const step of steps) {
          if (step === "push") {
            const message = pool.acquire();
            const taken = queue.push(message);
            expect(taken).toBe(model.length < capacity);
            if (taken) model.push(message);
            message.release();
          } else if (step === "clear") {
            queue.clear();
            model.length = 0;
          } else if (model.length > 0) {
            queue.shift();
            model.shift();
          }
          expect([...queue]).toEqual(model);
          expect(queue.length).toBe(model.length);
          expect(pool.available).toBe(capacity + 1 - model.length);
        }
      }),
      { numRuns: 50 },
    );
  });
});
