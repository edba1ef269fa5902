import { assert, LinearMemory } from "@stagbeetle/kernels";
import { describe, expect, test } from "vitest";
import { dirtyMemory, prepareHeader, RecordingLogger, replyHeader } from "../../test/builders.ts";
import { Solo, type TestClient } from "../../test/solo.ts";
import { windowAt } from "../../test/windows.ts";
import type { TrailerReference } from "../block-reference.ts";
import { ClientSessions } from "../clients/sessions.ts";
import { SUPERBLOCK_HEADER_SIZE_BYTES } from "../config/derive.ts";
import { TEST_MIN } from "../config/test-min.ts";
import { recordBytes } from "../layout.ts";
import { SuperBlockImage } from "../superblock/image.ts";
import { zoneStart } from "../zone.ts";
import { CheckpointReader } from "./checkpoint-reader.ts";

const MEMORY = new LinearMemory({ sizeBytes: 1 << 20 });

function sessionsOf(
  entries: readonly { readonly client: bigint; readonly op: number; readonly body?: Uint8Array }[],
): ClientSessions {
  const sessions = new ClientSessions({ config: TEST_MIN, memory: MEMORY });
  for (const entry of entries) sessions.insert(1, replyHeader(entry));
  return sessions;
}

function encoded(sessions: ClientSessions): Uint8Array {
  const bytes = new Uint8Array(sessions.encodeSizeBytes);
  sessions.encode(bytes);
  return bytes;
}

/** Opens the checkpoint of op 19 with this table. */
function open(
  bytes: Uint8Array,
  options: { readonly opCheckpoint?: number; readonly syncOpMin?: number; readonly syncOpMax?: number } = {},
): { readonly sessions: ClientSessions; readonly calls: string[]; readonly faulty: number[] } {
  const { opCheckpoint = 19, syncOpMin = 0, syncOpMax = 0 } = options;
  const working = new SuperBlockImage(TEST_MIN, new Uint8Array(SUPERBLOCK_HEADER_SIZE_BYTES));
  working.checkpoint.header = recordBytes(prepareHeader({ op: opCheckpoint }));
  working.checkpoint.clientSessionsSize = bytes.length;
  working.vsrState.syncOpMin = syncOpMin;
  working.vsrState.syncOpMax = syncOpMax;
  const sessions = new ClientSessions({ config: TEST_MIN, memory: dirtyMemory(1 << 16) });
  const calls: string[] = [];
  const faulty: number[] = [];
  const reader = new CheckpointReader({
    store: {
      grid: {
        open: (callback: () => void) => (calls.push("grid"), callback()),
        release: (addresses: readonly number[]) => calls.push(`release ${addresses.join(" ")}`),
      },
      clientSessions: {
        bytes,
        addresses: [7],
        open: ({ size }: TrailerReference, callback: () => void) => (calls.push(`sessions of ${size}`), callback()),
      },
    },
    window: windowAt(TEST_MIN, () => opCheckpoint),
    superblock: { working },
    sessions,
    clientReplies: { markFaulty: (slot: number) => faulty.push(slot), faultyCount: 0 },
    logger: new RecordingLogger(),
  });
  reader.open(() => calls.push("open"));
  return { sessions, calls, faulty };
}

const BODY = Uint8Array.of(1);

describe("the client sessions of a checkpoint", () => {
  test("are read after the free set, and their blocks are released at once", () => {
    const { calls, sessions, faulty } = open(encoded(sessionsOf([{ client: 5n, op: 23, body: BODY }])));
    expect(calls).toEqual(["grid", "sessions of 1848", "release 7", "open"]);
    expect(sessions.get(5n)).toMatchObject({ slot: 0, session: 1 });
    expect(faulty).toEqual([]);
  });

  test("can be none", () => {
    expect(open(encoded(sessionsOf([]))).sessions.count).toBe(0);
    expect(open(new Uint8Array(0), { opCheckpoint: 0 }).calls.at(-1)).toBe("open");
  });

  test.each([
    ["that are not there", new Uint8Array(0), "0 bytes, not 1848"],
    ["that are damaged", encoded(sessionsOf([{ client: 5n, op: 9 }])).fill(9, 20, 21), "slot 0: checksum"],
    ["from beyond its trigger", encoded(sessionsOf([{ client: 5n, op: 24 }])), "slot 0: commit 24 is beyond"],
  ])("end the start with a line if they are ones %s", (_, bytes, reason) => {
    expect(() => open(bytes)).toThrow(
      `the client sessions of the checkpoint at op 19 contradict themselves (${reason}`,
    );
  });

  test("lack the replies that a state sync skipped", () => {
    const sessions = sessionsOf([
      { client: 1n, op: 7, body: BODY },
      { client: 2n, op: 8, body: BODY },
      { client: 3n, op: 9 },
      { client: 4n, op: 12, body: BODY },
      { client: 5n, op: 13, body: BODY },
    ]);
    expect(open(encoded(sessions), { syncOpMin: 8, syncOpMax: 12 }).faulty).toEqual([1, 3]);
    expect(open(encoded(sessions)).faulty).toEqual([]);
  });
});

/** A replica and its client, at this op. */
function at(op: number): { readonly solo: Solo; readonly client: TestClient } {
  const solo = Solo.serving({ checkpoints: true });
  const client = solo.registered(1n);
  runTo(solo, client, op);
  return { solo, client };
}

function runTo(solo: Solo, client: TestClient, op: number): void {
  while (solo.replica.state.op < op) client.add(1);
}

