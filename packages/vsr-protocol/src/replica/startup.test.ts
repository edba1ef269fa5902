import { describe, expect, test } from "vitest";
import { RELEASE_NOW, Solo, type SoloOptions, formattedFile } from "../../test/solo.ts";
import { FatalError } from "../fatal.ts";
import type { JournalRecoveryResult } from "../ports/journal.ts";
import { releaseOf } from "../release.ts";
import { zoneSize, zoneStart } from "../zone.ts";

/** Starts a replica that is refused; returns the line for the operator. */
function refusal(solo: Solo): string {
  const before = fileOf(solo);
  try {
    solo.open();
    solo.settle();
  } catch (error) {
    expect(error).toBeInstanceOf(FatalError);
    expect(solo.serving).toBe(false);
    expect(fileOf(solo)).toEqual(before);
    return (error as FatalError).message;
  }
  expect.unreachable(`the replica starts: ${solo.replica.describe()}`);
}

/** The superblocks and the log as they are on disk. */
function fileOf({ storage, config }: Solo): Uint8Array {
  return storage.read(0, zoneStart(config, "walPrepares") + zoneSize(config, "walPrepares"));
}

describe("a start that cannot be is refused with one line, and changes nothing", () => {
  const cases: readonly (readonly [name: string, options: SoloOptions, line: string])[] = [
    ["another cluster", { cluster: 5n }, "belongs to cluster 0, not to cluster 5"],
    ["too few addresses", { format: { replicaCount: 3 }, addressCount: 2 }, "all addresses must be provided"],
    ["a standby without an address", { format: { replica: 2 }, addressCount: 2 }, "this is number 2, there are 2"],
    ["a newer file", { format: { release: releaseOf(0, 18, 0) } }, "at release 0.18.0, this is release 0.17.9"],
    ["an older file", { format: { release: releaseOf(0, 17, 8) } }, "at release 0.17.8, this is release 0.17.9"],
    [
      "a test release outside cluster 0",
      { format: { release: releaseOf(65_535, 0, 1), cluster: 3n }, release: releaseOf(65_535, 0, 1) },
      "a test release runs cluster 0 only",
    ],
  ];

  test.each(cases)("%s", (_, options, line) => {
    expect(refusal(new Solo(options))).toContain(line);
  });

  const outcomes: readonly (readonly [JournalRecoveryResult, string])[] = [
    [{ outcome: "WALInvalid" }, "damaged as a whole (WALInvalid)"],
    [{ outcome: "WALCorrupt", slot: 3, faultyCount: 2 }, "(WALCorrupt): 2 slots from slot 3 on"],
    [{ outcome: "WALAhead", slot: 3 }, "newer than the superblock (WALAhead, slot 3)"],
  ];

  test.each(outcomes)("a journal that ends its recovery with $outcome", (outcome, line) => {
    const solo = new Solo();
    solo.journal.outcome = outcome;
    expect(refusal(solo)).toContain(line);
  });

  test("a log without an op that the superblock knows of", () => {
    const solo = Solo.serving();
    const client = solo.registered(1n);
    client.add(1);
    // The start after this one writes view headers of op 2.
    const again = solo.restart();
    const { storage, config } = again;
    const slotSize = config.cluster.messageSizeMax;
    storage.write(zoneStart(config, "walPrepares") + 2 * slotSize, new Uint8Array(slotSize));
    expect(refusal(new Solo({ storage: storage.restart() }))).toContain(
      "op 2, which the superblock knows of, is not there",
    );
  });

  test("a log with a gap", () => {
    const solo = Solo.serving();
    const client = solo.registered(1n);
    for (const value of [1, 2, 3]) client.add(value);
    const { storage, config } = solo;
    const slotSize = config.cluster.messageSizeMax;
    storage.write(zoneStart(config, "walPrepares") + 2 * slotSize, new Uint8Array(slotSize));
    expect(refusal(new Solo({ storage: storage.restart() }))).toContain(
      "op 2 is not there, or op 3 does not follow from it",
    );
  });
});

