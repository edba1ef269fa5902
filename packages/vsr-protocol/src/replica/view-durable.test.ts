import { describe, expect, it } from "vitest";
import { formatted, headerChain, opened, prepareHeader } from "../../test/builders.ts";
import type { MemoryStorage } from "../../test/memory-storage.ts";
import { TEST_MIN } from "../config/test-min.ts";
import { DurableView } from "./view-durable.ts";

const LOG = headerChain(5, 3);

/** The view of a replica, and what was durable each time that it was written. */
interface Fixture {
  readonly view: DurableView;
  readonly storage: MemoryStorage;
  readonly writes: string[];
}

/** @param stopped whether another release goes on as soon as something was written. */
const view = (storage: MemoryStorage = formatted({ replicaCount: 3 }), stopped = false): Fixture => {
  const superblock = opened(storage);
  const writes: string[] = [];
  const of = new DurableView({
    config: TEST_MIN,
    superblock,
    commitMax: () => 3,
    syncCheckpoint: () => null,
    onWritten: () => {
      writes.push(`${of.viewDurable}/${of.logViewDurable}`);
      return stopped;
    },
    onDurable: () => writes.push("durable"),
  });
  of.load();
  return { view: of, storage, writes };
};

describe("a view", () => {
  it("is durable when the superblock is written, one step at a time", () => {
    const { view: of, storage, writes } = view();
    of.setHeaders("joinView", LOG);
    of.join(3);
    expect([of.view, of.viewDurable, of.durable, of.updating]).toEqual([3, 0, false, true]);
    of.join(4);
    of.join(5);
    storage.run();
    expect([of.viewDurable, of.logViewDurable, of.durable]).toEqual([5, 0, true]);
    // What came while the first one was written went together.
    expect(writes).toEqual(["3/0", "durable", "5/0", "durable"]);
  });

  it("is not written any more once another release has to go on", () => {
    const { view: of, storage, writes } = view(formatted({ replicaCount: 3 }), true);
    of.setHeaders("joinView", LOG);
    of.join(3);
    of.join(4);
    storage.run();
    expect([of.view, of.updating, writes]).toEqual([4, false, ["3/0"]]);
  });

  it("does not show that the log was chosen before it has the headers of the view", () => {
    const { view: of, storage, writes } = view();
    of.setHeaders("joinView", LOG);
    of.join(3);
    of.raiseLogView();
    storage.run();
    expect([of.logView, of.logViewDurable, of.logViewPending]).toEqual([3, 0, true]);
    of.setHeaders("view", LOG);
    of.persist();
    expect(of.logViewPending).toBe(false);
    storage.run();
    expect([of.durable, writes]).toEqual([true, ["3/0", "durable", "3/3", "durable"]]);
  });

  it("is written with its log as soon as the headers are there, if another write runs", () => {
    const { view: of, storage } = view();
    of.setHeaders("joinView", LOG);
    of.join(3);
    of.raiseLogView();
    of.setHeaders("view", LOG);
    of.persist();
    storage.run();
    expect([of.viewDurable, of.logViewDurable]).toEqual([3, 3]);
  });

  it("survives a restart with its headers and what they stand for", () => {
    const { view: of, storage } = view();
    of.setHeaders("joinView", LOG);
    of.join(3);
    storage.run();
    const { view: again } = view(storage.restart());
    expect([again.view, again.logView, again.headersKind]).toEqual([3, 0, "joinView"]);
    expect(again.headers.map(({ op }) => op)).toEqual([5, 4, 3]);
  });

  it("knows another header of an op of the log that it follows, and says nothing of other logs", () => {
    const { view: of } = view();
    const other = prepareHeader({ op: 4, parent: 7n });
    of.setHeaders("view", LOG);
    expect([of.hasOther(other), ...LOG.map((header) => of.hasOther(header))]).toEqual([true, false, false, false]);
    expect(of.hasOther(prepareHeader({ op: 7 }))).toBe(false);
    of.follow(3);
    expect(of.hasOther(other)).toBe(false);
  });

  it("knows that its log will have another op before or after those it has, if it is not chained to them", () => {
    const { view: of } = view();
    const log = headerChain(6, 2);
    of.setHeaders("view", log.slice(1, 4));
    expect(log.map((header) => of.hasOther(header))).toEqual([false, false, false, false, false]);
    expect([2, 6].map((op) => of.hasOther(prepareHeader({ op, parent: 7n })))).toEqual([true, true]);
  });

  it("can replace its headers by some of themselves", () => {
    const { view: of } = view();
    of.setHeaders("joinView", LOG);
    of.setHeaders("view", of.headers.slice(1));
    expect(of.headers.map(({ op, checksum }) => [op, checksum])).toEqual(
      LOG.slice(1).map(({ op, checksum }) => [op, checksum]),
    );
  });

  it.each<[string, (of: DurableView) => void]>([
    ["going back", (of) => of.follow(-1)],
    ["joining the view that it is in", (of) => of.join(0)],
    ["joining without a promise", (of) => of.join(1)],
    ["a log of a view that is not there", (of) => of.raiseLogView()],
    ["writing what is durable", (of) => of.persist()],
    ["headers that are not chained", (of) => of.setHeaders("view", [...headerChain(5, 5), ...headerChain(4, 4)])],
  ])("refuses %s", (_name, act) => {
    expect(() => act(view().view)).toThrow();
  });
});
