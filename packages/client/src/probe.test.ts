import {
  Command,
  EvictionHeader,
  EvictionReason,
  Header,
  PingClientHeader,
  PongClientHeader,
  releaseOf,
} from "@stagbeetle/vsr-protocol";
import { beforeEach, describe, expect, it } from "vitest";

import { CLIENT, CLUSTER, FakeCluster, MESSAGES_MAX } from "../test/fake-cluster.ts";
import { RELEASE } from "../test/messages.ts";
import { Diagnosis } from "./diagnosis/diagnosis.ts";
import { Probe } from "./probe.ts";

let cluster: FakeCluster;
let probe: Probe;

beforeEach(() => {
  cluster = new FakeCluster();
  probe = new Probe({ ...cluster.options(), replicaCount: 3 });
});

/** The pings that the probe sent to a replica: the plain one and the one with a session. */
function pings(replica: number): PingClientHeader[] {
  return cluster.sent.filter((sent) => sent.replica === replica).map(({ bytes }) => new PingClientHeader(bytes));
}

function pong(replica: number, ping: PingClientHeader | undefined): void {
  const bytes = cluster.build(PongClientHeader, Command.pongClient, new Uint8Array(0), (header) => {
    header.replica = replica;
    header.pingTimestampMonotonic = ping?.pingTimestampMonotonic ?? 0n;
  });
  probe.onMessage(replica, new Header(bytes));
}

function evict(replica: number, reason: EvictionReason, client = CLIENT): void {
  const bytes = cluster.build(EvictionHeader, Command.eviction, new Uint8Array(0), (header) => {
    header.replica = replica;
    header.release = releaseOf(0, 17, 8);
    header.client = client;
    header.reason = reason;
  });
  probe.onMessage(replica, new Header(bytes));
}

describe("a probe", () => {
  it("asks a replica twice as soon as there is a connection, and opens no session", () => {
    probe.onConnected(1);
    expect(pings(1).map(({ command, session }) => [command, session])).toEqual([
      [Command.pingClient, 0],
      [Command.pingClient, 1],
    ]);
    expect(cluster.sent).toHaveLength(2);
  });

  it("tells the primary from the backups", () => {
    for (const replica of [0, 1, 2]) {
      probe.onConnected(replica);
      pong(replica, pings(replica)[0]);
    }
    expect(probe.roles).toEqual(["unknown", "unknown", "unknown"]);
    pong(0, pings(0)[1]);
    evict(1, EvictionReason.noSession);
    expect([0, 1, 2].map((replica) => probe.answered(replica))).toEqual([true, true, false]);
    pong(2, pings(2)[1]);
    expect(probe.roles).toEqual(["backup", "primary", "backup"]);
    expect(probe.answered(2)).toBe(true);
    expect(probe.refused).toBeNull();
  });

  it("hears that clients of its release are not served", () => {
    probe.onConnected(0);
    evict(0, EvictionReason.noSession);
    evict(0, EvictionReason.clientReleaseTooHigh);
    expect(probe.roles[0]).toBe("primary");
    expect(probe.refused).toEqual({
      reason: EvictionReason.clientReleaseTooHigh,
      clusterRelease: releaseOf(0, 17, 8),
    });
  });

  it("ignores what is not for it", () => {
    evict(0, EvictionReason.noSession);
    probe.onConnected(0);
    evict(0, EvictionReason.noSession, CLIENT + 1n);
    pong(0, undefined);
    expect(probe.roles[0]).toBe("unknown");
  });

  describe("concludes", () => {
    let diagnosis: Diagnosis;

    beforeEach(() => {
      const addresses = ["a:1", "b:2", "c:3"];
      diagnosis = new Diagnosis({ addresses, cluster: CLUSTER, release: RELEASE, nowNs: () => 0n });
    });

    /** Connects replicas that answer plain pings. */
    function connect(...replicas: readonly number[]): void {
      for (const replica of replicas) {
        const bytes = cluster.build(PongClientHeader, Command.pongClient, new Uint8Array(0), (header) => {
          header.replica = replica;
        });
        diagnosis.onConnected(replica);
        diagnosis.onMessage(replica, new Header(bytes));
        probe.onConnected(replica);
      }
    }

    it("that a cluster with a primary and a majority serves", () => {
      connect(0, 1);
      pong(0, pings(0)[1]);
      expect(probe.verdict(diagnosis)).toBeNull();
      evict(1, EvictionReason.noSession);
      expect(probe.verdict(diagnosis)).toBeNull();
    });

    it("that one without a primary does not, once everybody has said so", () => {
      connect(0, 1);
      pong(0, pings(0)[1]);
      pong(1, pings(1)[1]);
      expect(probe.verdict(diagnosis)?.code).toBe("no_primary");
    });

    it("that a primary without a majority does not", () => {
      connect(1);
      evict(1, EvictionReason.noSession);
      expect(probe.verdict(diagnosis)?.code).toBe("no_majority");
    });

    it("that a client of another release would be turned away", () => {
      connect(0, 1, 2);
      evict(1, EvictionReason.clientReleaseTooLow);
      expect(probe.verdict(diagnosis)?.code).toBe("release_too_old");
    });
  });

  it("gives every message back", () => {
    probe.onConnected(0);
    const bytes = cluster.build(PongClientHeader, Command.pongClient, new Uint8Array(0), () => undefined);
    cluster.answer(probe, bytes);
    expect(cluster.pool.available).toBe(MESSAGES_MAX);
  });
});
