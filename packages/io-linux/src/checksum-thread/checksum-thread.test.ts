import { createKernels, LinearMemory } from "@stagbeetle/kernels";
import { ChecksumRequest, Checksums } from "@stagbeetle/vsr-protocol";
import { bodyChecksumsCompliance, type BodyChecksumsSubject } from "@stagbeetle/vsr-protocol/compliance";
import { describe, expect, test } from "vitest";

import { Child } from "../testing/child.ts";
import { until } from "../testing/until.ts";
import { ChecksumThread, type ChecksumThreadOptions } from "./checksum-thread.ts";

const MEMORY_SIZE_BYTES = 4 * 2 ** 20;

type Sizes = Pick<ChecksumThreadOptions, "jobsMax" | "awaitedMax" | "sizeMinBytes">;

/** A thread with a memory. All bodies are handed over unless said. */
class Subject implements BodyChecksumsSubject {
  readonly checksums: Checksums;
  readonly bodyChecksums: ChecksumThread;
  readonly until: typeof until = until;
  readonly #memory = new LinearMemory({ sizeBytes: MEMORY_SIZE_BYTES });

  constructor(sizes: Sizes = { sizeMinBytes: 1 }) {
    this.checksums = new Checksums(createKernels({ memory: this.#memory }));
    this.bodyChecksums = new ChecksumThread({ memory: this.#memory, checksums: this.checksums, ...sizes });
  }

  static started(sizes?: Sizes): Subject {
    const subject = new Subject(sizes);
    subject.bodyChecksums.start();
    return subject;
  }

  memory(sizeBytes: number): Uint8Array {
    const pointer = this.#memory.allocate(sizeBytes, 1, "test");
    return this.#memory.bytes.subarray(pointer, pointer + sizeBytes);
  }

  async close(): Promise<void> {
    await this.bodyChecksums.close();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }
}

describe("the port to body checksums, on another thread", () => {
  const create = (): Promise<Subject> => Promise.resolve(Subject.started());
  for (const { name, run } of bodyChecksumsCompliance) test(name, () => run(create));
});

describe("the port to body checksums, with small bodies on the calling thread", () => {
  const create = (): Promise<Subject> => Promise.resolve(Subject.started({ jobsMax: 4 }));
  for (const { name, run } of bodyChecksumsCompliance) test(name, () => run(create));
});

describe("a checksum thread", () => {
  test("does what was asked for before it ran", async () => {
    await using subject = new Subject();
    const body = subject.memory(1000).fill(1);
    const request = new ChecksumRequest("deferred", () => undefined);
    subject.bodyChecksums.compute(request, body);
    expect(subject.bodyChecksums.pendingCount).toBe(1);
    subject.bodyChecksums.start();
    await until(() => !request.pending);
    expect([request.checksum, subject.bodyChecksums.pendingCount]).toEqual([subject.checksums.of(body), 0]);
  });

  test("is spared small bodies, and what it has no room for", async () => {
    await using subject = new Subject({ jobsMax: 2, sizeMinBytes: 100 });
    const pending = (sizeBytes: number): boolean => {
      const request = new ChecksumRequest("deferred", () => undefined);
      subject.bodyChecksums.compute(request, subject.memory(sizeBytes));
      return request.pending;
    };
    expect([99, 100, 101, 102].map(pending)).toEqual([false, true, true, false]);
  });

  test("does first what somebody waits for, and leaves the rest of that to who waits", async () => {
    await using subject = new Subject({ awaitedMax: 2, sizeMinBytes: 1 });
    const order: number[] = [];
    for (const [index, urgency] of (["deferred", "deferred", "awaited", "awaited", "awaited"] as const).entries()) {
      subject.bodyChecksums.compute(new ChecksumRequest(urgency, () => order.push(index)), subject.memory(100));
    }
    expect(order).toEqual([4]);
    subject.bodyChecksums.start();
    await until(() => order.length === 5);
    expect(order).toEqual([4, 2, 3, 0, 1]);
  });

  test("completes requests in their order, however often the ring goes round", async () => {
    await using subject = Subject.started({ jobsMax: 8, sizeMinBytes: 1 });
    const rounds = 50;
    const completed: number[] = [];
    const again: ChecksumRequest[] = Array.from({ length: 8 }, (_, index) => {
      const body = subject.memory(100 + index).fill(index);
      return new ChecksumRequest("deferred", (request) => {
        expect(request.checksum).toBe(subject.checksums.of(body));
        completed.push(index);
        if (completed.length <= 8 * (rounds - 1)) subject.bodyChecksums.compute(request, body);
      });
    });
    for (const [index, request] of again.entries()) {
      subject.bodyChecksums.compute(request, subject.memory(100 + index).fill(index));
    }
    await until(() => completed.length === 8 * rounds);
    expect(completed).toEqual(Array.from({ length: 8 * rounds }, (_, index) => index % 8));
  });

  test("takes bodies in the shared memory only", async () => {
    await using subject = new Subject();
    const request = new ChecksumRequest("deferred", () => undefined);
    expect(() => subject.bodyChecksums.compute(request, new Uint8Array(100))).toThrow("in the memory that the threads");
  });

  test("that was ended completes nothing more", async () => {
    const subject = Subject.started();
    const request = new ChecksumRequest("deferred", () => undefined);
    const last = new ChecksumRequest("deferred", () => undefined);
    subject.bodyChecksums.compute(request, subject.memory(1000));
    await subject.close();
    subject.bodyChecksums.compute(last, subject.memory(1000));
    expect([request.pending, last.pending]).toEqual([true, true]);
  });
});

describe("a process with a checksum thread", () => {
  test("ends when it has nothing more to do", async () => {
    await using child = new Child("checksums.ts", ["computes"]);
    expect(await child.line()).toBe("computed");
    expect(await child.exit()).toEqual({ status: 0, signal: null });
  });

  test("may end the thread first", async () => {
    await using child = new Child("checksums.ts", ["closes"]);
    expect([await child.line(), await child.line()]).toEqual(["computed", "closed"]);
    expect(await child.exit()).toEqual({ status: 0, signal: null });
  });

  test("ends with one line and status 1 if the thread dies", async () => {
    await using child = new Child("checksums.ts", ["dies"]);
    expect(await child.exit()).toEqual({ status: 1, signal: null });
    expect(child.stderr).toMatch(
      /^error: the thread that computes checksums has ended \(.*are not in the memory.*\n$/u,
    );
  });
});
