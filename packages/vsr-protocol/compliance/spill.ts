/**
 * What every implementation of the port to spilled bytes does.
 *
 * @module
 */
import type { SpillStorage } from "@stagbeetle/vsr-protocol";
import { assertBytes, complianceCase, type ComplianceCase, type Subject } from "./compliance-case.ts";

/** An implementation, and memory as a replica's, which threads may share. */
export interface SpillSubject extends Subject {
  readonly spill: SpillStorage;
  /** New memory that no other call returned. */
  memory(sizeBytes: number): Uint8Array;
}

const SIZES_BYTES: readonly number[] = [1, 8, 512, 4095, 16 * 1024, 256 * 1024 + 1];

function filled(subject: SpillSubject, sizeBytes: number, seed: number): Uint8Array {
  const bytes = subject.memory(sizeBytes);
  for (let at = 0; at < bytes.length; at += 1) bytes[at] = (seed * 31 + at * 7 + (at >> 8) * 13) & 0xff;
  return bytes;
}

function expectRead(subject: SpillSubject, offset: number, expected: Uint8Array): void {
  const bytes = subject.memory(expected.length);
  subject.spill.read(offset, bytes);
  assertBytes(`${expected.length} bytes at ${offset}`, bytes, expected);
}

/** The facts about the port. */
export const spillCompliance: readonly ComplianceCase<() => Promise<SpillSubject>>[] = [
  complianceCase(
    "what was written is read back when the call ends, in any size, one behind the other",
    async (subject) => {
      let offset = 0;
      for (const [seed, sizeBytes] of SIZES_BYTES.entries()) {
        const bytes = filled(subject, sizeBytes, seed);
        subject.spill.write(offset, bytes);
        expectRead(subject, offset, bytes);
        offset += sizeBytes;
      }
      await subject.until(() => true);
    },
  ),

  complianceCase("parts are read, and written anew, without the rest", async (subject) => {
    const bytes = filled(subject, 5000, 1);
    const part = filled(subject, 100, 2);
    subject.spill.write(0, bytes);
    subject.spill.write(300, part);
    bytes.set(part, 300);
    expectRead(subject, 250, bytes.subarray(250, 450));
    expectRead(subject, 0, bytes);
    await subject.until(() => true);
  }),

  complianceCase("bytes far behind all others can be written first", async (subject) => {
    const bytes = filled(subject, 1000, 3);
    subject.spill.write(10_000_000, bytes);
    subject.spill.write(0, bytes);
    expectRead(subject, 10_000_000, bytes);
    expectRead(subject, 0, bytes);
    await subject.until(() => true);
  }),
];
