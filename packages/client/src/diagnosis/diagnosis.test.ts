import {
  Command,
  type ConnectionEnd,
  EvictionHeader,
  EvictionReason,
  Header,
  PongClientHeader,
  releaseOf,
  ReplyHeader,
} from "@stagbeetle/vsr-protocol";
import { beforeEach, describe, expect, it } from "vitest";

import { CLUSTER, FakeCluster } from "../../test/fake-cluster.ts";
import { RELEASE } from "../../test/messages.ts";
import { Diagnosis } from "./diagnosis.ts";
import { SILENCE_TICKS } from "./replica-watch.ts";

const cluster = new FakeCluster();
let nowNs: bigint;
let diagnosis: Diagnosis;

function diagnose(...addresses: readonly string[]): Diagnosis {
  return new Diagnosis({ addresses, cluster: CLUSTER, release: RELEASE, nowNs: () => nowNs });
}

beforeEach(() => {
  nowNs = 1_000_000n;
  diagnosis = diagnose("a:1", "b:2", "c:3");
});

function pong(replica: number, fill: (header: PongClientHeader) => void = () => undefined): Header {
  const bytes = cluster.build(PongClientHeader, Command.pongClient, new Uint8Array(0), (header) => {
    header.replica = replica;
    header.view = 4;
    header.release = releaseOf(0, 17, 8);
    header.pingTimestampMonotonic = 1_000_000n;
    fill(header);
  });
  return new Header(bytes);
}

const REFUSED: ConnectionEnd = { reason: "refused", detail: "ECONNREFUSED" };
const CLOSED: ConnectionEnd = { reason: "closed", detail: "closed by the peer" };

function ticks(count: number): void {
  for (let tick = 0; tick < count; tick += 1) diagnosis.tick();
}

function answer(...replicas: readonly number[]): void {
  for (const replica of replicas) {
    diagnosis.onConnected(replica);
    diagnosis.onMessage(replica, pong(replica));
  }
}

