import { describe, expect, test } from "vitest";
import { Solo, Tally, type TestClient, TestTime } from "../../test/solo.ts";
import { Operation } from "../operation.ts";
import { releaseOf } from "../release.ts";
import { type ReplicaTiming, ReplicaTimings } from "./timings.ts";

/** `name{tag}: sum / count (min to max)`, in nanoseconds. */
function lines(timings: readonly ReplicaTiming[]): readonly string[] {
  return timings.map(({ name, of, sumNs, count, minNs, maxNs }) => {
    const tag = of === null ? "" : `{${of.tag === "stage" ? of.stage : of.operation}}`;
    return `${name}${tag}: ${sumNs} / ${count} (${minNs} to ${maxNs})`;
  });
}

function linesOf(solo: Solo, ...names: readonly ReplicaTiming["name"][]): readonly string[] {
  return lines(solo.replica.metrics().timings.filter(({ name }) => names.includes(name)));
}

test("durations under one name are summed up for each value of its tag", () => {
  const time = new TestTime();
  const timings = new ReplicaTimings(time);
  for (const durationNs of [5, 3, 4]) timings.clientRoundTrip(138, durationNs);
  timings.clientRoundTrip(139, 7);
  const startedAt = timings.now();
  time.advance(6n);
  timings.stageEnded("prefetch", timings.stageEnded("start", startedAt));
  timings.ended("replica_aof_write", startedAt);
  expect(lines(timings.summaries())).toEqual([
    "replica_commit{start}: 6 / 1 (6 to 6)",
    "replica_commit{prefetch}: 0 / 1 (0 to 0)",
    "replica_aof_write: 6 / 1 (6 to 6)",
    "client_request_round_trip{138}: 12 / 3 (3 to 5)",
    "client_request_round_trip{139}: 7 / 1 (7 to 7)",
  ]);
  timings.reset();
  expect(timings.summaries()).toEqual([]);
  timings.clientRoundTrip(138, 9);
  expect(lines(timings.summaries())).toEqual(["client_request_round_trip{138}: 9 / 1 (9 to 9)"]);
});

describe("a request", () => {
  /** A replica that has registered a client, and measured nothing since. */
  function measured(): { readonly solo: Solo; readonly client: TestClient } {
    const solo = Solo.serving();
    const client = solo.registered(1n);
    solo.tick(1000);
    return { solo, client };
  }

  test("is timed from its prepare to its reply, and to the end of its compaction", () => {
    const { solo, client } = measured();
    client.send();
    solo.settleUntil(() => solo.replica.state.commitStage === "prefetch");
    solo.time.advance(50n);
    solo.settleUntil(() => solo.replica.state.commitStage === "compact");
    solo.time.advance(70n);
    const { timestamp } = client.take().reply;
    const lateNs = Number(solo.time.realtimeNs - timestamp);
    solo.settle();
    expect(linesOf(solo, "replica_request", "replica_request_execute", "replica_request_local")).toEqual([
      `replica_request{${Tally.add}}: ${lateNs} / 1 (${lateNs} to ${lateNs})`,
      `replica_request_execute{${Tally.add}}: ${lateNs - 70} / 1 (${lateNs - 70} to ${lateNs - 70})`,
      `replica_request_local{${Tally.add}}: 120 / 1 (120 to 120)`,
    ]);
    const stages = linesOf(solo, "replica_commit");
    expect(stages).toContain("replica_commit{prefetch}: 50 / 1 (50 to 50)");
    expect(stages).toContain("replica_commit{compact}: 70 / 1 (70 to 70)");
    expect(stages).toContain("replica_commit{execute}: 0 / 1 (0 to 0)");
  });

  test("took no time by a wall clock that is behind the time of its prepare", () => {
    const { solo, client } = measured();
    solo.time.realtimeNs -= 1_000_000n;
    client.add(1);
    expect(linesOf(solo, "replica_request")).toEqual([`replica_request{${Tally.add}}: 0 / 1 (0 to 0)`]);
  });

  test("that is replayed at the start is not timed as one, only its stages are", () => {
    const solo = Solo.serving();
    solo.registered(1n).add(1);
    const next = solo.restart();
    expect(linesOf(next, "replica_request", "replica_request_execute", "replica_request_local")).toEqual([]);
    const executions = next.replica.metrics().timings.find(({ of }) => of?.tag === "stage" && of.stage === "execute");
    expect(executions?.count).toBe(2);
  });

  test("is recorded in the AOF, which is timed", () => {
    const { solo, client } = measured();
    client.add(1);
    client.add(1);
    expect(linesOf(solo, "replica_aof_write")).toEqual(["replica_aof_write: 0 / 2 (0 to 0)"]);
  });
});

describe("how long a client's last request took, as it says", () => {
  function roundTrips(
    ...latencies: readonly { readonly latency: number; readonly release: number }[]
  ): readonly string[] {
    const releaseClientMin = releaseOf(0, 16, 4);
    const solo = Solo.serving({ releaseClientMin });
    const release = latencies[0]?.release ?? releaseClientMin;
    const client = solo.client(1n);
    client.register({ release });
    solo.settle();
    client.take();
    for (const fields of latencies) {
      client.send(fields);
      solo.settle();
      client.take();
    }
    return linesOf(solo, "client_request_round_trip");
  }

  test("belongs to the operation of the reply that it has got", () => {
    const release = releaseOf(0, 17, 9);
    expect(roundTrips({ latency: 3, release }, { latency: 5, release }, { latency: 4, release })).toEqual([
      `client_request_round_trip{${Operation.register}}: 3000 / 1 (3000 to 3000)`,
      `client_request_round_trip{${Tally.add}}: 9000 / 2 (4000 to 5000)`,
    ]);
  });

  test("is in microseconds from release 0.17.0 on, and in nanoseconds before", () => {
    const tag = `client_request_round_trip{${Operation.register}}`;
    expect(roundTrips({ latency: 8, release: releaseOf(0, 17, 0) })).toEqual([`${tag}: 8000 / 1 (8000 to 8000)`]);
    expect(roundTrips({ latency: 8, release: releaseOf(0, 16, 99) })).toEqual([`${tag}: 8 / 1 (8 to 8)`]);
  });

  test("is not known of a client that does not say", () => {
    expect(roundTrips({ latency: 0, release: releaseOf(0, 17, 9) })).toEqual([]);
  });
});
