import { LinearMemory } from "@stagbeetle/kernels";
import { describe, expect, test } from "vitest";
import { replyHeader } from "../../test/builders.ts";
import { RELEASE_CLIENT_MIN, RELEASE_NOW } from "../../test/solo.ts";
import { UPGRADE_REQUEST_SIZE_BYTES, UpgradeRequest } from "../body/upgrade-request.ts";
import type { ClientSession } from "../clients/sessions.ts";
import { Command } from "../command.ts";
import { TEST_MIN } from "../config/test-min.ts";
import { Checksums } from "../message/checksums.ts";
import type { Message } from "../message/message.ts";
import { MessagePool } from "../message/pool.ts";
import { RequestHeader } from "../message/request.ts";
import { Operation } from "../operation.ts";
import { admit, type AdmissionFacts } from "./admission.ts";
import { MessageBuilder } from "./message-builder.ts";
import { Pipeline } from "./pipeline.ts";

const MEMORY = new LinearMemory({ sizeBytes: 1 << 18 });
const POOL = new MessagePool({ memory: MEMORY, messageSizeMax: TEST_MIN.cluster.messageSizeMax, messagesMax: 40 });
const MESSAGES = new MessageBuilder({ identity: { cluster: 0n, replica: 0 }, pool: POOL, checksums: new Checksums() });

/** A normal primary that knows client 1, whose latest request is number 5. */
function facts(changes: Partial<AdmissionFacts> = {}): AdmissionFacts {
  const pipeline = new Pipeline({ prepareQueueMax: 4, requestQueueMax: 2 });
  pipeline.toQueue(1, 0);
  return {
    release: RELEASE_NOW,
    releaseClientMin: RELEASE_CLIENT_MIN,
    requestSizeLimit: TEST_MIN.cluster.messageSizeMax,
    aofRecovery: false,
    standby: false,
    normal: true,
    backup: false,
    view: 3,
    viewUpdating: false,
    upgradeRelease: null,
    clockSynchronized: true,
    logHasRoom: true,
    pipeline,
    stateMachine: { operationValid: () => true, inputValid: () => true },
    session: (client) => (client === 1n ? SESSION : null),
    ...changes,
  };
}

const latest = replyHeader({ client: 1n, op: 9, request: 5 });
latest.release = RELEASE_NOW;
latest.requestChecksum = 55n;
latest.context = 77n;
const SESSION: ClientSession = { slot: 0, session: 2, header: latest };

function request(fields: Partial<RequestHeader>, body: Uint8Array = new Uint8Array(0)): Message {
  return MESSAGES.message(RequestHeader, Command.request, 3, body.length, (header, target) => {
    Object.assign(header, { release: RELEASE_NOW, client: 1n, session: 2, request: 6, parent: 77n, operation: 200 });
    Object.assign(header, fields);
    target.set(body);
  });
}

function verdict(fields: Partial<RequestHeader>, changes: Partial<AdmissionFacts> = {}, body?: Uint8Array): string {
  const message = request(fields, body);
  const header = message.as(RequestHeader);
  if (fields.checksum !== undefined) header.checksum = fields.checksum;
  const result = admit(header, facts(changes), message);
  message.release();
  return result.kind === "drop" ? `drop: ${result.because}` : result.kind;
}

/** A pipeline in which this request waits. */
function pipelineWith(message: Message): Pipeline {
  const pipeline = new Pipeline({ prepareQueueMax: 1, requestQueueMax: 2 });
  pipeline.toQueue(1, 0);
  Object.defineProperty(pipeline, "prepareQueueFull", { value: true });
  pipeline.pushRequest(message, 0n);
  return pipeline;
}

test("a primary takes the next request of a session", () => {
  expect(verdict({})).toBe("accept");
});

test("row 13: a request too far ahead waits for the one before, which another primary may have answered", () => {
  expect(verdict({ request: 7 })).toBe("drop: newer request: a bug of the client");
  expect(verdict({ request: 7 }, { pipeline: pipelineWith(request({})) })).toBe(
    "drop: an earlier request is on its way",
  );
});

