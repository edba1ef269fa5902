import { describe, expect, test } from "vitest";

import { Checksums } from "../message/checksums.ts";
import { ChecksumRequest, InlineBodyChecksums } from "./body-checksums.ts";
import { bodyChecksumsCompliance, type BodyChecksumsSubject } from "../../compliance/index.ts";

const inline = new InlineBodyChecksums(new Checksums());

describe("the port to body checksums, on the calling thread", () => {
  const subject: BodyChecksumsSubject = {
    bodyChecksums: inline,
    memory: (sizeBytes) => new Uint8Array(sizeBytes),
    async until(condition) {
      while (!condition());
      await Promise.resolve();
    },
    close: async () => Promise.resolve(),
  };
  for (const { name, run } of bodyChecksumsCompliance) test(name, () => run(() => Promise.resolve(subject)));

  test("completes inside of the call", () => {
    const completed: bigint[] = [];
    inline.compute(new ChecksumRequest("deferred", ({ checksum }) => completed.push(checksum)), new Uint8Array(16));
    expect(completed).toEqual([new Checksums().of(new Uint8Array(16))]);
  });
});

test("a request has a checksum only while it is idle", () => {
  const request = new ChecksumRequest("deferred", () => undefined);
  expect(() => request.bytes).toThrow("idle");
  request.begin(new Uint8Array(1));
  expect(() => request.checksum).toThrow("not there yet");
  request.complete(5n);
  expect([request.pending, request.checksum]).toEqual([false, 5n]);
  expect(() => request.complete(6n)).toThrow("idle");
});
