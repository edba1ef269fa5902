import { expect, test } from "vitest";
import { Solo, Tally, type TestClient } from "../../test/solo.ts";
import { Command } from "../command.ts";
import { RequestHeader } from "../message/request.ts";
import { Operation } from "../operation.ts";

const MS = 1_000_000n;

function wakeAt(client: TestClient, timestamp: bigint): void {
  const body = new Uint8Array(8);
  new DataView(body.buffer).setBigUint64(0, timestamp, true);
  client.send({ operation: Tally.wake, body });
}

/** A replica whose state machine wants a pulse in one second, and the client that asked for it. */
function sleeping(): { readonly solo: Solo; readonly client: TestClient } {
  const solo = Solo.serving();
  const client = solo.registered(1n);
  wakeAt(client, solo.time.realtimeNs + 1000n * MS);
  solo.settle();
  client.take();
  return { solo, client };
}

test("a pulse is prepared when its time has come, and no earlier", () => {
  const { solo } = sleeping();
  solo.tick(99);
  expect(solo.replica.state.op).toBe(2);
  solo.tick(12);
  expect(solo.replica.state.op).toBe(3);
  expect(solo.machine.pulseAt).toBeNull();
  solo.tick(200);
  expect(solo.replica.state.op).toBe(3);
});

test("the prepare of a pulse is that of a request which the primary makes itself", () => {
  const { solo } = sleeping();
  solo.tick(120);
  const bytes = new Uint8Array(256);
  const request = new RequestHeader(bytes);
  request.command = Command.request;
  request.size = 256;
  request.view = 1;
  request.release = solo.replica.metrics().release;
  request.operation = Operation.pulse;
  solo.checksums.setEmptyBody(request);
  const prepare = solo.journal.headerWithOp(3);
  expect(prepare).toMatchObject({
    operation: Operation.pulse,
    client: 0n,
    request: 0,
    size: 256,
    requestChecksum: request.checksum,
    release: request.release,
  });
  // The wall clock of the tick, plus one: the state machine's own time decides.
  expect(prepare?.timestamp).toBe(1_000_000n + 1000n * MS + 1n);
});

test("nobody is told of a pulse, and no session changes", () => {
  const { solo, client } = sleeping();
  solo.tick(120);
  expect(client.inbox()).toEqual([]);
  expect(client.add(1).reply.op).toBe(4);
});

test("a pulse that is due after an op follows it at once", () => {
  const solo = Solo.serving();
  const client = solo.registered(1n);
  wakeAt(client, 1n);
  solo.settle();
  expect(solo.replica.state.op).toBe(3);
  expect(solo.journal.headerWithOp(3)?.operation).toBe(Operation.pulse);
});

test("a prepare puts the pulse timer back", () => {
  const { solo, client } = sleeping();
  solo.tick(95);
  solo.time.realtimeNs += 1000n * MS;
  solo.tick(4);
  client.send();
  expect(solo.replica.state.op).toBe(3);
  solo.settle();
  client.take();
  // The op's own time is past the pulse's: it comes right after.
  expect(solo.replica.state.op).toBe(4);
});

test("there is never more than one pulse in the pipeline", () => {
  const { solo } = sleeping();
  for (let ticks = 0; ticks < 150; ticks += 1) {
    solo.time.advance(10n * MS);
    solo.replica.tick();
  }
  expect(solo.replica.state.op).toBe(3);
  expect(solo.replica.describe()).toContain("prepares=1 requests=0");
});

test("a full pipeline has no room for a pulse", () => {
  const solo = Solo.serving({ pipelineRequestQueueLimit: 0 });
  const clients = [1n, 2n, 3n, 4n].map((id) => solo.registered(id));
  solo.machine.pulseAt = 1n;
  for (const client of clients) client.send();
  for (let ticks = 0; ticks < 20; ticks += 1) solo.replica.tick();
  expect(solo.replica.describe()).toContain("prepares=4 requests=0");
  solo.settle();
  expect(solo.replica.state.op).toBe(9);
  expect(solo.machine.pulseAt).toBeNull();
});

test("pulses are executed again when the log is replayed", () => {
  const { solo } = sleeping();
  solo.tick(120);
  const again = solo.restart();
  expect(again.machine.calls).toContain("commit 3");
  expect(again.machine.pulseAt).toBeNull();
});

test("when an AOF is replayed there are no pulses but its own", () => {
  const solo = Solo.serving({ aofRecovery: true });
  solo.machine.pulseAt = 1n;
  solo.tick(200);
  expect(solo.replica.state.op).toBe(0);
});
