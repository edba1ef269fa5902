import { assert, LinearMemory } from "@stagbeetle/kernels";
import { describe, expect, test } from "vitest";
import { headerChain } from "../../test/builders.ts";
import { Command, commandName } from "../command.ts";
import { TEST_MIN } from "../config/test-min.ts";
import type { Layout, RecordClass, RecordOf } from "../layout.ts";
import { BlockHeader } from "../message/block.ts";
import { Checksums } from "../message/checksums.ts";
import { CommitHeader } from "../message/commit.ts";
import { EvictionHeader } from "../message/eviction.ts";
import { ExitViewHeader } from "../message/exit-view.ts";
import { type FRAME_LAYOUT, Header, HEADER_SIZE_BYTES } from "../message/frame.ts";
import { GetViewHeader } from "../message/get-view.ts";
import { HeadersHeader } from "../message/headers.ts";
import { JoinViewHeader } from "../message/join-view.ts";
import type { Message } from "../message/message.ts";
import { PongClientHeader } from "../message/pong-client.ts";
import { PongHeader } from "../message/pong.ts";
import { MessagePool } from "../message/pool.ts";
import { PrepareOkHeader } from "../message/prepare-ok.ts";
import { PrepareHeader } from "../message/prepare.ts";
import { ReplyHeader } from "../message/reply.ts";
import { RequestHeader } from "../message/request.ts";
import { ViewHeader } from "../message/view.ts";
import { Outbox, type OutboxOptions } from "./outbox.ts";
import { MessageBuilder } from "./message-builder.ts";
import { MessageCounters } from "./metrics.ts";
import { sendToClientForbidden, sendToReplicaForbidden } from "./send-rules.ts";
import type { ReplicaStatus } from "./status.ts";

const RELEASE = 20;
/** What a JV of the bench promises. */
const PROMISED = headerChain(7, 6);

/** Replica 1 of three with a standby, by default the normal primary of view 4, all of it durable. */
class Bench {
  readonly delivered: number[] = [];
  readonly sent: string[] = [];
  readonly identity = {
    cluster: 0n,
    replica: 1,
    replicaCount: 3,
    nodeCount: 4,
    standby: false,
    primaryIndex: (view: number) => view % 3,
  };
  readonly status: { current: ReplicaStatus; normal: boolean } = { current: "normal", normal: true };
  readonly view = { view: 4, logView: 4, viewDurable: 4, logViewDurable: 4 };
  readonly log = { op: 7, commitMin: 6, commitMax: 6 };
  readonly window = { opCheckpoint: 0, opCheckpointNextTrigger: 23 };
  leads = true;
  syncing = false;
  quorum = false;
  readonly outbox: Outbox;
  readonly facts: OutboxOptions;
  readonly #messages: MessageBuilder;

  constructor() {
    const memory = new LinearMemory({ sizeBytes: 1 << 18 });
    const pool = new MessagePool({ memory, messageSizeMax: TEST_MIN.cluster.messageSizeMax, messagesMax: 24 });
    this.#messages = new MessageBuilder({ identity: this.identity, pool, checksums: new Checksums() });
    this.facts = {
      config: TEST_MIN,
      release: RELEASE,
      identity: this.identity,
      status: this.status,
      roles: this,
      view: this.view,
      log: this.log,
      window: this.window,
      syncing: () => this.syncing,
      joinViewQuorum: () => this.quorum,
      opPrepareOkMax: () => 27,
      superblock: { working: { viewHeaders: () => PROMISED } },
      bus: {
        sendMessageToReplica: (replica, { header }) => this.sent.push(`${commandName(header.command)} to ${replica}`),
        sendMessageToClient: (client, { header }) =>
          this.sent.push(`${commandName(header.command)} to client ${client}`),
      },
      counters: new MessageCounters(),
      deliver: ({ header }) => this.delivered.push(header.command),
    };
    this.outbox = new Outbox(this.facts);
  }

  get primary(): boolean {
    return this.leads && this.status.normal;
  }

  get ofPrimary(): boolean {
    return this.leads;
  }

