/**
 * What a message costs before anybody acts on it: reading fields, checking the header, framing. Figures are per 1024
 * headers, or per MiB.
 */
import { createKernels, LinearMemory } from "@stagbeetle/kernels";
import { PRODUCTION } from "../config/production.ts";
import { Checksums } from "./checksums.ts";
import { Command } from "../command.ts";
import { HEADER_SIZE_BYTES, initHeader } from "./frame.ts";
import { invalidHeader } from "./invalid.ts";
import { MessageBuffer } from "./message-buffer.ts";
import { MessagePool } from "./pool.ts";
import { PrepareHeader } from "./prepare.ts";

const COUNT = 1024;
const MESSAGE_SIZE_MAX = PRODUCTION.cluster.messageSizeMax;

const memory = new LinearMemory({ sizeBytes: 16 * MESSAGE_SIZE_MAX, shared: false });
const checksums = new Checksums(createKernels({ memory }));
const pool = new MessagePool({ memory, messageSizeMax: MESSAGE_SIZE_MAX, messagesMax: 4 });

/** 1024 prepares without bodies, one after the other. */
function prepares(): Uint8Array {
  const bytes = new Uint8Array(COUNT * HEADER_SIZE_BYTES);
  for (let index = 0; index < COUNT; index += 1) {
    const header = new PrepareHeader(bytes, index * HEADER_SIZE_BYTES);
    initHeader(header, Command.prepare, 0n);
    Object.assign(header, { release: 4361, client: 1n, op: index + 1, timestamp: 1n, request: 1, operation: 146 });
    checksums.setEmptyBody(header);
  }
  return bytes;
}

/** A message of the largest size. */
function largest(): Uint8Array {
  const message = pool.acquire();
  message.buffer.fill(0);
  initHeader(message.header, Command.request, 0n);
  message.header.size = MESSAGE_SIZE_MAX;
  checksums.setMessage(message);
  const bytes = message.bytes().slice();
  message.release();
  return bytes;
}

/** What `tools/benchmarks` hands over. */
interface Tasks {
  add(name: string, task: () => void): unknown;
}

export default function addTasks(bench: Tasks): void {
  const ring = memory.bytes.subarray(memory.allocate(COUNT * HEADER_SIZE_BYTES, 4096, "headers"));
  ring.set(prepares());
  const buffer = new MessageBuffer(pool, checksums);
  const stream = prepares();
  const large = largest();
  let sum = 0;

  bench.add("read 6 numbers of 1024 prepares, a view for each", () => {
    for (let index = 0; index < COUNT; index += 1) sum += read(new PrepareHeader(ring, index * HEADER_SIZE_BYTES));
  });
  const moved = new PrepareHeader(ring);
  bench.add("read 6 numbers of 1024 prepares, one view moved", () => {
    for (let index = 0; index < COUNT; index += 1) sum += read(moved.moveTo(index * HEADER_SIZE_BYTES));
  });
  bench.add("read checksum and parent (u128) of 1024 prepares", () => {
    for (let index = 0; index < COUNT; index += 1) {
      const header = moved.moveTo(index * HEADER_SIZE_BYTES);
      if (header.checksum === header.parent) sum += 1;
    }
  });
  bench.add("checksum of 1024 headers", () => {
    for (let index = 0; index < COUNT; index += 1) {
      if (!checksums.valid(moved.moveTo(index * HEADER_SIZE_BYTES))) throw new Error(`header ${index}`);
    }
  });
  bench.add("invalidHeader of 1024 prepares", () => {
    for (let index = 0; index < COUNT; index += 1) {
      const reason = invalidHeader(moved.moveTo(index * HEADER_SIZE_BYTES), PRODUCTION);
      if (reason !== null) throw new Error(reason);
    }
  });
  bench.add("frame 1024 headers that came in one piece", () => receive(buffer, stream, stream.length));
  bench.add("frame one message of 1 MiB in chunks of 64 KiB", () => receive(buffer, large, 65_536));
  if (sum < 0) throw new Error("what was read is used");
}

function read(header: PrepareHeader): number {
  return header.op + header.commit + header.view + header.request + header.operation + header.size;
}

function receive(buffer: MessageBuffer, stream: Uint8Array, chunkSizeBytes: number): void {
  for (let at = 0; at < stream.length; at += chunkSizeBytes) {
    buffer.receive(stream.subarray(at, at + chunkSizeBytes));
    while (buffer.next() !== null) buffer.consume().release();
  }
}
