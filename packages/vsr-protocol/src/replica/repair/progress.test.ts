import { describe, expect, test } from "vitest";
import { RepairBench } from "../../../test/repair-bench.ts";
import type { CommitStage } from "../commit.ts";
import { RepairProgress } from "./progress.ts";

const HEAD = 12;
const COMMIT_MIN = 4;

/** A backup that lacks the prepare of the op to be executed next, and for a whole period has executed nothing. */
function stuckBench(): {
  readonly node: RepairBench;
  readonly progress: RepairProgress;
  readonly facts: { stage: CommitStage; waits: boolean };
} {
  const node = new RepairBench();
  node.chain(HEAD, { commitMin: COMMIT_MIN });
  node.journal.soil(COMMIT_MIN + 1);
  const facts = { stage: "idle" as CommitStage, waits: false };
  const progress = new RepairProgress({
    ...node.parts,
    grid: {
      get readWaitsForBlock() {
        return facts.waits;
      },
    },
    commitStage: () => facts.stage,
  });
  progress.look();
  progress.look();
  return { node, progress, facts };
}

describe("the repair of the log is stuck", () => {
  test("if nothing was executed for a whole period, and the next prepare is missing", () => {
    expect(stuckBench().progress.stuck).toBe(true);
  });

  test("not before a whole period has passed", () => {
    const { node, facts } = stuckBench();
    const progress = new RepairProgress({ ...node.parts, grid: null, commitStage: () => facts.stage });
    expect(progress.stuck).toBe(false);
    progress.look();
    expect(progress.stuck).toBe(false);
    progress.look();
    expect(progress.stuck).toBe(true);
  });

  test("not if something was executed since", () => {
    const { node, progress } = stuckBench();
    node.log.executed(COMMIT_MIN + 1);
    node.journal.soil(COMMIT_MIN + 2);
    expect(progress.stuck).toBe(false);
    progress.look();
    expect(progress.stuck).toBe(false);
    progress.look();
    expect(progress.stuck).toBe(true);
  });

  test("not after a checkpoint of another replica was installed", () => {
    const { progress } = stuckBench();
    progress.restart();
    expect(progress.stuck).toBe(false);
  });

  test("not in a checkpoint, and not while the head is unknown", () => {
    const { node, progress, facts } = stuckBench();
    for (const stage of ["checkpoint_data", "checkpoint_superblock"] as const) {
      facts.stage = stage;
      expect(progress.stuck).toBe(false);
    }
    facts.stage = "start";
    expect(progress.stuck).toBe(true);
    node.status.current = "recovering_head";
    expect(progress.stuck).toBe(false);
  });

  test("not if all is executed", () => {
    const node = new RepairBench();
    node.chain(HEAD, { commitMin: HEAD });
    const progress = new RepairProgress({ ...node.parts, grid: null, commitStage: () => "idle" });
    progress.look();
    progress.look();
    expect(progress.stuck).toBe(false);
  });

  test("only if something is missing: the next header or prepare, the chain to the head, or a block", () => {
    const whole = (): ReturnType<typeof stuckBench> => {
      const bench = stuckBench();
      bench.node.journal.fill([bench.node.journal.headerWithOp(COMMIT_MIN + 1)].filter((header) => header !== null));
      return bench;
    };
    expect(whole().progress.stuck).toBe(false);
    const header = whole();
    header.node.journal.lose(COMMIT_MIN + 1);
    const chain = whole();
    chain.node.journal.lose(9);
    const waits = whole();
    waits.facts.waits = true;
    expect([header, chain, waits].map(({ progress }) => progress.stuck)).toEqual([true, true, true]);
  });
});
