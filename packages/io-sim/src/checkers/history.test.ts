import { assert, LinearMemory } from "@stagbeetle/kernels";
import {
  Checksums,
  Command,
  HEADER_SIZE_BYTES,
  initHeader,
  type Message,
  MessagePool,
  PrepareHeader,
  ReplyHeader,
  RequestHeader,
  type StateMachine,
  TEST_MIN,
} from "@stagbeetle/vsr-protocol";
import { describe, expect, test } from "vitest";

import { Stage } from "../../test/stage.ts";
import { ACCOUNTING, type Application, ECHO } from "../cluster/application.ts";
import { SIMULATED_RELEASE } from "../cluster/cluster.ts";
import { ObservedStateMachine } from "../cluster/observed-state-machine.ts";
import type { SimulatedDisk } from "../disk.ts";
import { History } from "./history.ts";
import { EchoModel } from "./model.ts";

/** Lets the disk hold what it held before: what an undetected loss would look like. */
function restore(disk: SimulatedDisk, earlier: SimulatedDisk): void {
  const bytes = new Uint8Array(TEST_MIN.derived.dataFileSizeMin);
  earlier.readPristine(0, bytes);
  disk.write(0, bytes);
}

/** An application whose state machine is changed by a test. */
function changed(application: Application, change: (machine: StateMachine) => StateMachine): Application {
  return {
    ...application,
    create: (foundation) => {
      const { stateMachine, store } = application.create(foundation);
      return { stateMachine: change(stateMachine), store };
    },
  };
}

/** A state machine that gives wrong results from some op on. */
function wrongFrom(op: number): (machine: StateMachine) => StateMachine {
  return (machine) =>
    new ObservedStateMachine(machine, (committing, result) => {
      if (committing.op >= op && result.length > 0) result[0] = (result[0] ?? 0) ^ 1;
    });
}

describe("the history", () => {
  test("is quiet about a cluster that is in order", () => {
    const stage = Stage.serving({ clientCount: 2 });
    stage.request(5);
    expect(stage.restart()).toBe("serving");
    stage.client.probe();
    stage.until(() => stage.quiet);
    expect(stage.cluster.history.counts).toMatchObject({ executed: 7, executedAgain: 7, acknowledged: 7, repeated: 1 });
  });

  test("notices that an acknowledged op is lost", () => {
    const stage = Stage.serving();
    stage.request(2);
    const earlier = stage.cluster.machine.disk.clone();
    stage.request();
    restore(stage.cluster.machine.disk, earlier);
    expect(() => stage.restart()).toThrow("serves from op 3, but op 4 was executed");
  });

  test("notices that another op took the place of one that was executed", () => {
    const stage = Stage.serving({ clientCount: 2 });
    const earlier = stage.cluster.machine.disk.clone();
    stage.request();
    const other = Stage.serving({ clientCount: 2 });
    restore(other.cluster.machine.disk, earlier);
    other.tick(100);
    other.request();
    restore(stage.cluster.machine.disk, other.cluster.machine.disk);
    expect(() => stage.restart()).toThrow(/another one than before/);
  });

  test.each([
    ["echo", ECHO],
    ["accounting", ACCOUNTING],
  ])("notices that %s gives a wrong result", (_, application) => {
    const stage = Stage.serving({ application: changed(application, wrongFrom(4)) });
    expect(() => stage.request(10)).toThrow(/the result of op \d+ .* differs in byte 0/);
  });

  test("notices that an op is executed with another result after a restart", () => {
    let lives = 0;
    const application = changed(ECHO, (machine) => {
      lives += 1;
      return lives === 1 ? machine : wrongFrom(3)(machine);
    });
    const stage = Stage.serving({ application });
    stage.request(4);
    expect(() => stage.restart()).toThrow(/the result of op 3 .* differs/);
  });

  test("notices a reply that is not the one that was sent before", () => {
    const stage = Stage.serving();
    stage.request();
    const { history } = stage.cluster;
    const { reply } = history.executed(2);
    assert(reply !== null, "the request was answered");
    const other = reply.slice();
    other[255] = (other[255] ?? 0) ^ 1;
    expect(() => history.onReplyDelivered(other)).toThrow("the reply of op 2, sent again differs in byte 255");
    expect(() => history.onReplyDelivered(reply)).not.toThrow();
  });
});