  enter(status: ReplicaStatus): void {
    this.status.current = status;
    this.status.normal = status === "normal";
  }

  make<Fields extends Layout>(
    type: RecordClass<typeof FRAME_LAYOUT & Fields>,
    command: Command,
    fill: (header: RecordOf<typeof FRAME_LAYOUT & Fields>) => void = () => undefined,
  ): Message {
    return this.#messages.header(type, command, this.view.view, fill);
  }

  joinView(headers = PROMISED): Message {
    const sizeBytes = headers.length * HEADER_SIZE_BYTES;
    return this.#messages.message(JoinViewHeader, Command.joinView, this.view.view, sizeBytes, (header, body) => {
      Object.assign(header, { op: 7, commitMin: 6, logView: this.view.logView });
      for (const [index, { buffer }] of headers.entries()) body.set(buffer, index * HEADER_SIZE_BYTES);
    });
  }

  exitView(): Message {
    return this.make(ExitViewHeader, Command.exitView);
  }

  pong(): Message {
    return this.make(PongHeader, Command.pong, (pong) => {
      pong.release = RELEASE;
      pong.pingTimestampMonotonic = 1n;
      pong.pongTimestampWall = 1n;
    });
  }
}

describe("every command has a rule (spec 03 §10.4)", () => {
  const bench = new Bench();
  const both: string[] = [];
  for (const [name, command] of Object.entries(Command)) {
    const message = bench.make(Header, command);
    const toReplica = sendToReplicaForbidden(message, 0, bench.facts) !== "it is not for replicas";
    const toClient = sendToClientForbidden(message, bench.facts) !== "it is not for clients";
    message.release();
    if (toReplica || toClient)
      both.push(`${name}: ${[toReplica ? "replicas" : "", toClient ? "clients" : ""].join(" ").trim()}`);
  }

  test("for replicas or for clients", () => {
    expect(both).toEqual([
      "ping: replicas",
      "pong: replicas",
      "pongClient: clients",
      "request: replicas",
      "prepare: replicas",
      "prepareOk: replicas",
      "reply: replicas clients",
      "commit: replicas",
      "exitView: replicas",
      "joinView: replicas",
      "getView: replicas",
      "getHeaders: replicas",
      "getPrepare: replicas",
      "getReply: replicas",
      "headers: replicas",
      "eviction: clients",
      "getBlocks: replicas",
      "block: replicas",
      "view: replicas",
    ]);
  });
});

type Change = (bench: Bench) => void;
interface RuleCase {
  readonly name: string;
  readonly make: (bench: Bench) => Message;
  readonly destination: number;
  /** Where it may be sent from. */
  readonly allowed: Change;
  /** What forbids it, each from there. */
  readonly forbidden: readonly Change[];
}

