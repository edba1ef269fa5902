import { describe, expect, test } from "vitest";
import { RELEASE_CLIENT_MIN, RELEASE_NOW, Solo } from "../../test/solo.ts";
import { Command } from "../command.ts";
import { EvictionReason } from "../eviction.ts";
import { EvictionHeader } from "../message/eviction.ts";
import { invalidHeader } from "../message/invalid.ts";
import { PongClientHeader } from "../message/pong-client.ts";

type Ping = Parameters<Solo["pingBytes"]>[0];

function answer(solo: Solo, ping: Ping): string {
  const before = solo.bus.sent.length;
  solo.receive(solo.pingBytes(ping));
  const [received] = solo.bus.sent.slice(before);
  if (received === undefined) return "silence";
  expect(received.client).toBe(ping.client);
  if (received.command === Command.pongClient) return "pong";
  return `evicted ${received.eviction.reason}`;
}

test("a pong has every field of spec 01 §4.8", () => {
  const solo = Solo.serving().restart();
  solo.receive(solo.pingBytes({ client: 4n }));
  const [received] = solo.bus.sent;
  const pong = new PongClientHeader(received?.bytes ?? new Uint8Array(256));
  expect(invalidHeader(pong, solo.config)).toBeNull();
  expect(solo.checksums.valid(pong)).toBe(true);
  expect(pong).toMatchObject({
    command: Command.pongClient,
    size: 256,
    cluster: 0n,
    view: 2,
    release: RELEASE_NOW,
    replica: 0,
    pingTimestampMonotonic: 77n,
  });
});

test("an eviction has every field of spec 01 §4.21", () => {
  const solo = Solo.serving().restart();
  solo.receive(solo.pingBytes({ client: 4n, release: 1 }));
  const [received] = solo.bus.sent;
  const eviction = new EvictionHeader(received?.bytes ?? new Uint8Array(256));
  expect(invalidHeader(eviction, solo.config)).toBeNull();
  expect(eviction).toMatchObject({
    command: Command.eviction,
    size: 256,
    view: 2,
    release: RELEASE_NOW,
    replica: 0,
    client: 4n,
    reason: EvictionReason.clientReleaseTooLow,
  });
});

describe("a client's ping is answered by the first rule of spec 01 §9.2 that applies", () => {
  const cases: readonly (readonly [name: string, ping: Ping, expected: string])[] = [
    ["without a session", { client: 9n }, "pong"],
    ["with its session", { client: 1n, session: 1 }, "pong"],
    ["with a session of another time", { client: 1n, session: 7 }, "pong"],
    ["with a session that is gone", { client: 9n, session: 2 }, `evicted ${EvictionReason.noSession}`],
    ["with a session beyond what is executed here", { client: 9n, session: 2 ** 40 }, "pong"],
    ["with a session beyond what a number can be", { client: 9n, session: 0 }, "pong"],
    [
      "of a release that is too low",
      { client: 1n, release: RELEASE_CLIENT_MIN - 1 },
      `evicted ${EvictionReason.clientReleaseTooLow}`,
    ],
    [
      "of a release that is too high",
      { client: 1n, release: RELEASE_NOW + 1 },
      `evicted ${EvictionReason.clientReleaseTooHigh}`,
    ],
    [
      "with a session that is gone, too high",
      { client: 9n, session: 2, release: RELEASE_NOW + 1 },
      `evicted ${EvictionReason.noSession}`,
    ],
  ];

  test.each(cases)("%s", (_, ping, expected) => {
    const solo = Solo.serving();
    solo.registered(1n).add(1);
    expect(answer(solo, ping)).toBe(expected);
    expect(solo.messagesHeld).toBe(1);
  });
});

test("while the log is replayed, pings get a pong of the durable view and nobody is evicted", () => {
  const solo = Solo.serving();
  solo.registered(1n).add(1);
  const again = new Solo({ storage: solo.storage.restart() });
  again.open();
  again.settleUntil(() => again.replica.state.commitMin === 1);
  expect(answer(again, { client: 9n, session: 1 })).toBe("pong");
  expect(answer(again, { client: 9n, release: 1 })).toBe("silence");
  expect(new PongClientHeader(again.bus.sent[0]?.bytes ?? new Uint8Array(256)).view).toBe(1);
  again.settle();
  expect(answer(again, { client: 9n, session: 1 })).toBe(`evicted ${EvictionReason.noSession}`);
});

test("before the own log is known, nobody is answered", () => {
  const solo = Solo.serving();
  solo.registered(1n);
  const again = new Solo({ storage: solo.storage.restart() });
  again.open();
  again.settleUntil(() => again.replica.describe().includes("start=journal"));
  expect(answer(again, { client: 1n, session: 1 })).toBe("silence");
  expect(again.messagesHeld).toBe(1);
});
