import { createKernels, LinearMemory } from "@stagbeetle/kernels";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { PROPERTY_RUNS } from "../../test/builders.ts";
import { build, finish, SPECIFICATION_MESSAGES, toHex } from "../../test/messages.ts";
import { Command } from "../command.ts";
import { FatalError } from "../fatal.ts";
import { Checksums } from "./checksums.ts";
import { Header, HEADER_SIZE_BYTES } from "./frame.ts";
import { MessageBuffer, type MessageBufferInvalidReason } from "./message-buffer.ts";
import { MessagePool } from "./pool.ts";
import { RequestHeader } from "./request.ts";

const SIZE_MAX = 16_384;

const memory = new LinearMemory({ sizeBytes: 64 * SIZE_MAX, shared: false });
const checksums = new Checksums(createKernels({ memory }));
const pool = new MessagePool({ memory, messageSizeMax: SIZE_MAX, messagesMax: 20 });

/** A message with a body of so many bytes. */
function message(bodySizeBytes: number, seed = 1): Uint8Array {
  const body = Uint8Array.from({ length: bodySizeBytes }, (_, index) => (index * seed) & 0xff);
  return build(RequestHeader, { command: Command.request, request: seed }, body);
}

/** Runs with a buffer and gives everything back. */
function withBuffer<Result>(run: (buffer: MessageBuffer) => Result): Result {
  const available = pool.available;
  const buffer = new MessageBuffer(pool, checksums);
  const result = run(buffer);
  buffer.close();
  expect(pool.available).toBe(available);
  return result;
}

function concat(parts: readonly Uint8Array[]): Uint8Array {
  const bytes = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    bytes.set(part, at);
    at += part.length;
  }
  return bytes;
}

function consume(buffer: MessageBuffer): string {
  const taken = buffer.consume();
  const hex = toHex(taken.bytes());
  taken.release();
  return hex;
}

/** Takes everything that can be taken in one pass. */
function consumeAll(buffer: MessageBuffer): string[] {
  const taken: string[] = [];
  while (buffer.next() !== null) taken.push(consume(buffer));
  return taken;
}

/** Feeds the stream in chunks whose sizes repeat, consuming what is complete after each. */
function feed(buffer: MessageBuffer, stream: Uint8Array, chunkSizes: readonly number[]): string[] {
  const taken: string[] = [];
  let at = 0;
  for (let chunk = 0; at < stream.length && buffer.invalid === null; chunk += 1) {
    const size = chunkSizes[chunk % chunkSizes.length] ?? 1;
    at += buffer.receive(stream.subarray(at, at + size));
    taken.push(...consumeAll(buffer));
  }
  return taken;
}

describe("a stream of messages", () => {
  test("gives the same messages however it is cut", () => {
    const bodies = fc.array(fc.oneof(fc.nat(600), fc.constant(0), fc.integer({ min: 4000, max: 8000 })), {
      minLength: 1,
      maxLength: 8,
    });
    const chunks = fc.array(fc.oneof(fc.integer({ min: 1, max: 20 }), fc.integer({ min: 200, max: 9000 })), {
      minLength: 1,
      maxLength: 6,
    });
    fc.assert(
      fc.property(bodies, chunks, (sizes, chunkSizes) => {
        const messages = sizes.map((size, index) => message(size, index + 1));
        const taken = withBuffer((buffer) => feed(buffer, concat(messages), chunkSizes));
        expect(taken).toEqual(messages.map(toHex));
      }),
      { numRuns: PROPERTY_RUNS },
    );
  });

  test("gives the messages of the specification byte by byte", () => {
    const messages = SPECIFICATION_MESSAGES.map(({ bytes }) => bytes);
    expect(withBuffer((buffer) => feed(buffer, concat(messages), [1]))).toEqual(messages.map(toHex));
  });

  test("may hold one message as large as the buffer", () => {
    const largest = message(SIZE_MAX - HEADER_SIZE_BYTES);
    const taken = withBuffer((buffer) => feed(buffer, concat([largest, largest]), [SIZE_MAX, 1000]));
    expect(taken).toEqual([toHex(largest), toHex(largest)]);
  });

  test("may be suspended and consumed in any pattern without losing or changing one", () => {
    const decisions = fc.array(fc.boolean(), { minLength: 1, maxLength: 40 });
    fc.assert(
      fc.property(fc.array(fc.nat(2000), { minLength: 1, maxLength: 10 }), decisions, (sizes, pattern) => {
        const messages = sizes.map((size, index) => message(size, index + 1));
        const stream = concat(messages);
        const taken = withBuffer((buffer) => {
          const numbers: number[] = [];
          let at = 0;
          let decision = 0;
          while (numbers.length < messages.length) {
            if (at < stream.length && buffer.receivedSizeBytes < SIZE_MAX) {
              at += buffer.receive(stream.subarray(at, at + 1500));
            }
            for (let header = buffer.next(); header !== null; header = buffer.next()) {
              const number = new RequestHeader(header.buffer, header.offset).request;
              // Sooner or later everything is consumed.
              if (pattern[decision % pattern.length] === true || decision > 500) {
                expect(consume(buffer)).toBe(toHex(messages[number - 1] ?? new Uint8Array()));
                numbers.push(number);
              } else buffer.suspend();
              decision += 1;
            }
          }
          return numbers;
        });
        expect(taken.toSorted((a, b) => a - b)).toEqual(messages.map((_, index) => index + 1));
      }),
      { numRuns: PROPERTY_RUNS },
    );
  });
});