describe("a diagnosis", () => {
  it("knows nothing at first, and says so", () => {
    expect(diagnosis.finding(0)).toEqual({
      code: "connecting",
      message: "no replica has answered yet: connecting to a:1, b:2, c:3",
    });
  });

  it("finds nothing wrong with a cluster that answers", () => {
    answer(0, 1, 2);
    expect(diagnosis.finding(SILENCE_TICKS - 1)).toBeNull();
  });

  it.each<[string, ConnectionEnd, string]>([
    ["nothing_listens", REFUSED, "nothing listens on a:1 (ECONNREFUSED)"],
    [
      "host_not_found",
      { reason: "host_not_found", detail: "ENOTFOUND" },
      "the host name of a:1 has no address (ENOTFOUND)",
    ],
    ["unreachable", { reason: "unreachable", detail: "EHOSTUNREACH" }, "a:1 cannot be reached (EHOSTUNREACH)"],
  ])("finds %s where no connection can be made", (code, end, message) => {
    diagnosis = diagnose("a:1");
    diagnosis.onDisconnected(0, end);
    expect(diagnosis.finding(0)).toEqual({ code, message });
    answer(0);
    expect(diagnosis.finding(0)).toBeNull();
  });

  it.each<[string, ConnectionEnd, string]>([
    ["closed_without_answer", CLOSED, "another id than 7, or it has no room for another client"],
    [
      "not_a_replica",
      { reason: "invalid_bytes", detail: "header_checksum" },
      "is no replica: it speaks another protocol",
    ],
    [
      "release_too_old",
      { reason: "unknown_command", detail: "command 25" },
      "the client is too old for it (command 25)",
    ],
  ])("finds %s where a connection ends before an answer", (code, end, message) => {
    diagnosis = diagnose("a:1");
    diagnosis.onConnected(0);
    diagnosis.onDisconnected(0, end);
    const finding = diagnosis.finding(0);
    expect(finding?.code).toBe(code);
    expect(finding?.message).toContain(message);
  });

  it("does not blame a connection that was lost after an answer on the cluster id", () => {
    diagnosis = diagnose("a:1");
    answer(0);
    diagnosis.onDisconnected(0, CLOSED);
    expect(diagnosis.finding(0)).toEqual({
      code: "connecting",
      message: "the connection to a:1 was lost and is being made again",
    });
    diagnosis.onDisconnected(0, REFUSED);
    expect(diagnosis.finding(0)?.code).toBe("nothing_listens");
  });

  it("finds no_answer where a connection stays silent", () => {
    diagnosis = diagnose("a:1");
    diagnosis.onConnected(0);
    ticks(SILENCE_TICKS - 1);
    expect(diagnosis.finding(0)?.code).toBe("connecting");
    ticks(1);
    expect(diagnosis.finding(0)?.code).toBe("no_answer");
  });

  it("finds wrong_cluster where a replica of another one answers", () => {
    diagnosis = diagnose("a:1");
    diagnosis.onConnected(0);
    diagnosis.onMessage(
      0,
      pong(0, (header) => (header.cluster = 8n)),
    );
    diagnosis.onDisconnected(0, { reason: "wrong_cluster", detail: "header_cluster" });
    expect(diagnosis.finding(0)).toEqual({
      code: "wrong_cluster",
      message: "a:1 belongs to cluster 8, and this client to cluster 7",
    });
  });

  it.each([
    [1, "a:1 is replica 1 and stands at position 0 of the list: list the replicas in their order"],
    [3, "a:1 is replica 3 of a cluster that has more replicas than the 3 listed: list them all"],
  ])("finds wrong_addresses where replica %i answers at position 0", (replica, message) => {
    diagnosis.onConnected(0);
    diagnosis.onMessage(0, pong(replica));
    expect(diagnosis.finding(0)).toEqual({ code: "wrong_addresses", message });
  });

  it("does not blame a replica that passes on the reply of another", () => {
    answer(1);
    const reply = cluster.build(ReplyHeader, Command.reply, new Uint8Array(0), (header) => (header.replica = 0));
    diagnosis.onMessage(1, new Header(reply));
    expect(diagnosis.finding(0)).toBeNull();
  });

  it("finds no_majority once requests stay unanswered, and says what is wrong with the others", () => {
    answer(1);
    diagnosis.onDisconnected(0, REFUSED);
    expect(diagnosis.finding(SILENCE_TICKS - 1)).toBeNull();
    expect(diagnosis.finding(SILENCE_TICKS)).toEqual({
      code: "no_majority",
      message: "1 of 3 replicas answer, and the cluster needs 2; nothing listens on a:1 (ECONNREFUSED)",
    });
  });

  it("finds no_primary where a majority answers and nobody executes", () => {
    answer(0, 2);
    expect(diagnosis.finding(SILENCE_TICKS)?.code).toBe("no_primary");
    expect(diagnosis.finding(SILENCE_TICKS)?.message).toContain("2 of 3 replicas answer");
  });

  it("names what tells most if nobody answers, and lists everything", () => {
    diagnosis.onDisconnected(0, REFUSED);
    diagnosis.onConnected(1);
    diagnosis.onDisconnected(1, CLOSED);
    const finding = diagnosis.finding(0);
    expect(finding?.code).toBe("closed_without_answer");
    expect(finding?.message).toMatch(/^nothing listens on a:1 .*; b:2 closes the connection/u);
  });

  it.each([
    [EvictionReason.clientReleaseTooLow, "release_too_old", "upgrade the client"],
    [EvictionReason.clientReleaseTooHigh, "release_too_new", "upgrade the cluster first"],
    [EvictionReason.noSession, "evicted", "(no_session)"],
    [EvictionReason.invalidRequestBody, "evicted", "(invalid_request_body)"],
  ])("tells an eviction for reason %i from everything else: %s", (reason, code, message) => {
    diagnosis.onEviction({ reason, clusterRelease: releaseOf(0, 17, 8), message: "" });
    expect(diagnosis.finding(0)?.code).toBe(code);
    expect(diagnosis.finding(0)?.message).toContain(message);
  });
});

describe("what is known of a replica", () => {
  it("comes from its pongs", () => {
    diagnosis.onConnected(2);
    nowNs = 3_500_000n;
    diagnosis.onMessage(2, pong(2));
    expect(diagnosis.replicas[2]).toEqual({
      address: "c:3",
      connected: true,
      answers: true,
      replica: 2,
      release: "0.17.8",
      view: 4,
      roundTripMs: 2.5,
      finding: null,
    });
  });

  it("comes from an eviction, too", () => {
    diagnosis.onConnected(0);
    const eviction = cluster.build(EvictionHeader, Command.eviction, new Uint8Array(0), (header) => {
      header.view = 9;
      header.client = 1n;
      header.reason = EvictionReason.noSession;
    });
    diagnosis.onMessage(0, new Header(eviction));
    expect(diagnosis.replicas[0]).toMatchObject({ replica: 0, release: "0.17.9", view: 9 });
  });

  it("is kept when the connection ends, but that it answers is not", () => {
    answer(0);
    diagnosis.onDisconnected(0, CLOSED);
    expect(diagnosis.replicas[0]).toMatchObject({ connected: false, answers: false, release: "0.17.8" });
  });
});
