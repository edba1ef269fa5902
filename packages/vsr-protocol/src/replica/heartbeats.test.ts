import { describe, expect, test } from "vitest";
import { RepairBench, type RepairBenchOptions } from "../../test/repair-bench.ts";
import { Command } from "../command.ts";
import { CommitHeader } from "../message/commit.ts";
import { FaultDetector } from "./fault-detector.ts";
import { Heartbeats } from "./heartbeats.ts";
import { Timeouts } from "./timeouts.ts";

const MS = 1_000_000n;

/** A node among three, by default a backup of view 0, with a log of ops 0 to 8 of which 5 are executed. */
class Bench extends RepairBench {
  readonly calls: string[] = [];
  readonly timeouts: Timeouts;
  readonly faultDetector = new FaultDetector();
  readonly subject: Heartbeats;

  constructor(options: RepairBenchOptions = {}) {
    super(options);
    this.chain(8, { commitMin: 5, commitMax: 5 });
    this.timeouts = new Timeouts({ config: this.config, random: this.random });
    this.timeouts.start("commitMessage", "primaryAbdicate");
    const { checkpointHeader } = this.superblock.working;
    this.subject = new Heartbeats({
      ...this.parts,
      superblock: { working: { checkpointHeader }, checkpointIds: { op: 0, id: 44n, parentId: 0n, grandparentId: 0n } },
      timeouts: this.timeouts,
      faultDetector: this.faultDetector,
      syncing: () => false,
      onLost: () => this.calls.push("lost"),
      onAlive: () => this.calls.push("alive"),
      onCommitted: () => this.calls.push("committed"),
    });
    this.subject.onTransition();
  }

  /** The heartbeat of a primary comes. Returns what it leads to. */
  heartbeat(
    fields: Partial<{ timestamp: bigint; commit: number; checksum: bigint; view: number; replica: number }> = {},
  ): string[] {
    const commit = fields.commit ?? 6;
    const message = this.messages.header(CommitHeader, Command.commit, fields.view ?? 0, (header) => {
      header.replica = fields.replica ?? 0;
      header.commit = commit;
      header.commitChecksum = fields.checksum ?? this.journal.headerWithOp(commit)?.checksum ?? 0n;
      header.timestampMonotonic = fields.timestamp ?? 1n;
    });
    this.calls.length = 0;
    this.subject.onCommit(message);
    message.release();
    return this.calls.slice();
  }

  /** Time passes; returns what a tick leads to. */
  after(ms: bigint): string[] {
    this.time.advance(ms * MS);
    this.calls.length = 0;
    this.subject.tick();
    return this.calls.slice();
  }
}

describe("a backup", () => {
  test("learns from a heartbeat that the primary lives, and what is committed", () => {
    const bench = new Bench();
    expect(bench.heartbeat({ commit: 7 })).toEqual(["alive", "committed"]);
    expect(bench.log.commitMax).toBe(7);
  });

  test("takes a heartbeat that comes late or twice for no sign of life", () => {
    const bench = new Bench();
    bench.heartbeat({ timestamp: 5n });
    expect(bench.heartbeat({ timestamp: 5n })).toEqual(["committed"]);
    expect(bench.heartbeat({ timestamp: 4n, commit: 5 })).toEqual(["committed"]);
    expect(bench.log.commitMax).toBe(6);
    bench.subject.onTransition();
    expect(bench.heartbeat({ timestamp: 1n })).toEqual(["alive", "committed"]);
  });

  test("hears only the primary of its own view", () => {
    const bench = new Bench();
    expect(bench.heartbeat({ view: 1 })).toEqual([]);
    expect(bench.heartbeat({ replica: 2 })).toEqual([]);
    bench.status.current = "view_change";
    expect(bench.heartbeat()).toEqual([]);
    expect(bench.log.commitMax).toBe(5);
  });

  test("wants another view when there was silence for three usual intervals", () => {
    const bench = new Bench();
    expect(bench.after(6000n)).toEqual([]);
    expect(bench.after(1n)).toEqual(["lost"]);
    expect(bench.after(10n)).toEqual([]);
  });

  test("bears that the silence becomes too long while it looks at it", () => {
    const bench = new Bench();
    bench.time.readingNs = 1n;
    expect(bench.after(6000n)).toEqual([]);
    expect(bench.faultDetector.tardiness(bench.time.monotonicNs)).toBe("red");
    expect(bench.after(0n)).toEqual(["lost"]);
  });

  test("does not believe that something else than what is here was committed, unless its log is being repaired", () => {
    const bench = new Bench();
    const { commitMax } = bench.log;
    expect(bench.heartbeat({ commit: 6, checksum: 1n })).toEqual([]);
    expect(bench.log.commitMax).toBe(commitMax);
    bench.journal.lose(7);
    expect(bench.heartbeat({ commit: 6, checksum: 1n, timestamp: 9n })).toEqual(["alive", "committed"]);
  });

  test("that does not vote wants no view", () => {
    const bench = new Bench({ replica: 3 });
    expect(bench.after(60_000n)).toEqual([]);
  });
});

describe("a primary", () => {
  const primary = (): Bench => new Bench({ replica: 0 });
  const heartbeats = (bench: Bench): CommitHeader[] =>
    bench.taken(Command.commit).map(({ bytes }) => new CommitHeader(bytes));

  test("tells all nodes what is committed", () => {
    const bench = primary();
    bench.subject.send();
    expect(bench.sent.map(({ to }) => to)).toEqual(["nodes"]);
    const [header] = heartbeats(bench);
    expect(header).toMatchObject({
      view: 0,
      replica: 0,
      commit: 5,
      commitChecksum: bench.journal.headerWithOp(5)?.checksum,
      timestampMonotonic: bench.time.monotonicNs,
      checkpointOp: 0,
      checkpointId: 44n,
    });
  });

  test("sends one before the others miss it, and lets the regular one come later", () => {
    const bench = primary();
    const regular = bench.timeouts.get("commitMessage");
    regular.tick();
    bench.after(3000n);
    expect(heartbeats(bench)).toEqual([]);
    bench.after(1n);
    expect(heartbeats(bench)).toHaveLength(1);
    expect(regular.ticks).toBe(0);
  });

  test("that nobody acknowledges is silent, until someone does", () => {
    const bench = primary();
    bench.subject.onAbdicateTimeout(bench.timeouts.get("primaryAbdicate"));
    bench.subject.onCommitTimeout(bench.timeouts.get("commitMessage"));
    expect(heartbeats(bench)).toEqual([]);
    expect(bench.logger.lines.at(-1)).toContain("send_commit: primary abdicating");
    // It does not take its own silence for that of somebody else.
    bench.after(10_000n);
    expect(heartbeats(bench)).toEqual([]);
    expect(bench.faultDetector.tardiness(bench.time.monotonicNs)).toBe("green");
    bench.subject.onHeard();
    bench.subject.send();
    expect(heartbeats(bench)).toHaveLength(1);
  });

  test("that is alone never abdicates", () => {
    const bench = new Bench({ replica: 0, replicaCount: 1 });
    bench.subject.onAbdicateTimeout(bench.timeouts.get("primaryAbdicate"));
    expect(bench.subject.abdicating).toBe(false);
  });

  test("begins anew in another view", () => {
    const bench = primary();
    bench.subject.onAbdicateTimeout(bench.timeouts.get("primaryAbdicate"));
    bench.subject.onTransition();
    expect(bench.subject.abdicating).toBe(false);
  });
});
