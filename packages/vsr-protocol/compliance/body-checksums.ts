/**
 * What every implementation of the port to body checksums does.
 *
 * @module
 */
import { assert } from "@stagbeetle/kernels";
import { type BodyChecksums, ChecksumRequest, Checksums } from "@stagbeetle/vsr-protocol";
import { assertRefuses, aWhile, complianceCase, type ComplianceCase, type Subject } from "./compliance-case.ts";

/** An implementation, and memory that it can read. */
export interface BodyChecksumsSubject extends Subject {
  readonly bodyChecksums: BodyChecksums;
  /** New memory that no other call returned. */
  memory(sizeBytes: number): Uint8Array;
}

type BodyChecksumsCase = ComplianceCase<() => Promise<BodyChecksumsSubject>>;

/** Around the sizes in which the checksum is computed, and as large as the body of a block. */
const SIZES_BYTES: readonly number[] = [1, 15, 16, 31, 32, 33, 256, 4095, 4096, 65_537, 512 * 1024 - 256];
const REQUESTS = 200;
const BODY_SIZE_BYTES = 3000;

function body(subject: BodyChecksumsSubject, sizeBytes: number, seed: number): Uint8Array {
  const bytes = subject.memory(sizeBytes);
  for (let at = 0; at < bytes.length; at += 1) bytes[at] = (seed * 31 + at * 7 + (at >> 8) * 13) & 0xff;
  return bytes;
}

/** The facts about the port. */
export const bodyChecksumsCompliance: readonly BodyChecksumsCase[] = [
  complianceCase("bodies of all sizes have the checksum that they have everywhere", async (subject) => {
    const checksums = new Checksums();
    const request = new ChecksumRequest("awaited", () => undefined);
    for (const [seed, sizeBytes] of SIZES_BYTES.entries()) {
      const bytes = body(subject, sizeBytes, seed);
      subject.bodyChecksums.compute(request, bytes);
      await subject.until(() => !request.pending);
      assert(request.checksum === checksums.of(bytes), () => `${sizeBytes} bytes have another checksum`);
    }
  }),

  complianceCase(
    "many requests at once complete once each, with the checksums of their own bodies",
    async (subject) => {
      const checksums = new Checksums();
      const bodies = Array.from({ length: REQUESTS }, (_, seed) => body(subject, BODY_SIZE_BYTES + seed, seed));
      const completions = bodies.map(() => 0);
      const requests = bodies.map(
        (_, index) =>
          new ChecksumRequest(index % 3 === 0 ? "awaited" : "deferred", () => {
            completions[index] = (completions[index] ?? 0) + 1;
          }),
      );
      for (const [index, request] of requests.entries()) {
        subject.bodyChecksums.compute(request, bodies[index] ?? new Uint8Array(0));
      }
      await subject.until(() => !requests.some(({ pending }) => pending));
      await aWhile(subject);
      assert(
        completions.every((count) => count === 1),
        () => `completions: ${completions.join(" ")}`,
      );
      for (const [index, { checksum }] of requests.entries()) {
        const expected = checksums.of(bodies[index] ?? new Uint8Array(0));
        assert(checksum === expected, () => `request ${index} has the checksum of something else`);
      }
    },
  ),

  complianceCase("a request may be used again from its completion", async (subject) => {
    const bytes = body(subject, BODY_SIZE_BYTES, 1);
    let times = 0;
    const request = new ChecksumRequest("deferred", () => {
      times += 1;
      if (times < 10) subject.bodyChecksums.compute(request, bytes);
    });
    subject.bodyChecksums.compute(request, bytes);
    await subject.until(() => times === 10);
    assert(!request.pending, "a request is pending after its last use");
  }),

  complianceCase("a request that is pending, and a body without bytes, are refused", async (subject) => {
    const bytes = body(subject, BODY_SIZE_BYTES, 1);
    let again = false;
    const request = new ChecksumRequest("deferred", () => undefined);
    const pending = new ChecksumRequest("deferred", () => undefined);
    pending.begin(bytes);
    assertRefuses("a pending request", () => subject.bodyChecksums.compute(pending, bytes));
    assertRefuses("a body without bytes", () => subject.bodyChecksums.compute(request, bytes.subarray(0, 0)));
    subject.bodyChecksums.compute(new ChecksumRequest("deferred", () => (again = true)), bytes);
    await subject.until(() => again);
  }),
];
