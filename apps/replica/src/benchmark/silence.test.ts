import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";

import { Silence } from "./silence.ts";

beforeEach(() => vi.useFakeTimers());
afterEach(() => vi.useRealTimers());

describe("silence", () => {
  test("is told once for every five seconds without an answer, until it ends", () => {
    const said = vi.fn();
    const silence = new Silence(said);
    vi.advanceTimersByTime(4999);
    silence.onAnswer();
    vi.advanceTimersByTime(1);
    expect(said).not.toHaveBeenCalled();
    vi.advanceTimersByTime(10_000);
    expect(said).toHaveBeenCalledTimes(2);
    silence.end();
    vi.advanceTimersByTime(10_000);
    expect(said).toHaveBeenCalledTimes(2);
  });
});
