/**
 * What every implementation of the ports to files does, as cases without a test framework.
 *
 * @module
 */
import type { AppendFile, ReadableFile } from "@stagbeetle/aof";
import { assert } from "@stagbeetle/kernels";
import {
  assertBytes,
  aWhile,
  type ComplianceCase,
  complianceCase,
  type Subject,
} from "@stagbeetle/vsr-protocol/compliance";

/** A new, empty file that nobody else has open. */
export interface FileSubject extends Subject {
  readonly file: AppendFile;
  /** Opens what is at the path of the file, to read. */
  open(): ReadableFile;
  /** Moves away what is at the path. */
  moveAway(): void;
  /** Opens what was moved away, to read. */
  openMoved(): ReadableFile;
}

type FileCase = ComplianceCase<() => Promise<FileSubject>>;

function bytesOf(file: ReadableFile): Uint8Array {
  const bytes = new Uint8Array(file.sizeBytes);
  const count = file.read(bytes, 0);
  file.close();
  assert(count === bytes.length, () => `${count} of ${bytes.length} bytes were read`);
  return bytes;
}

/** Starts something and waits for its callback. */
async function done(subject: Subject, start: (callback: () => void) => void): Promise<void> {
  const calls: true[] = [];
  start(() => calls.push(true));
  assert(calls[0] === undefined, "it calls back from inside the call");
  await subject.until(() => calls.length > 0);
  await aWhile(subject);
  assert(calls[1] === undefined, () => `it calls back ${calls.length} times`);
}

/** The facts about both ports. */
export const fileCompliance: readonly FileCase[] = [
  complianceCase("what is appended follows what was there, part by part", async (subject) => {
    subject.file.append([Uint8Array.of(1, 2), Uint8Array.of(3)]);
    subject.file.append([]);
    subject.file.append([new Uint8Array(0), Uint8Array.of(4), new Uint8Array(0)]);
    assertBytes("the file", bytesOf(subject.open()), Uint8Array.of(1, 2, 3, 4));
    await done(subject, (callback) => subject.file.sync(callback));
    assertBytes("the synced file", bytesOf(subject.open()), Uint8Array.of(1, 2, 3, 4));
  }),

  complianceCase("a large append is whole", async (subject) => {
    const large = Uint8Array.from({ length: 3 * 2 ** 20 }, (_, index) => index * 7);
    subject.file.append([Uint8Array.of(9), large, Uint8Array.of(8)]);
    const bytes = bytesOf(subject.open());
    assert(bytes.length === large.length + 2 && bytes[0] === 9 && bytes.at(-1) === 8, "its ends are wrong");
    assert(
      large.every((byte, index) => bytes[index + 1] === byte),
      "its middle is wrong",
    );
    await Promise.resolve();
  }),

  complianceCase("a read ends with the file, and begins anywhere in it", async (subject) => {
    subject.file.append([Uint8Array.of(1, 2, 3, 4, 5)]);
    const file = subject.open();
    const target = new Uint8Array(4).fill(9);
    assert(file.read(target, 3) === 2, "two bytes are left at 3");
    assertBytes("what was read", target, Uint8Array.of(4, 5, 9, 9));
    assert(file.read(target, 0) === 4 && file.read(target, 5) === 0, "four bytes at 0, none at the end");
    file.close();
    await Promise.resolve();
  }),

  complianceCase("a file is as long as it was when it was opened", async (subject) => {
    subject.file.append([Uint8Array.of(1)]);
    const file = subject.open();
    const before = file.sizeBytes;
    subject.file.append([Uint8Array.of(2)]);
    assert(before === 1, () => `${before} bytes of 1`);
    file.close();
    await Promise.resolve();
  }),

  complianceCase("the path leads to the file until that is moved away, and then to a new one", async (subject) => {
    const { file } = subject;
    assert(file.pathTarget() === "same", () => `the path leads to ${file.pathTarget()}`);
    file.append([Uint8Array.of(1)]);
    subject.moveAway();
    assert(file.pathTarget() === "nothing", () => `the path leads to ${file.pathTarget()}`);
    file.append([Uint8Array.of(2)]);
    await done(subject, (callback) => file.recreate(callback));
    assert(file.pathTarget() === "same", () => `the path leads to ${file.pathTarget()}`);
    file.append([Uint8Array.of(3)]);
    assertBytes("the file that was moved", bytesOf(subject.openMoved()), Uint8Array.of(1, 2));
    assertBytes("the new file", bytesOf(subject.open()), Uint8Array.of(3));
  }),
];