describe("a pass", () => {
  test("offers suspended messages again in the next one, in order, before newer ones", () => {
    withBuffer((buffer) => {
      const [a, b, c, d] = [message(10, 1), message(5000, 2), message(0, 3), message(20, 4)];
      buffer.receive(concat([a, b, c]));
      buffer.next();
      buffer.suspend();
      buffer.next();
      expect(consume(buffer)).toBe(toHex(b));
      buffer.next();
      buffer.suspend();
      expect(buffer.next()).toBeNull();
      expect(buffer.hasMessage).toBe(true);
      expect(buffer.receivedSizeBytes).toBe(a.length + c.length);

      buffer.receive(d);
      expect(consumeAll(buffer)).toEqual([a, c, d].map(toHex));
      expect(buffer.hasMessage).toBe(false);
    });
  });

  test("does not verify a suspended message again", () => {
    withBuffer((buffer) => {
      buffer.receive(message(100));
      const header = buffer.next();
      buffer.suspend();
      expect(buffer.next()).toBeNull();
      // Damage that a second look would find.
      if (header !== null) header.buffer[HEADER_SIZE_BYTES] = 0xee;
      expect(buffer.next()).not.toBeNull();
      consume(buffer);
      expect(buffer.next()).toBeNull();
      expect(buffer.invalid).toBeNull();
    });
  });

  test("keeps a part of a message behind suspended ones", () => {
    withBuffer((buffer) => {
      const [a, b] = [message(10, 1), message(300, 2)];
      buffer.receive(concat([a, b.subarray(0, 400)]));
      buffer.next();
      buffer.suspend();
      expect(buffer.next()).toBeNull();
      buffer.receive(b.subarray(400));
      expect(consumeAll(buffer)).toEqual([a, b].map(toHex));
    });
  });

  test("may end with everything suspended and a full buffer, which takes no more", () => {
    withBuffer((buffer) => {
      const large = message(SIZE_MAX - HEADER_SIZE_BYTES);
      expect(buffer.receive(large)).toBe(SIZE_MAX);
      buffer.next();
      buffer.suspend();
      expect(buffer.next()).toBeNull();
      expect(buffer.space()).toHaveLength(0);
      expect(buffer.receive(message(0))).toBe(0);
      expect(consumeAll(buffer)).toEqual([toHex(large)]);
    });
  });

  test("leaves a large message where it is and hands its memory over", () => {
    withBuffer((buffer) => {
      const [large, small] = [message(8000, 1), message(30, 2)];
      const space = buffer.space();
      buffer.receive(concat([large, small]));
      buffer.next();
      const taken = buffer.consume();
      expect(taken.buffer.byteOffset).toBe(space.byteOffset);
      expect(toHex(taken.bytes())).toBe(toHex(large));
      expect(consumeAll(buffer)).toEqual([toHex(small)]);
      taken.release();
    });
  });

  test("is over before more is received", () => {
    withBuffer((buffer) => {
      buffer.receive(concat([message(0), message(0)]));
      buffer.next();
      expect(() => buffer.next()).toThrow("neither consumed nor suspended");
      expect(() => buffer.space()).toThrow("the pass is not over");
      consume(buffer);
      expect(() => buffer.receive(message(0))).toThrow("the pass is not over");
      expect(() => buffer.consume()).toThrow("there is no message to consume");
      expect(() => buffer.suspend()).toThrow("there is no message to suspend");
      consumeAll(buffer);
    });
  });
});

