import { afterEach, describe, expect, test, vi } from "vitest";

const COUNT = 100_000;

afterEach(() => {
  vi.restoreAllMocks();
  vi.resetModules();
});

/** A generator that has made nothing yet. */
async function freshId(): Promise<() => bigint> {
  return (await import("./id.ts")).id;
}

/** Makes all random bits the same. */
function randomBytes(byte: number): void {
  vi.spyOn(crypto, "getRandomValues").mockImplementation((bytes) => {
    if (bytes instanceof Uint8Array) bytes.fill(byte);
    return bytes;
  });
}

describe("id()", () => {
  test("strictly increases", async () => {
    const id = await freshId();
    let last = 0n;
    for (let count = 0; count < COUNT; count += 1) {
      const next = id();
      if (next <= last) expect.fail(`${next} after ${last}`);
      last = next;
    }
    expect(last >> 128n).toBe(0n);
  });

  test("begins with the milliseconds of the wall clock", async () => {
    const id = await freshId();
    vi.spyOn(Date, "now").mockReturnValue(1_700_000_000_000);
    expect(id() >> 80n).toBe(1_700_000_000_000n);
  });

  test("goes on counting when the clock stands still or goes back", async () => {
    const id = await freshId();
    randomBytes(0);
    const clock = vi.spyOn(Date, "now").mockReturnValue(1000);
    expect(id()).toBe((1000n << 80n) | 1n);
    expect(id()).toBe((1000n << 80n) | 2n);
    clock.mockReturnValue(999);
    expect(id()).toBe((1000n << 80n) | 3n);
    clock.mockReturnValue(1001);
    expect(id()).toBe((1001n << 80n) | 1n);
  });

  test("carries into the next millisecond, which then counts as used", async () => {
    const id = await freshId();
    randomBytes(0xff);
    const clock = vi.spyOn(Date, "now").mockReturnValue(1000);
    expect(id()).toBe(1001n << 80n);
    clock.mockReturnValue(1001);
    expect(id()).toBe((1001n << 80n) | 1n);
  });

  test("ends with the last millisecond", async () => {
    const id = await freshId();
    randomBytes(0xff);
    vi.spyOn(Date, "now").mockReturnValue(2 ** 48 - 1);
    expect(() => id()).toThrow("timestamp overflow on monotonic increment");
  });
});
