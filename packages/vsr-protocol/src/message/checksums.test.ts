import { createKernels, LinearMemory } from "@stagbeetle/kernels";
import { describe, expect, test } from "vitest";
import { fromMemoryOrder, register } from "../../test/messages.ts";
import { CHECKSUM_EMPTY, Checksums } from "./checksums.ts";
import { Header, HEADER_SIZE_BYTES } from "./frame.ts";
import { MessagePool } from "./pool.ts";

const memory = new LinearMemory({ sizeBytes: 1 << 20, shared: false });
const pool = new MessagePool({ memory, messageSizeMax: 4096, messagesMax: 1 });

const CASES: readonly (readonly [string, Checksums, (size: number) => Uint8Array])[] = [
  ["anywhere, without kernels", new Checksums(), (size) => new Uint8Array(size)],
  ["anywhere, with kernels", new Checksums(createKernels({ memory })), (size) => new Uint8Array(size)],
  [
    "in the memory of the kernels",
    new Checksums(createKernels({ memory })),
    (size) => memory.bytes.subarray(pointer(size)).subarray(0, size),
  ],
];

function pointer(size: number): number {
  return memory.allocate(Math.max(size, 1), 16, "test");
}

describe.each(CASES)("checksums of bytes %s", (_, checksums, allocate) => {
  test("are those of the specification", () => {
    expect(checksums.of(allocate(0))).toBe(CHECKSUM_EMPTY);
    expect(checksums.of(allocate(256))).toBe(fromMemoryOrder("651b82f3ddd4fcbf2deb8496e8ff613c"));
  });

  test("are stored and verified", () => {
    const bytes = allocate(512);
    bytes.set(register());
    const header = new Header(bytes);
    const body = bytes.subarray(HEADER_SIZE_BYTES);
    header.checksum = 0n;
    header.checksumBody = 0n;
    checksums.setBody(header, body);
    checksums.set(header);
    expect(header.checksum).toBe(fromMemoryOrder("536b1b59b353b954645d9b3ef56a04cd"));
    expect(checksums.ofHeader(header)).toBe(header.checksum);
    expect(checksums.valid(header)).toBe(true);
    expect(checksums.validBody(header, body)).toBe(true);
    body[0] = 1;
    expect(checksums.validBody(header, body)).toBe(false);
    expect(checksums.valid(header)).toBe(true);
    header.view = 1;
    expect(checksums.valid(header)).toBe(false);
  });

  test("of a header within other bytes cover that header only", () => {
    const bytes = allocate(1024);
    bytes.fill(0xff);
    bytes.set(register().subarray(0, HEADER_SIZE_BYTES), 300);
    const header = new Header(bytes, 300);
    expect(checksums.valid(header)).toBe(true);
  });

  test("of an empty body are known", () => {
    const header = new Header(allocate(256));
    checksums.setEmptyBody(header);
    expect(header.checksumBody).toBe(CHECKSUM_EMPTY);
    expect(checksums.valid(header)).toBe(true);
    expect(checksums.validBody(header, allocate(0))).toBe(true);
  });
});

test("both checksums of a message are stored at once", () => {
  const checksums = new Checksums(createKernels({ memory }));
  const message = pool.acquire();
  message.buffer.set(register());
  message.header.checksum = 0n;
  message.header.checksumBody = 0n;
  checksums.setMessage(message);
  expect(message.header.checksum).toBe(fromMemoryOrder("536b1b59b353b954645d9b3ef56a04cd"));
});