const callsOf = (solo: Solo, kind: string): string[] => solo.machine.calls.filter((call) => call.startsWith(kind));

describe("a start from a checkpoint", () => {
  test("executes only what came after it, and scans see the checkpoint as long as it contains the ops", () => {
    const { solo } = at(26);
    const again = solo.restart();
    expect(callsOf(again, "commit")).toEqual([20, 21, 22, 23, 24, 25, 26].map((op) => `commit ${op}`));
    expect(callsOf(again, "prefetch")).toEqual([
      "prefetch 20@24",
      "prefetch 21@24",
      "prefetch 22@24",
      "prefetch 23@24",
      "prefetch 24@24",
      "prefetch 25@25",
      "prefetch 26@26",
    ]);
    expect(again.machine).toMatchObject({ count: 25, sum: 25 });
    expect(again.machine.commitTimestamp).toBe(solo.machine.commitTimestamp);
    expect(again.messagesHeld).toBe(1);
  });

  test("says so", () => {
    const lines = at(26)
      .solo.restart()
      .logger.lines.filter((line) => line.includes("checkpoint opened") || line.includes("replaying"));
    expect(lines).toEqual([
      "info: 0R: checkpoint opened opCheckpoint=19 sessions=1 repliesMissing=0",
      "info: 0R: replaying the log from=20 to=26",
    ]);
  });

  test("writes no reply again that the checkpoint has", () => {
    const replies = (op: number): number => {
      const { solo } = at(op);
      const again = solo.restart();
      return again.storage.log.filter((entry) => entry.startsWith("write clientReplies")).length;
    };
    expect([23, 24, 26].map(replies)).toEqual([0, 1, 3]);
  });

  test("answers a request again that was answered before the checkpoint", () => {
    const { solo, client } = at(4);
    client.send({ body: Uint8Array.of(9) });
    const request = client.inFlight;
    solo.settle();
    const reply = client.take();
    const other = solo.registered(2n);
    runTo(solo, other, 30);
    const again = solo.restart();
    expect(again.replica.state.opCheckpoint).toBe(19);
    assert(request !== null, "a request was sent");
    again.receive(request);
    again.settle();
    const [repeated] = again.bus.sent;
    expect(repeated?.reply.op).toBe(5);
    expect(repeated?.body).toEqual(reply.body);
    expect(repeated?.reply.context).toBe(reply.reply.context);
    // The session goes on where it was.
    client.moveTo(again).inbox();
    expect(client.add(1).tally.count).toBe(again.machine.count);
  });

  test("knows the clients that lost their session before the checkpoint", () => {
    const solo = Solo.serving({ checkpoints: true });
    const first = solo.registered(1n);
    for (let id = 2n; id <= 8n; id += 1n) runTo(solo, solo.registered(id), solo.replica.state.op + 3);
    const again = solo.restart();
    expect(again.replica.state.opCheckpoint).toBe(19);
    first.moveTo(again).send();
    again.settle();
    expect(first.inbox()[0]?.eviction.reason).toBe(1);
  });

  test("is possible after each op, and nothing is lost or done twice", () => {
    let { solo, client } = at(1);
    for (let op = 2; op <= 75; op += 1) {
      expect(client.add(1).tally).toEqual({ count: op - 1, sum: op - 1 });
      solo = solo.restart();
      client = client.moveTo(solo);
      expect(solo.replica.state).toMatchObject({ op, commitMin: op });
    }
    expect(solo.replica.state.opCheckpoint).toBe(59);
  });

  test("finds the log after it went round many times", () => {
    const { solo, client } = at(400);
    const again = solo.restart();
    expect(again.replica.state).toMatchObject({ op: 400, opCheckpoint: 379 });
    expect(client.moveTo(again).add(1).tally.count).toBe(400);
  });

  test("writes the checkpoint that is due while it replays", () => {
    const { solo, client } = at(42);
    // The process dies while the checkpoint of op 43 is written.
    client.send();
    solo.settleUntil(() => solo.replica.state.commitStage === "checkpoint_data");
    const again = solo.restart();
    expect(callsOf(again, "commit")[0]).toBe("commit 20");
    expect(again.replica.state).toMatchObject({ op: 43, opCheckpoint: 39 });
    client.moveTo(again).resend();
    again.settle();
    expect(client.take().tally.count).toBe(42);
  });

  test("frees blocks at the op at which it would have without a restart", () => {
    const durableAt = (restartAt: number): number => {
      let { solo, client } = at(restartAt);
      solo = solo.restart();
      client = client.moveTo(solo);
      while (solo.grid?.checkpointIsDurable === false) client.add(1);
      return solo.replica.state.op;
    };
    expect([23, 24, 27].map(durableAt)).toEqual([28, 28, 28]);
    expect(durableAt(28)).toBe(28);
  });

  test("needs a state machine that reads it", () => {
    const { solo } = at(26);
    const again = new Solo({ storage: solo.storage.restart() });
    again.open();
    expect(() => again.settle()).toThrow("this release keeps its state in memory and cannot read it");
  });

  test("needs the log that follows it", () => {
    const { solo } = at(26);
    const { storage, config } = solo;
    const slotSize = config.cluster.messageSizeMax;
    storage.write(zoneStart(config, "walPrepares") + 20 * slotSize, new Uint8Array(slotSize));
    const again = new Solo({ storage: storage.restart(), checkpoints: true });
    again.open();
    expect(() => again.settle()).toThrow("op 20 is not there, or op 21 does not follow from it");
  });
});