describe("an invalid stream", () => {
  const patch = (bytes: Uint8Array, at: number): Uint8Array => {
    const patched = bytes.slice();
    patched[at] = (patched[at] ?? 0) ^ 1;
    return patched;
  };
  const sized = (size: number): Uint8Array => {
    const bytes = message(0);
    const header = new Header(bytes);
    header.size = size;
    checksums.set(header);
    return bytes;
  };

  const bodiless = (): Uint8Array => {
    const bytes = message(0);
    const header = new Header(bytes);
    header.checksumBody = 1n;
    checksums.set(header);
    return bytes;
  };

  const cases: readonly (readonly [string, Uint8Array, MessageBufferInvalidReason])[] = [
    ["a header checksum is wrong", patch(message(10), 0), "header_checksum"],
    ["a header is damaged", patch(message(10), 100), "header_checksum"],
    ["a body is damaged", patch(message(10), 260), "body_checksum"],
    ["the checksum of no body is wrong", bodiless(), "body_checksum"],
    ["a size is below that of a header", sized(255), "header_size"],
    ["a size is above the maximum", sized(SIZE_MAX + 1), "header_size"],
    ["a size is huge", sized(0xffff_ffff), "header_size"],
  ];

  test.each(cases)("ends when %s", (_, bad, reason) => {
    withBuffer((buffer) => {
      const good = message(20);
      expect(feed(buffer, concat([good, bad, good]), [SIZE_MAX])).toEqual([toHex(good)]);
      expect(buffer.invalid).toBe(reason);
      expect(buffer.receivedSizeBytes).toBe(0);
      expect(buffer.next()).toBeNull();
      expect(() => buffer.space()).toThrow(`the buffer is invalid: ${reason}`);
    });
  });

  test("is noticed as soon as the header is there, without its body", () => {
    withBuffer((buffer) => {
      buffer.receive(patch(message(1000), 20).subarray(0, HEADER_SIZE_BYTES));
      expect(buffer.invalid).toBe("header_checksum");
    });
    withBuffer((buffer) => {
      buffer.receive(sized(SIZE_MAX + 1));
      expect(buffer.invalid).toBe("header_size");
    });
  });

  test("discards complete messages behind the one that was found wrong", () => {
    withBuffer((buffer) => {
      buffer.receive(concat([message(0, 1), message(0, 2)]));
      buffer.next();
      buffer.invalidate("header_cluster");
      expect(buffer.next()).toBeNull();
      expect(buffer.invalid).toBe("header_cluster");
      buffer.invalidate("misdirected");
      expect(buffer.invalid).toBe("header_cluster");
    });
  });

  test("with a valid header of an unknown command stops the process with status 7", () => {
    const unknown = message(0);
    new Header(unknown).command = 25;
    finish(unknown);
    const buffer = new MessageBuffer(pool, checksums);
    const receive = (): number => buffer.receive(unknown);
    expect(receive).toThrow(FatalError);
    expect(receive).toThrow("a peer sent command 25, which this release does not know");
    buffer.invalidate("misdirected");
    buffer.close();
  });

  test("with a damaged header of an unknown command does not", () => {
    const unknown = message(0);
    unknown[114] = 25;
    withBuffer((buffer) => {
      buffer.receive(unknown);
      expect(buffer.invalid).toBe("header_checksum");
    });
  });

  test("of any bytes ends without an exception and gives no message", () => {
    fc.assert(
      fc.property(
        fc.uint8Array({ minLength: 256, maxLength: 2000 }),
        fc.integer({ min: 1, max: 999 }),
        (noise, size) => {
          withBuffer((buffer) => {
            expect(feed(buffer, noise, [size])).toEqual([]);
            expect(buffer.invalid).toBe("header_checksum");
          });
        },
      ),
      { numRuns: PROPERTY_RUNS },
    );
  });

  test("with one flipped bit gives the messages before the damage and nothing else", () => {
    const messages = [message(100, 1), message(0, 2), message(700, 3)];
    const stream = concat(messages);
    const flip = fc.record({ bit: fc.nat(stream.length * 8 - 1), chunk: fc.integer({ min: 1, max: 800 }) });
    fc.assert(
      fc.property(flip, ({ bit, chunk }) => {
        const damaged = stream.slice();
        const at = Math.floor(bit / 8);
        damaged[at] = (damaged[at] ?? 0) ^ (1 << (bit % 8));
        const before = messages.filter((_, index) => concat(messages.slice(0, index + 1)).length <= at);
        withBuffer((buffer) => {
          expect(feed(buffer, damaged, [chunk])).toEqual(before.map(toHex));
          expect(buffer.invalid).not.toBeNull();
        });
      }),
      { numRuns: PROPERTY_RUNS },
    );
  });
});

test("a closed buffer is not used", () => {
  const buffer = new MessageBuffer(pool, checksums);
  buffer.close();
  expect(() => buffer.space()).toThrow("the buffer is closed");
  expect(() => buffer.close()).toThrow("the buffer is closed already");
});
