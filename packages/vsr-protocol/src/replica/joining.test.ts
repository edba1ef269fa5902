import { describe, expect, test } from "vitest";
import { RELEASE_NOW, Solo, type SoloOptions } from "../../test/solo.ts";
import { Command } from "../command.ts";
import { Header } from "../message/frame.ts";
import { JoinViewHeader } from "../message/join-view.ts";
import { PingHeader } from "../message/ping.ts";
import { readReleaseList, releaseOf } from "../release.ts";

/** One of three replicas, whose messages go nowhere. */
const of = (replica: number, options: SoloOptions = {}): SoloOptions => ({
  addressCount: 3,
  checkpoints: true,
  ...options,
  format: { replica, replicaCount: 3, ...options.format },
});

function sentTo(solo: Solo, command: number): number[] {
  return solo.bus.sentToReplicas
    .filter(({ bytes }) => new Header(bytes).command === command)
    .map(({ replica }) => replica);
}

describe("a node that starts among others (spec 03 §8.1, step 6)", () => {
  const cases: readonly (readonly [name: string, options: SoloOptions, expected: object])[] = [
    ["is a backup if another one leads its view", of(1), { status: "normal", view: 0, logView: 0 }],
    ["leaves the view that it led itself", of(0), { status: "view_change", view: 1, logView: 0 }],
    [
      "goes on with the view change that it was in",
      of(2, { format: { view: 7 } }),
      { status: "view_change", view: 7, logView: 0 },
    ],
    ["follows without a vote as a standby", of(3, { addressCount: 4 }), { status: "normal", view: 0, logView: 0 }],
    [
      "follows a replica that is alone as its standby",
      { addressCount: 2, checkpoints: true, format: { replica: 1, replicaCount: 1 } },
      { status: "normal", view: 0, logView: 0 },
    ],
  ];

  test.each(cases)("%s", (_, options, expected) => {
    const solo = Solo.serving(options);
    expect(solo.replica.state).toMatchObject({ ...expected, op: 0, commitMin: 0, serving: false });
  });

  test("waits to be told the head if damage may hide it", () => {
    const solo = new Solo(of(1));
    solo.journal.faultyOps.add(5);
    solo.open();
    solo.settle();
    expect(solo.replica.state).toMatchObject({ status: "recovering_head", view: 0 });
    expect(solo.replica.describe()).toMatch(/^1h:/);
  });

  test("can be reached before its state is open", () => {
    const solo = new Solo(of(1));
    solo.open();
    solo.settleUntil(() => solo.serving);
    expect(solo.machine.calls).not.toContain("open");
    solo.settle();
    expect(solo.machine.calls).toContain("open");
  });

  test("answers pings while its view is being written, with the one that is durable", () => {
    const other = Solo.serving(of(1));
    other.tick(100);
    const ping = other.bus.sentToReplicas.find(({ bytes }) => new Header(bytes).command === Command.ping);
    const solo = new Solo(of(0));
    solo.open();
    solo.settleUntil(() => solo.serving);
    solo.receive(ping?.bytes ?? new Uint8Array(0));
    expect(sentTo(solo, Command.pong)).toEqual([1]);
    const pong = new Header(solo.bus.sentToReplicas[0]?.bytes ?? new Uint8Array(256));
    expect([solo.replica.state.view, pong.view]).toEqual([1, 0]);
  });

  test("shows nobody a view that is not durable", () => {
    const solo = new Solo(of(0));
    solo.open();
    solo.settleUntil(() => solo.serving);
    expect(solo.replica.state.view).toBe(1);
    expect(solo.bus.sentToReplicas).toEqual([]);
    solo.settle();
    expect(sentTo(solo, Command.joinView)).toEqual([1, 2]);
    const joinView = new JoinViewHeader(solo.bus.sentToReplicas[0]?.bytes ?? new Uint8Array(256));
    expect(joinView).toMatchObject({ view: 1, logView: 0, op: 0, commitMin: 0, checkpointOp: 0, size: 512 });
  });
});

describe("a node among others", () => {
  test("pings all of them once a second, with the releases that it can run", () => {
    const older = releaseOf(0, 17, 4);
    const solo = Solo.serving({ ...of(1, { addressCount: 4 }), releasesBundled: () => [older, RELEASE_NOW] });
    solo.tick(99);
    expect(sentTo(solo, Command.ping)).toEqual([]);
    solo.tick(1);
    expect(sentTo(solo, Command.ping)).toEqual([0, 2, 3]);
    const bytes = solo.bus.sentToReplicas.find((sent) => new Header(sent.bytes).command === Command.ping)?.bytes;
    const ping = new PingHeader(bytes ?? new Uint8Array(512));
    expect(ping).toMatchObject({
      view: 0,
      replica: 1,
      release: RELEASE_NOW,
      releaseCount: 2,
      checkpointOp: 0,
      checkpointId: solo.superblock.checkpointIds.id,
      pingTimestampMonotonic: solo.time.monotonicNs,
    });
    expect(readReleaseList(ping.buffer.subarray(256), 2)).toEqual([older, RELEASE_NOW]);
  });

  test("wants another view after six seconds of silence, and says so twice a second", () => {
    const solo = Solo.serving(of(1));
    solo.tick(600);
    expect(sentTo(solo, Command.exitView)).toEqual([]);
    solo.tick(1);
    expect(sentTo(solo, Command.exitView)).toEqual([0, 2]);
    solo.tick(100);
    expect(sentTo(solo, Command.exitView).length).toBeGreaterThanOrEqual(6);
    expect(solo.replica.state).toMatchObject({ status: "normal", view: 0 });
  });

  test("passes a register on to the primary, and evicts nobody", () => {
    const solo = Solo.serving(of(1));
    solo.client(7n).register();
    expect(sentTo(solo, Command.request)).toEqual([0]);
    const stranger = solo.client(8n);
    stranger.send({ session: 5 });
    expect(solo.bus.sent).toEqual([]);
    expect(sentTo(solo, Command.request)).toEqual([0]);
  });

  test("that does not vote answers no client", () => {
    const solo = Solo.serving(of(3, { addressCount: 4 }));
    solo.client(7n).register();
    solo.receive(solo.pingBytes({ client: 7n }));
    expect([solo.bus.sent, solo.bus.sentToReplicas]).toEqual([[], []]);
  });
});

test("a file of another release is for that release, and this one touches nothing", () => {
  const switched: number[] = [];
  const newer = releaseOf(0, 18, 0);
  const solo = new Solo({ format: { release: newer }, onReleaseSwitch: (release) => switched.push(release) });
  solo.open();
  solo.settle();
  solo.tick(10);
  solo.receive(solo.pingBytes({ client: 7n }));
  expect(switched).toEqual([newer]);
  expect([solo.serving, solo.bus.sent]).toEqual([false, []]);
  expect(solo.storage.log.filter((line) => line.startsWith("write"))).toEqual([]);
});