const RULES: readonly RuleCase[] = [
  {
    name: "request",
    make: (bench) => bench.make(RequestHeader, Command.request),
    destination: 2,
    allowed: () => undefined,
    forbidden: [(bench) => (bench.identity.standby = true), (bench) => bench.enter("view_change")],
  },
  {
    name: "prepare",
    make: (bench) => bench.make(PrepareHeader, Command.prepare, (header) => (header.release = RELEASE)),
    destination: 2,
    allowed: () => undefined,
    forbidden: [(bench) => (bench.identity.replica = 2), (bench) => (bench.view.view = 3)],
  },
  {
    name: "prepare_ok",
    make: (bench) => bench.make(PrepareOkHeader, Command.prepareOk, (header) => (header.op = 27)),
    destination: 1,
    allowed: () => undefined,
    forbidden: [
      (bench) => (bench.identity.standby = true),
      (bench) => bench.enter("view_change"),
      (bench) => (bench.syncing = true),
      (bench) => (bench.view.view = 5),
    ],
  },
  {
    name: "reply",
    make: (bench) => bench.make(ReplyHeader, Command.reply, (header) => (header.op = 23)),
    destination: 2,
    allowed: () => undefined,
    forbidden: [
      (bench) => (bench.identity.standby = true),
      (bench) => (bench.view.view = 3),
      (bench) => (bench.window.opCheckpointNextTrigger = 22),
    ],
  },
  {
    name: "commit",
    make: (bench) => bench.make(CommitHeader, Command.commit, (header) => (header.commit = 6)),
    destination: 2,
    allowed: () => undefined,
    forbidden: [
      (bench) => (bench.leads = false),
      (bench) => bench.enter("view_change"),
      (bench) => (bench.syncing = true),
      (bench) => (bench.log.commitMax = 5),
    ],
  },
  {
    name: "exit_view",
    make: (bench) => bench.exitView(),
    destination: 2,
    allowed: () => undefined,
    forbidden: [
      (bench) => (bench.identity.standby = true),
      (bench) => bench.enter("recovering_head"),
      (bench) => (bench.view.view = 5),
    ],
  },
  {
    name: "join_view",
    make: (bench) => bench.joinView(),
    destination: 2,
    allowed: (bench) => {
      bench.enter("view_change");
      bench.view.logView = 3;
    },
    forbidden: [
      (bench) => (bench.identity.standby = true),
      (bench) => bench.enter("normal"),
      (bench) => (bench.view.logView = 4),
      (bench) => (bench.view.logView = 2),
      (bench) => (bench.quorum = true),
      (bench) => (bench.log.op = 8),
      (bench) => (bench.log.commitMin = 5),
      (bench) => (bench.window.opCheckpoint = 19),
    ],
  },
  {
    name: "view",
    make: (bench) => bench.make(ViewHeader, Command.view, (header) => (header.commitMax = 6)),
    destination: 2,
    allowed: (bench) => bench.enter("view_change"),
    forbidden: [
      (bench) => (bench.identity.standby = true),
      (bench) => bench.enter("recovering_head"),
      (bench) => (bench.leads = false),
      (bench) => (bench.syncing = true),
      (bench) => (bench.log.commitMax = 7),
      (bench) => (bench.window.opCheckpoint = 19),
    ],
  },
  {
    name: "get_view",
    make: (bench) => bench.make(GetViewHeader, Command.getView, (header) => (header.view = 5)),
    destination: 2,
    allowed: (bench) => bench.enter("recovering_head"),
    forbidden: [(bench) => (bench.view.view = 6), (bench) => (bench.identity.primaryIndex = () => 0)],
  },
  {
    name: "headers",
    make: (bench) => bench.make(HeadersHeader, Command.headers),
    destination: 2,
    allowed: (bench) => bench.enter("recovering_head"),
    forbidden: [(bench) => (bench.identity.standby = true), (bench) => (bench.view.view = 5)],
  },
  {
    name: "block",
    make: (bench) => bench.make(BlockHeader, Command.block, (header) => (header.release = RELEASE)),
    destination: 2,
    allowed: () => undefined,
    forbidden: [(bench) => (bench.identity.standby = true), (bench) => (bench.identity.replica = 2)],
  },
];

describe.each(RULES)("$name", ({ make, destination, allowed, forbidden }) => {
  test("may be sent where its rule allows", () => {
    const bench = new Bench();
    allowed(bench);
    expect(sendToReplicaForbidden(make(bench), destination, bench.facts)).toBeNull();
  });

  test.each(forbidden)("but not there (%#)", (change) => {
    const bench = new Bench();
    allowed(bench);
    const message = make(bench);
    change(bench);
    expect(sendToReplicaForbidden(message, destination, bench.facts)).not.toBeNull();
  });
});

describe("clients hear", () => {
  test("of no view that is not durable", () => {
    const bench = new Bench();
    const eviction = bench.make(EvictionHeader, Command.eviction);
    const pong = bench.make(PongClientHeader, Command.pongClient, (header) => (header.release = RELEASE));
    for (const message of [eviction, pong]) expect(sendToClientForbidden(message, bench.facts)).toBeNull();
    bench.view.logViewDurable = 3;
    for (const message of [eviction, pong]) expect(sendToClientForbidden(message, bench.facts)).not.toBeNull();
  });

  test("of evictions from the primary only, and nothing from standbys", () => {
    const bench = new Bench();
    const eviction = bench.make(EvictionHeader, Command.eviction);
    const pong = bench.make(PongClientHeader, Command.pongClient, (header) => (header.release = RELEASE));
    bench.leads = false;
    expect(sendToClientForbidden(eviction, bench.facts)).toBe("only the primary evicts");
    bench.identity.standby = true;
    expect(sendToClientForbidden(pong, bench.facts)).toBe("a standby does not answer");
  });
});