test("row 1: a standby takes nothing", () => {
  expect(verdict({}, { standby: true })).toBe("drop: a standby takes no requests");
});

describe("row 4: a backup", () => {
  const backup = { backup: true };
  const cases: readonly (readonly [name: string, fields: Partial<RequestHeader>, expected: string])[] = [
    ["passes on what is new", {}, "forward"],
    ["passes on what it may have missed", { request: 9 }, "forward"],
    ["answers what it has answered", { request: 5, checksum: 55n }, "resend"],
    [
      "drops another request of the same number",
      { request: 5, checksum: 56n },
      "drop: backup: two requests with one number",
    ],
    ["drops what is older", { request: 4 }, "drop: backup: older request"],
    ["drops what a stranger asks", { client: 9n }, "drop: backup: the client is unknown"],
    [
      "passes on the register of a stranger",
      { client: 9n, operation: Operation.register, session: 0, request: 0 },
      "forward",
    ],
    ["never evicts", { release: 1 }, "forward"],
    ["drops what knows a newer view", { view: 4 }, "drop: the client knows a newer view"],
  ];
  test.each(cases)("%s", (_, fields, expected) => {
    expect(verdict(fields, backup)).toBe(expected);
  });
});

describe("row 12: while the cluster is being upgraded", () => {
  const upgrade = (release: number): Uint8Array => {
    const body = new Uint8Array(UPGRADE_REQUEST_SIZE_BYTES);
    new UpgradeRequest(body).release = release;
    return body;
  };
  const own = { client: 0n, session: 0, request: 0, parent: 0n, operation: Operation.upgrade };

  test("nothing but upgrades to that release enters the log", () => {
    const upgrading = { upgradeRelease: RELEASE_NOW + 1 };
    expect(verdict({}, upgrading)).toBe("drop: the cluster is being upgraded");
    expect(verdict({ ...own, operation: Operation.pulse }, upgrading)).toBe("drop: the cluster is being upgraded");
    expect(verdict(own, upgrading, upgrade(RELEASE_NOW + 1))).toBe("accept");
    expect(verdict(own, upgrading, upgrade(RELEASE_NOW + 2))).toBe("drop: upgrade: to another release");
  });

  test("an upgrade that waits in the pipeline is enough", () => {
    const pipeline = pipelineWith(request(own, upgrade(RELEASE_NOW + 1)));
    expect(verdict({}, { pipeline })).toBe("drop: the cluster is being upgraded");
  });

  test("an upgrade goes to a newer release", () => {
    expect(verdict(own, {}, upgrade(RELEASE_NOW))).toBe("drop: upgrade: not to a newer release");
    expect(verdict(own, {}, upgrade(RELEASE_NOW - 1))).toBe("drop: upgrade: not to a newer release");
    expect(verdict(own, {}, upgrade(0))).toBe("drop: upgrade: release is 0");
    expect(verdict(own, {}, upgrade(RELEASE_NOW + 1))).toBe("accept");
  });
});

test("row 16: without an agreement on the time only the cluster's own requests are taken", () => {
  expect(verdict({}, { clockSynchronized: false })).toBe("drop: the clock is not synchronized");
  const pulse = { client: 0n, session: 0, request: 0, parent: 0n, operation: Operation.pulse };
  expect(verdict(pulse, { clockSynchronized: false })).toBe("accept");
});

test.each([
  [0n, "drop: no timestamp: if the recovery is done, restart without --aof-recovery"],
  [1n, "accept"],
  [(1n << 63n) - 1n, "accept"],
  [1n << 63n, "drop: a timestamp above 2^63 - 1"],
])("row 15: the timestamp of a request in AOF recovery may be any that can be stored (%i)", (timestamp, expected) => {
  expect(verdict({ timestamp }, { aofRecovery: true })).toBe(expected);
});
