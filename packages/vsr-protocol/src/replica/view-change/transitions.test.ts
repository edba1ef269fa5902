import { describe, expect, it } from "vitest";
import { headerChain } from "../../../test/builders.ts";
import { ViewChangeCluster, type ViewChangeNode } from "../../../test/view-change-cluster.ts";
import { TIMEOUTS, type TimeoutName } from "../timeouts.ts";

const LOG = headerChain(5, 0);

const node = (replica: number, replicaCount = 3): ViewChangeNode =>
  new ViewChangeCluster([{ replica, replicaCount, view: 4, log: LOG, commitMin: 5 }]).node(replica);

/** A node on which everything runs that a transition may have to stop. */
const busy = (of: ViewChangeNode): ViewChangeNode => {
  of.timeouts.start(...TIMEOUTS.map(({ name }) => name));
  return of;
};

const EVERYWHERE: readonly TimeoutName[] = ["ping", "gridRepair", "gridScrub"];

/** What runs, in the order of the table, but what the replica itself has nothing to do with. */
const running = (of: ViewChangeNode): string[] =>
  of.running.filter((name) => name !== "traceEmit" && name !== "commitStall");
const inOrder = (names: readonly TimeoutName[]): string[] =>
  TIMEOUTS.map(({ name }) => name).filter((name) => names.includes(name));

describe("the timeouts after a transition", () => {
  it.each<[string, () => ViewChangeNode, readonly TimeoutName[]]>([
    [
      "recovering → normal, as a backup",
      () => node(0).start(),
      [...EVERYWHERE, "exitViewMessage", "journalRepair", "repairSync"],
    ],
    [
      "recovering → normal, alone",
      () => node(0, 1).start(),
      [...EVERYWHERE, "exitViewMessage", "journalRepair", "commitMessage", "pulse", "upgrade"],
    ],
    [
      "recovering → view_change, as the primary of before",
      () => node(1).start(),
      [...EVERYWHERE, "exitViewMessage", "viewChangeStatus", "joinViewMessage", "getViewMessage"],
    ],
    [
      "normal → view_change, as the next primary",
      () => {
        const of = busy(node(2).start());
        of.transitions.toViewChange(5);
        return of;
      },
      [...EVERYWHERE, "exitViewMessage", "viewChangeStatus", "joinViewMessage"],
    ],
    [
      "normal → view_change, as a backup",
      () => {
        const of = busy(node(0).start());
        of.transitions.toViewChange(5);
        return of;
      },
      [...EVERYWHERE, "exitViewMessage", "viewChangeStatus", "joinViewMessage", "getViewMessage"],
    ],
    [
      "recovering → recovering_head",
      () => {
        const of = node(0);
        of.transitions.recoveringToRecoveringHead();
        return of;
      },
      EVERYWHERE,
    ],
  ])("%s", (_name, make, expected) => {
    expect(running(make())).toEqual(inOrder(expected));
  });
});

describe("a transition", () => {
  it("to another view forgets who voted in the one before", () => {
    const of = node(0).start();
    of.exitViews.add(2);
    of.transitions.toViewChange(5);
    of.exitViews.add(1);
    of.transitions.toViewChange(7);
    expect([of.exitViews.count, of.joinViews.all().length]).toEqual([0, 0]);
    expect(of.calls.filter((call) => call === "view left").length).toBe(2);
  });

  it("to another view keeps what was promised to the one before", () => {
    const of = node(0).start();
    of.transitions.toViewChange(5);
    const promised = of.view.headers.map(({ checksum }) => checksum);
    of.transitions.toViewChange(8);
    expect(of.view.headers.map(({ checksum }) => checksum)).toEqual(promised);
    expect([of.view.view, of.view.logView]).toEqual([8, 4]);
  });

  it("never goes back, or into a view that a solo replica leads anyway", () => {
    const of = node(0).start();
    expect(() => of.transitions.toViewChange(4)).toThrow(/view 4 after 4/);
    const solo = node(0, 1).start();
    expect(() => solo.transitions.toViewChange(5)).toThrow(/solo/);
  });

  it.each<[string, (of: ViewChangeNode) => void]>([
    ["a start twice", (of) => of.start().start()],
    ["normal without a view change", (of) => of.start().transitions.toNormal(4)],
    ["a head that was not lost", (of) => of.start().transitions.recoveringHeadToNormal(4)],
    ["a view before the log is recovered", (of) => of.transitions.toViewChange(5)],
    [
      "votes of one who does not know its head",
      (of) => {
        of.transitions.recoveringToRecoveringHead();
        of.transitions.toViewChange(5);
      },
    ],
    [
      "a view without its log",
      (of) => {
        of.start().transitions.toViewChange(5);
        of.transitions.toNormal(5);
      },
    ],
  ])("is refused: %s", (_name, act) => {
    expect(() => act(node(0))).toThrow();
  });
});
