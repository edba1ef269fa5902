import { LinearMemory } from "@stagbeetle/kernels";
import {
  Checksums,
  MessagePool,
  PrepareHeader,
  PRODUCTION,
  rootPrepareChecksum,
  TEST_MIN,
} from "@stagbeetle/vsr-protocol";
import { expect, test } from "vitest";
import { chainOf, entryOf, messageOf, prepareOf } from "../test/log.ts";
import { AOF_ENTRY_SIZE_MIN_BYTES, AOF_MAGIC_NUMBER, AOFEntry, aofEntrySizeMaxBytes, aofMagic } from "./entry.ts";

/** The first entry that a fresh solo replica of release 0.17.8 wrote: a pulse (spec 06 §2.16). */
const RECORDED = [
  "82fcc4f4c492d19e1106e4fed3d8bc00 631d41b97cb68c29f5f4113a07524686 00000000000000000000000000000000",
  "83cc600dc4e3e7e62d4055826174f149 00000000000000000000000000000000 00000000000000000000000000000000",
  "00000000000000000000000000000000 00010000 00000000 01000000 08110000 0000 06 00 000000000000000000000000",
  "b76382bb427c86e6a29cf6e1d0b84651 00000000000000000000000000000000 4bd833662f0459769f7b0d858ee00aeb",
  "00000000000000000000000000000000 00000000000000000000000000000000 00000000000000000000000000000000",
  "0100000000000000 0000000000000000 87ac4a9328ede918 00000000 04 000000",
];

function pool(): MessagePool {
  const memory = new LinearMemory({ sizeBytes: 2 ** 20, shared: false });
  return new MessagePool({ memory, messageSizeMax: TEST_MIN.cluster.messageSizeMax, messagesMax: 2 });
}

test("an entry that the reference wrote is read field by field", () => {
  const entry = new AOFEntry(Buffer.from(RECORDED.join("").replaceAll(" ", ""), "hex"));
  const { op, operation, size, release, parent, timestamp } = entry.header;
  expect([op, operation, size, release, timestamp]).toEqual([1, 4, 256, 4360, 0x18e9_ed28_934a_ac87n]);
  expect([entry.magicNumber, entry.sizeDisk]).toEqual([AOF_MAGIC_NUMBER, AOF_ENTRY_SIZE_MIN_BYTES]);
  expect(parent).toBe(rootPrepareChecksum(0n));
  expect(new Checksums().valid(entry.header)).toBe(true);
});

test("the magic number and the sizes are those of the format", () => {
  expect(Buffer.from(aofMagic()).toString("hex")).toBe("82fcc4f4c492d19e1106e4fed3d8bc00");
  expect([AOF_ENTRY_SIZE_MIN_BYTES, aofEntrySizeMaxBytes(PRODUCTION)]).toEqual([272, 1_048_592]);
});

test("a message becomes an entry, and an entry a message, byte for byte", () => {
  const messages = pool();
  const prepare = prepareOf({ op: 3, parent: 9n, body: Uint8Array.of(1, 2, 3, 4, 5) });
  const buffer = new Uint8Array(aofEntrySizeMaxBytes(TEST_MIN)).fill(0xee);
  const entry = AOFEntry.fromMessage(messageOf(messages, prepare), buffer);
  expect(entry.bytes).toEqual(entryOf(prepare));
  expect([entry.message, entry.body]).toEqual([prepare, Uint8Array.of(1, 2, 3, 4, 5)]);
  const target = messages.acquire();
  entry.toMessage(target);
  expect(target.bytes()).toEqual(prepare);
});

test("a view of an entry is a view at its place among others", () => {
  const [first = new Uint8Array(), second = new Uint8Array()] = chainOf(2).map(entryOf);
  const entry = new AOFEntry(Buffer.concat([first, second]), first.length);
  expect([entry.offset, entry.header.op]).toEqual([first.length, 2]);
  expect(new PrepareHeader(second, 16).checksum).toBe(entry.header.checksum);
});

test("only what is there of an entry can be looked at", () => {
  const entry = new AOFEntry(entryOf(chainOf(1)[0] ?? new Uint8Array()).subarray(0, 272));
  expect(() => entry.bytes).toThrow("an entry of 274 bytes at 0 of 272");
});