describe("what a crash could undo is not shown (spec 03 §10.2)", () => {
  test("a view that is not durable, by nothing but a question for its log", () => {
    const bench = new Bench();
    bench.view.viewDurable = 3;
    bench.outbox.sendToReplica(2, bench.exitView());
    expect(bench.sent).toEqual([]);
    bench.outbox.sendToReplica(
      2,
      bench.make(GetViewHeader, Command.getView, (header) => Object.assign(header, { view: 5, nonce: 1n })),
    );
    expect(bench.sent).toEqual(["get_view to 2"]);
  });

  test("a log view that is not durable, by whatever implies it", () => {
    const bench = new Bench();
    bench.enter("view_change");
    Object.assign(bench.view, { logView: 3, logViewDurable: 2 });
    bench.outbox.sendToReplica(2, bench.joinView());
    expect(bench.sent).toEqual([]);
    bench.view.logViewDurable = 3;
    bench.outbox.sendToReplica(2, bench.joinView());
    expect(bench.sent).toEqual(["join_view to 2"]);
  });

  test("a promise is the one on disk, byte for byte", () => {
    const bench = new Bench();
    bench.enter("view_change");
    Object.assign(bench.view, { logView: 3, logViewDurable: 3 });
    expect(() => bench.outbox.sendToReplica(2, bench.joinView(headerChain(7, 5)))).toThrow("view headers");
    expect(() => bench.outbox.sendToReplica(2, bench.joinView(headerChain(7, 6, () => 1)))).toThrow(
      "not the durable one",
    );
  });

  test("what others authored is passed on as it is", () => {
    const bench = new Bench();
    const request = bench.make(RequestHeader, Command.request, (header) => {
      Object.assign(header, { replica: 0, client: 1n, session: 1, request: 1, operation: 200, release: RELEASE });
    });
    bench.view.viewDurable = 3;
    bench.outbox.sendToReplica(2, request);
    expect(bench.sent).toEqual(["request to 2"]);
  });
});

describe("destinations", () => {
  test("all others in the order of their indexes, with or without standbys", () => {
    const bench = new Bench();
    bench.outbox.sendToOtherReplicas(bench.pong());
    expect(bench.sent.splice(0)).toEqual(["pong to 0", "pong to 2"]);
    bench.outbox.sendToOtherReplicasAndStandbys(bench.pong());
    expect(bench.sent).toEqual(["pong to 0", "pong to 2", "pong to 3"]);
  });

  test("the replica itself, one message at a time, when it says so", () => {
    const bench = new Bench();
    const message = bench.exitView();
    bench.outbox.sendToSelf(message);
    expect(message.references).toBe(2);
    expect(() => bench.outbox.sendToSelf(message)).toThrow("behind one that was not delivered");
    expect([bench.outbox.loopbackPending, bench.delivered]).toEqual([true, []]);
    bench.outbox.flushLoopback();
    expect([bench.outbox.loopbackPending, bench.delivered]).toEqual([false, [Command.exitView]]);
    expect(message.references).toBe(1);
    bench.outbox.flushLoopback();
    expect(bench.delivered).toHaveLength(1);
    expect(bench.sent).toEqual([]);
  });

  test("a message that breaks its rule, or is not valid, ends the process", () => {
    const bench = new Bench();
    const commit = bench.make(CommitHeader, Command.commit, (header) => (header.timestampMonotonic = 1n));
    bench.leads = false;
    expect(() => bench.outbox.sendToReplica(2, commit)).toThrow("only the primary commits");
    const broken = bench.exitView();
    broken.header.size = 300;
    assert(broken.references === 1, "it is whole otherwise");
    expect(() => bench.outbox.sendToReplica(2, broken)).toThrow("is invalid");
  });
});
