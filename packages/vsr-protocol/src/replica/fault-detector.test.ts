import { describe, expect, test } from "vitest";
import { FaultDetector } from "./fault-detector.ts";

const MS = 1_000_000n;

/** A detector, and the time, in milliseconds. */
class Bench {
  readonly detector = new FaultDetector();
  now = 0n;

  signals(count: number, intervalMs: bigint): this {
    for (let signal = 0; signal < count; signal += 1) {
      this.now += intervalMs * MS;
      this.detector.signal(this.now);
    }
    return this;
  }

  after(ms: bigint): string {
    this.now += ms * MS;
    return this.detector.tardiness(this.now);
  }

  get intervalMs(): bigint {
    return this.detector.intervalNs / MS;
  }
}

describe("the example of the specification", () => {
  test("signals 200 ms apart: late after 300 ms, gone after 600 ms", () => {
    const bench = new Bench();
    expect(bench.intervalMs).toBe(2000n);
    bench.signals(100, 200n);
    expect(bench.after(200n)).toBe("green");
    expect(bench.intervalMs).toBe(200n);
    expect(bench.after(200n)).toBe("yellow");
    expect(bench.after(250n)).toBe("red");
  });

  test("it adapts to slower signals, and to faster ones down to a minimum", () => {
    const bench = new Bench().signals(100, 200n).signals(100, 1000n);
    expect(bench.intervalMs).toBe(999n);
    expect(bench.after(1000n)).toBe("green");
    bench.signals(100, 10n);
    expect(bench.intervalMs).toBe(100n);
  });

  test("it never waits for longer than three times its maximum", () => {
    const bench = new Bench().signals(100, 10n).signals(100, 10_000n);
    expect(bench.intervalMs).toBe(1999n);
    expect(bench.after(10_000n)).toBe("red");
  });
});

test("a reset forgets what was learned", () => {
  const bench = new Bench().signals(100, 100n);
  bench.detector.reset(bench.now);
  expect(bench.intervalMs).toBe(2000n);
  expect(bench.after(3000n)).toBe("green");
  expect(bench.after(3000n)).toBe("yellow");
  expect(bench.after(1n)).toBe("red");
});

/** A primary that sends a request's prepare every so often, injects heartbeats when it is late itself, and a backup. */
class Pair {
  readonly primary = new FaultDetector({ intervalMinNs: 50n * MS });
  readonly backup = new FaultDetector({ intervalMinNs: 50n * MS });
  readonly seen = new Set<string>();
  #now = 0n;
  #heartbeatAt = 0n;
  #requestAt = 0n;
  readonly #underway: bigint[] = [];

  run(ticks: number, options: { readonly requests: boolean }): void {
    for (let tick = 0; tick < ticks; tick += 1) this.#tick(options.requests);
  }

  #tick(requests: boolean): void {
    this.#now += 10n * MS;
    const now = this.#now;
    if (requests && now - this.#requestAt > 100n * MS) {
      this.#requestAt = now;
      this.#send();
    }
    if (now - this.#heartbeatAt > 500n * MS || this.primary.tardiness(now) !== "green") {
      this.#heartbeatAt = now;
      this.#send();
    }
    if ((this.#underway[0] ?? now) < now - 99n * MS) {
      this.#underway.shift();
      this.backup.signal(now);
    }
    this.seen.add(`primary ${this.primary.tardiness(now)}`);
    this.seen.add(`backup ${this.backup.tardiness(now)}`);
  }

  #send(): void {
    this.primary.signal(this.#now);
    this.#underway.push(this.#now);
  }
}

test("a primary that injects heartbeats when it gets late is never taken for gone, and both settle on the heartbeat", () => {
  const pair = new Pair();
  pair.run(1000, { requests: true });
  pair.seen.clear();
  pair.run(1000, { requests: true });
  expect([...pair.seen].sort()).toEqual(["backup green", "primary green"]);
  expect(Number(pair.backup.intervalNs / MS)).toBeLessThan(120);
  pair.run(5000, { requests: false });
  expect([...pair.seen]).not.toContain("backup red");
  for (const { intervalNs } of [pair.primary, pair.backup]) expect(Number(intervalNs / MS)).toBeGreaterThan(480);
});
