import { LinearMemory } from "@stagbeetle/kernels";
import { describe, expect, test } from "vitest";
import { MessagePool } from "./pool.ts";
import { RequestHeader } from "./request.ts";

function poolOf(messagesMax: number): MessagePool {
  const memory = new LinearMemory({ sizeBytes: 1 << 20, shared: false });
  return new MessagePool({ memory, messageSizeMax: 4096, messagesMax });
}

describe("a pool", () => {
  test("lends out as many messages as it has, each in its own sectors", () => {
    const pool = poolOf(3);
    const messages = [pool.acquire(), pool.acquire(), pool.acquire()];
    expect(pool.available).toBe(0);
    expect(new Set(messages.map(({ buffer }) => buffer.byteOffset)).size).toBe(3);
    for (const { buffer, references } of messages) {
      expect(buffer).toHaveLength(4096);
      expect(buffer.byteOffset % 4096).toBe(0);
      expect(references).toBe(1);
    }
    expect(() => pool.acquire()).toThrow("all 3 messages are in use");
  });

  test("takes a message back with its last reference", () => {
    const pool = poolOf(1);
    const message = pool.acquire().reference();
    message.release();
    expect(pool.available).toBe(0);
    message.release();
    expect(pool.available).toBe(1);
    expect(pool.acquire()).toBe(message);
  });

  test("notices a message that is released or used once too often", () => {
    const pool = poolOf(2);
    const message = pool.acquire();
    message.release();
    expect(() => message.release()).toThrow("released more often than it was referenced");
    expect(() => message.as(RequestHeader)).toThrow("a released message is used");
    expect(() => message.bytes()).toThrow("a released message is used");
    expect(() => message.body()).toThrow("a released message is used");
  });

  test("takes its memory at once, under a label", () => {
    const memory = new LinearMemory({ sizeBytes: 1 << 20, shared: false });
    new MessagePool({ memory, messageSizeMax: 4096, messagesMax: 4 });
    expect(memory.usage().some(({ label, sizeBytes }) => label === "messages" && sizeBytes >= 4 * 4096)).toBe(true);
  });
});

describe("a message", () => {
  test("is as long as its header says", () => {
    const message = poolOf(1).acquire();
    message.header.size = 300;
    expect(message.bytes()).toHaveLength(300);
    expect(message.body()).toHaveLength(44);
    message.header.size = 255;
    expect(() => message.body()).toThrow("message size 255");
    message.header.size = 4097;
    expect(() => message.bytes()).toThrow("message size 4097 of at most 4096");
  });

  test("has one view per command over all its uses", () => {
    const pool = poolOf(1);
    const message = pool.acquire();
    const view = message.as(RequestHeader);
    view.request = 7;
    expect(message.as(RequestHeader)).toBe(view);
    message.release();
    expect(pool.acquire().as(RequestHeader)).toBe(view);
  });

  test("zeroes what is between its end and the end of its sector", () => {
    const memory = new LinearMemory({ sizeBytes: 1 << 20, shared: false });
    const message = new MessagePool({ memory, messageSizeMax: 8192, messagesMax: 1 }).acquire();
    message.buffer.fill(0xff);
    message.header.size = 300;
    message.zeroSectorPadding();
    expect(message.buffer[299]).toBe(0xff);
    expect(message.buffer.subarray(300, 4096).every((byte) => byte === 0)).toBe(true);
    expect(message.buffer[4096]).toBe(0xff);
    message.buffer.fill(0xff, 256);
    message.header.size = 4096;
    message.zeroSectorPadding();
    expect(message.buffer[4096]).toBe(0xff);
  });
});
