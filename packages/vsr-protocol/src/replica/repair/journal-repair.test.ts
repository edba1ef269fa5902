import { describe, expect, test } from "vitest";
import { prepareHeader } from "../../../test/builders.ts";
import { RepairBench, type RepairBenchOptions } from "../../../test/repair-bench.ts";
import { Random } from "../../random.ts";
import { Timeouts } from "../timeouts.ts";
import { JournalRepair } from "./journal-repair.ts";
import { RepairProgress } from "./progress.ts";

const HEAD = 12;

class Bench {
  readonly node: RepairBench;
  readonly repair: JournalRepair;
  readonly calls: string[] = [];
  readonly timeouts: Timeouts;
  opened = true;

  constructor(options: RepairBenchOptions & { readonly commitMin?: number; readonly commitMax?: number } = {}) {
    const node = new RepairBench(options);
    node.chain(HEAD, { commitMin: options.commitMin ?? HEAD, commitMax: options.commitMax ?? HEAD });
    this.node = node;
    this.timeouts = new Timeouts({ config: node.config, random: new Random(1) });
    this.timeouts.start("journalRepair", "repairSync");
    const note = (call: string) => () => void this.calls.push(call);
    this.repair = new JournalRepair({
      ...node.parts,
      timeouts: this.timeouts,
      headers: { request: ({ opMin, opMax }) => this.calls.push(`headers ${opMin}-${opMax}`) },
      prepares: { request: ({ opMin, opMax }) => this.calls.push(`prepares ${opMin}-${opMax}`) },
      replies: { request: note("replies") },
      budget: { reap: note("reap") },
      progress: new RepairProgress({ ...node.parts, grid: null, commitStage: () => "idle" }),
      requestBlocks: note("blocks"),
      fetchTables: note("tables"),
      requestView: (view) => this.calls.push(`view ${view}`),
      commit: note("commit"),
      potentialPrimary: note("potential primary"),
      stateMachineOpened: () => this.opened,
      updatingCheckpoint: () => node.syncing,
    });
  }

  /** What one round does. */
  round(): string[] {
    this.repair.repair();
    return this.calls.splice(0);
  }

  /** Makes the next round one that leaves the newest ops alone. */
  settle(): void {
    this.timeouts.get("journalRepair").resetWithJitter();
  }
}