describe("the history, told of single events", () => {
  const { messageSizeMax } = TEST_MIN.cluster;
  const memory = new LinearMemory({ sizeBytes: 60 * messageSizeMax, shared: false });
  const pool = new MessagePool({ memory, messageSizeMax, messagesMax: 40 });
  const checksums = new Checksums();

  /** A request of client 1 with this number, as it is sent. */
  function request(number: number): Uint8Array {
    const bytes = new Uint8Array(HEADER_SIZE_BYTES);
    const header = new RequestHeader(bytes);
    initHeader(header, Command.request, 0n);
    Object.assign(header, { client: 1n, request: number, session: 1, operation: 128 });
    checksums.setEmptyBody(header);
    return bytes;
  }

  /** The prepare of a request, with some fields changed. */
  function prepare(op: number, ofRequest: Uint8Array, fields: Partial<PrepareHeader> = {}): Message {
    const { client, request: number, operation, checksum, checksumBody } = new RequestHeader(ofRequest);
    const message = pool.acquire();
    const header = message.as(PrepareHeader);
    initHeader(header, Command.prepare, 0n);
    Object.assign(header, { op, client, request: number, operation, requestChecksum: checksum, checksumBody });
    Object.assign(header, { timestamp: BigInt(op), view: 1, size: HEADER_SIZE_BYTES, ...fields });
    checksums.set(header);
    return message;
  }

  /** A history of a solo replica whose disk has all prepares, unless a test says how it is. */
  function historyOf(assertDurable: (prepare: PrepareHeader) => void = () => undefined, solo = true): History {
    return new History(new EchoModel(), { config: TEST_MIN, solo, assertDurable });
  }

  /** Replica 0 of several executes ops 1 to 23. Returns what lets it execute any of them once more. */
  function executedBar(): (op: number) => void {
    const history = historyOf(undefined, false);
    const prepares = [new Uint8Array(HEADER_SIZE_BYTES)];
    for (let op = 1; op <= 23; op += 1) {
      const sent = request(op);
      const message = prepare(op, sent, { parent: new PrepareHeader(prepares[op - 1] ?? sent).checksum });
      prepares.push(message.bytes().slice());
      history.onRequestSent(sent);
      history.onPrepare(0, message, SIMULATED_RELEASE);
      message.release();
    }
    return (op) => {
      const message = pool.acquire();
      message.buffer.set(prepares[op] ?? []);
      history.onPrepare(0, message, SIMULATED_RELEASE);
      message.release();
    };
  }

  function executedOne(): { readonly history: History; readonly first: Uint8Array; readonly checksum: bigint } {
    const history = historyOf();
    const first = request(1);
    history.onRequestSent(first);
    const message = prepare(1, first);
    history.onPrepare(0, message, SIMULATED_RELEASE);
    return { history, first, checksum: message.header.checksum };
  }

  test("notices what nobody sent", () => {
    const history = historyOf();
    expect(() => history.onPrepare(0, prepare(1, request(1)), SIMULATED_RELEASE)).toThrow("nobody sent op 1");
  });

  test("notices what is executed twice", () => {
    const { history, first, checksum } = executedOne();
    expect(() => history.onPrepare(0, prepare(2, first, { parent: checksum }), SIMULATED_RELEASE)).toThrow(
      "was executed before, as op 1",
    );
  });

  test.each<[string, (checksum: bigint) => Partial<PrepareHeader>, string]>([
    ["a break of the hash chain", () => ({ parent: 5n }), "op 2 does not follow from op 1"],
    ["time that stands still", (parent) => ({ parent, timestamp: 1n }), "op 2 has 1, op 1 1"],
    ["a view that goes back", (parent) => ({ parent, view: 0 }), "op 2 is of view 0, op 1 of view 1"],
    ["a body that was changed", (parent) => ({ parent, checksumBody: 5n }), "was changed"],
    ["an op that is left out", (parent) => ({ parent, op: 3 }), "executes op 3, but op 2 never was"],
  ])("notices %s", (_, fields, message) => {
    const { history, checksum } = executedOne();
    const second = request(2);
    history.onRequestSent(second);
    expect(() => history.onPrepare(0, prepare(2, second, fields(checksum)), SIMULATED_RELEASE)).toThrow(message);
  });

  test.each([
    [20, "is quiet about a replica that a state sync takes back to the checkpoint of the bar that it executed", null],
    [16, "notices one that goes further back", "replica 0 executes op 16 after op 23"],
    [21, "notices one that goes back into the bar", "replica 0 executes op 21 after op 23"],
  ])("(op %i) %s", (op, _, message) => {
    const execute = executedBar();
    if (message === null) execute(op);
    else expect(() => execute(op)).toThrow(message);
  });

  test("notices that an op is executed again by another release", () => {
    const { history, first } = executedOne();
    history.onStart(0);
    expect(() => history.onPrepare(0, prepare(1, first), SIMULATED_RELEASE + 1)).toThrow(
      `op 1 was executed by release ${SIMULATED_RELEASE}, not ${SIMULATED_RELEASE + 1}`,
    );
  });

  test("asks for the prepare on disks when an op is executed first, and only then", () => {
    const asked: number[] = [];
    const history = historyOf(({ op }) => asked.push(op));
    const first = request(1);
    history.onRequestSent(first);
    const message = prepare(1, first);
    history.onPrepare(0, message, SIMULATED_RELEASE);
    history.onStart(0);
    history.onPrepare(0, message, SIMULATED_RELEASE);
    expect(asked).toEqual([1]);
  });

  test("notices a reply to a client that did not ask", () => {
    const { history } = executedOne();
    const reply = new ReplyHeader(new Uint8Array(HEADER_SIZE_BYTES));
    Object.assign(reply, { op: 1, client: 2n });
    expect(() => history.onReplySent(0, reply)).toThrow("answers op 1 of client 1 to 2");
  });

  test("notices a request that is sent again in other bytes", () => {
    const { history, first } = executedOne();
    const other = first.slice();
    other[200] = 1;
    expect(() => history.onRequestSent(other)).toThrow("sent again differs in byte 200");
  });
});
