import { expect, test } from "vitest";
import { RELEASE_CLIENT_MIN, RELEASE_NOW, Solo } from "../../test/solo.ts";

test("the metrics say where the replica stands", () => {
  const solo = Solo.serving();
  const client = solo.registered(1n);
  const { timestamp } = client.add(1).reply;
  solo.receive(solo.pingBytes({ client: 9n, release: RELEASE_CLIENT_MIN }));
  const { timings, ...values } = solo.replica.metrics();
  expect(timings.length).toBeGreaterThan(0);
  expect(values).toEqual({
    replica_start: 1_000_000n,
    replica_status: 0,
    replica_sync_stage: 0,
    replica_view: 1,
    replica_log_view: 1,
    replica_op: 2,
    replica_op_checkpoint: 0,
    replica_commit_min: 2,
    replica_commit_max: 2,
    replica_commit_timestamp: timestamp,
    replica_pipeline_queue_length: 0,
    replica_sync_op_min: 0,
    replica_sync_op_max: 0,
    journal_dirty: 0,
    journal_faulty: 0,
    grid_blocks_acquired: 0,
    grid_blocks_missing: 0,
    lsm_manifest_block_count: 0,
    grid_cache_hits: 0,
    grid_cache_misses: 0,
    release: RELEASE_NOW,
    release_seen_client_min: RELEASE_CLIENT_MIN,
    release_seen_client_max: RELEASE_NOW,
    clock_delta_ns: 0n,
    replica_messages_in: { request: 2, prepare_ok: 2, ping_client: 1 },
    replica_messages_out: { reply: 2, pong_client: 1 },
  });
});

test("the metrics say how much of the grid is in use", () => {
  const solo = Solo.serving({ checkpoints: true });
  const client = solo.registered(1n);
  while (solo.replica.state.opCheckpoint === 0) client.add(1);
  const { grid_blocks_acquired: acquired, grid_blocks_missing: missing } = solo.replica.metrics();
  expect([acquired, missing]).toEqual([solo.grid?.acquiredCount, 0]);
  expect(acquired).toBeGreaterThan(0);
});

test("what was counted and measured begins anew once it was taken", () => {
  const solo = Solo.serving();
  solo.registered(1n);
  solo.tick(1000);
  expect(solo.metrics[0]?.replica_messages_in).toEqual({ request: 1, prepare_ok: 1 });
  expect(solo.metrics[0]?.timings).not.toEqual([]);
  const after = solo.replica.metrics();
  expect([after.replica_messages_in, after.replica_messages_out, after.timings]).toEqual([{}, {}, []]);
});

test("what was counted and measured is kept until it is taken", () => {
  const solo = Solo.serving();
  solo.metricsTaken = false;
  solo.registered(1n);
  solo.tick(2000);
  expect(solo.metrics.length).toBe(2);
  const after = solo.replica.metrics();
  expect(after.replica_messages_in).toEqual({ request: 1, prepare_ok: 1 });
  expect(after.timings).toEqual(solo.metrics[0]?.timings);
  expect(after.release_seen_client_max).toBe(RELEASE_NOW);
});

test("metrics are emitted every ten seconds, and the releases seen begin anew", () => {
  const solo = Solo.serving();
  solo.registered(1n);
  solo.tick(1000);
  expect(solo.metrics.length).toBe(1);
  expect(solo.metrics[0]?.release_seen_client_max).toBe(RELEASE_NOW);
  expect(solo.replica.metrics().release_seen_client_max).toBeNull();
  solo.tick(1000);
  expect(solo.metrics.length).toBe(2);
});

test("a replica describes itself in a line", () => {
  const solo = Solo.serving();
  solo.registered(1n).add(1);
  expect(solo.replica.describe()).toBe(
    "0N: normal view=1 log_view=1 op=2 commit_min=2 commit_max=2 checkpoint=0 commit=idle prepares=0 requests=0 start=serving",
  );
});

test("the bus ticks with the replica, from before it is open", () => {
  const solo = new Solo();
  solo.replica.tick();
  expect(solo.bus.ticks).toBe(1);
});