describe("a start", () => {
  test("of a fresh file serves in view 1", () => {
    const { state } = Solo.serving().replica;
    expect(state).toEqual({
      status: "normal",
      view: 1,
      logView: 1,
      op: 0,
      opCheckpoint: 0,
      commitMin: 0,
      commitMax: 0,
      commitStage: "idle",
      syncStage: "idle",
      syncContentDone: true,
      serving: true,
    });
  });

  test("has a view of its own each time, which is durable before it serves", () => {
    let solo = Solo.serving();
    for (let view = 2; view < 5; view += 1) {
      solo = solo.restart();
      expect(solo.replica.state).toMatchObject({ view, logView: view });
      expect(solo.superblock.working.vsrState).toMatchObject({ view, logView: view });
    }
  });

  test("stores what the log ends with beside the view", () => {
    const solo = Solo.serving();
    const client = solo.registered(1n);
    for (const value of [1, 2, 3]) client.add(value);
    const { superblock } = solo.restart();
    expect(superblock.working.viewHeaders().map(({ op, view }) => [op, view])).toEqual([
      [4, 1],
      [3, 1],
      [2, 1],
      [1, 1],
      [0, 0],
    ]);
  });

  test("executes the log before it serves, and answers only afterwards", () => {
    const solo = Solo.serving();
    const client = solo.registered(1n);
    for (const value of [1, 2, 3]) client.add(value);
    const again = solo.restart();
    expect(again.machine.sum).toBe(6);
    expect(again.machine.calls.filter((call) => call.startsWith("commit"))).toEqual([
      "commit 2",
      "commit 3",
      "commit 4",
    ]);
    expect(again.bus.sent).toEqual([]);
    expect(client.moveTo(again).add(4).tally).toEqual({ count: 4, sum: 10 });
  });

  test("says what an operator wants to know", () => {
    const solo = Solo.serving();
    solo.registered(1n).add(1);
    const again = solo.restart();
    const lines = again.logger.lines.filter((line) => line.startsWith("info: 0"));
    expect(lines.map((line) => line.split(" ").slice(1).join(" "))).toEqual([
      "0R: starting cluster=0 replicaCount=1 release=0.17.9 releaseClientMin=0.17.0 requestSizeLimit=4096 aofRecovery=false",
      "0R: log recovered op=2 commitMin=0 commitMax=0 opCheckpoint=0",
      "0R: replaying the log from=1 to=2",
      "0R: log replayed op=2",
      "0N: serving view=2 op=2",
    ]);
  });

  test("tells of its progress once a second", () => {
    const solo = Solo.serving();
    const client = solo.registered(1n);
    for (let value = 0; value < 10; value += 1) client.add(value);
    const again = new Solo({ storage: solo.storage.restart() });
    again.open();
    while (again.storage.step()) again.time.advance(50_000_000n);
    const progress = again.logger.lines.filter((line) => line.includes("replaying the log op="));
    expect(progress.length).toBeGreaterThan(0);
    expect(progress.length).toBeLessThan(5);
  });

  test("ends when an op cannot be read back", () => {
    const solo = Solo.serving();
    const client = solo.registered(1n);
    for (const value of [1, 2]) client.add(value);
    const again = new Solo({ storage: solo.storage.restart() });
    again.journal.damaged = (op) => op === 2;
    again.open();
    expect(() => again.settle()).toThrow("op 2 cannot be read back");
  });

  test("ends when the log was made with a larger request limit", () => {
    const solo = Solo.serving();
    solo.registered(1n);
    const again = new Solo({ storage: solo.storage.restart(), requestSizeLimit: 2048 });
    again.open();
    expect(() => again.settle()).toThrow("made with a request limit of at least 4096 bytes, but this process has 2048");
  });

  test("takes a larger request limit than that of the log", () => {
    const solo = Solo.serving({ requestSizeLimit: 2048 });
    const client = solo.registered(1n);
    client.add(1);
    const again = solo.restart({ requestSizeLimit: 4096 });
    expect(client.moveTo(again).add(1).tally.sum).toBe(2);
  });

  test("happens once", () => {
    const solo = Solo.serving();
    expect(() => solo.open()).toThrow("opened once");
  });

  test("gives back every message but the one that the connection reads into", () => {
    const solo = Solo.serving();
    const client = solo.registered(1n);
    for (const value of [1, 2, 3]) client.add(value);
    expect(solo.messagesHeld).toBe(1);
    expect(solo.restart().messagesHeld).toBe(1);
  });
});

test("a file of the release that runs is taken whatever clients it accepts", () => {
  const storage = formattedFile({ release: RELEASE_NOW });
  expect(Solo.serving({ storage, releaseClientMin: RELEASE_NOW }).serving).toBe(true);
});