describe("a round of repair", () => {
  test("of a log that is whole looks at everything and asks for nothing", () => {
    expect(new Bench().round()).toEqual(["blocks", "tables", "prepares 0-12", "replies"]);
  });

  test("does nothing while its timeout does not run, or a checkpoint is being installed", () => {
    const subject = new Bench();
    subject.timeouts.stop("journalRepair");
    expect(subject.round()).toEqual([]);
    subject.timeouts.start("journalRepair");
    subject.node.syncing = true;
    expect(subject.round()).toEqual([]);
  });

  test("only asks for blocks while the state machine is being opened: it may wait for them", () => {
    const subject = new Bench();
    subject.opened = false;
    expect(subject.round()).toEqual(["blocks"]);
  });

  test("says so where two ops of one view are not chained, and asks like for any other break", () => {
    const subject = new Bench();
    const { node } = subject;
    node.journal.fill([prepareHeader({ op: 8, parent: 99n })]);
    node.journal.findLatestHeadersBreakBetween = () => ({ opMin: 8, opMax: 8 });
    expect(subject.round()).toContain("headers 8-8");
    expect(node.logger.lines).toEqual(["error: repair: an op does not follow the one before of its view op=9 view=0"]);
    node.logger.lines.length = 0;
    node.journal.fill([prepareHeader({ op: 8, parent: 99n, view: 1 })]);
    subject.round();
    node.journal.lose(8);
    subject.round();
    expect(node.logger.lines).toEqual([]);
  });

  test("asks for the headers of the newest gap, and for the prepares to be executed before all others", () => {
    const subject = new Bench({ commitMin: 6 });
    for (const op of [3, 8, 9]) subject.node.journal.lose(op);
    expect(subject.round()).toEqual([
      "blocks",
      "tables",
      "headers 8-9",
      "prepares 7-12",
      "prepares 0-6",
      "commit",
      "replies",
    ]);
  });

  test("mostly leaves alone the newest ops, which arrive by themselves", () => {
    const subject = new Bench({ commitMin: 6 });
    subject.node.journal.lose(9);
    subject.settle();
    expect(subject.round()).toEqual(["blocks", "tables", "prepares 7-8", "prepares 0-6", "commit", "replies"]);
    subject.node.journal.lose(8);
    expect(subject.round()[2]).toBe("headers 8-8");
    const { pipelinePrepareQueueMax } = subject.node.config.cluster;
    expect(HEAD - pipelinePrepareQueueMax).toBe(8);
  });

  test("asks for all ops in a view change, and goes on with the work of the primary to come", () => {
    const subject = new Bench({ replica: 0, commitMin: 6 });
    subject.node.status.current = "view_change";
    subject.settle();
    expect(subject.round()).toEqual([
      "blocks",
      "tables",
      "prepares 7-12",
      "prepares 0-6",
      "commit",
      "replies",
      "potential primary",
    ]);
  });

  test("asks for the view if the cluster's log goes further, and goes on below a head of this view", () => {
    const subject = new Bench({ commitMin: 6, commitMax: HEAD + 2 });
    expect(subject.round()).toEqual([
      "blocks",
      "tables",
      "view 0",
      "prepares 7-12",
      "prepares 0-6",
      "commit",
      "replies",
    ]);
  });

  test("asks for headers each time, and for the view once until its timeout fires", () => {
    const subject = new Bench({ commitMin: 6, commitMax: HEAD + 2 });
    subject.node.journal.lose(9);
    const asked = (): string[] =>
      subject.round().filter((call) => call.startsWith("view") || call.startsWith("headers"));
    expect([asked(), asked(), asked()]).toEqual([["view 0", "headers 9-9"], ["headers 9-9"], ["headers 9-9"]]);
    // What this brings is of the newest ops left alone.
    subject.repair.onTimeout(subject.timeouts.get("journalRepair"));
    expect(subject.calls.splice(0)).toContain("view 0");
    expect(asked()).toEqual([]);
  });

  test("ends there if the head is of an older view: it may not belong to the log", () => {
    const subject = new Bench({ commitMin: 6, commitMax: HEAD + 2 });
    subject.node.view.view = 3;
    expect(subject.round()).toEqual(["blocks", "tables", "view 3"]);
  });

  test("asks for the view if its head is known to be higher", () => {
    const subject = new Bench();
    subject.node.view.headers = [prepareHeader({ op: HEAD + 1 })];
    expect(subject.round()[2]).toBe("view 0");
    subject.node.status.current = "view_change";
    subject.node.view.view = 1;
    expect(subject.round()).not.toContain("view 1");
  });

  test("empties dirty slots of ops that nobody needs", () => {
    const subject = new Bench();
    subject.node.journal.setHeaderAsDirty(prepareHeader({ op: HEAD + 3 }));
    subject.round();
    expect(subject.node.journal.ops()).toEqual(Array.from({ length: HEAD + 1 }, (_, op) => op));
  });

  test("does nothing on a primary that it could not do", () => {
    const subject = new Bench({ replica: 0, commitMax: HEAD + 2 });
    expect(() => subject.repair.repair()).toThrow("the primary's head is 12");
  });
});

describe("the timeouts", () => {
  test("of repair gives up old requests, then begins a round", () => {
    const subject = new Bench();
    subject.repair.onTimeout(subject.timeouts.get("journalRepair"));
    expect(subject.calls).toEqual(["reap", "blocks", "tables", "prepares 0-12", "replies"]);
    expect(subject.timeouts.get("journalRepair").attempts).toBe(1);
  });

  test("of a backup asks for the primary's checkpoint once nothing was executed for a whole period", () => {
    const subject = new Bench({ commitMin: 6 });
    subject.node.journal.soil(7);
    const timeout = subject.timeouts.get("repairSync");
    subject.repair.onRepairSyncTimeout(timeout);
    expect(subject.calls).toEqual([]);
    subject.repair.onRepairSyncTimeout(timeout);
    expect(subject.calls).toEqual(["view 0"]);
    expect(subject.node.logger.lines.at(-1)).toContain("stuck");
  });
});

test("headers pass through to the log", () => {
  const subject = new Bench({ commitMin: 4 });
  const header = subject.node.journal.headerWithOp(7);
  if (header === null) throw new Error("op 7 is there");
  subject.node.journal.lose(7);
  expect(subject.repair.repairHeader(header)).toBe(true);
  subject.node.journal.lose(7);
  subject.repair.replaceHeader(header);
  expect(subject.node.journal.hasHeader(header)).toBe(true);
});
