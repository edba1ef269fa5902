import { CreateAccountStatus } from "@stagbeetle/client/accounting";
import { Random, TEST_MIN } from "@stagbeetle/vsr-protocol";
import { describe, expect, test } from "vitest";

import { type CallRecord, SharedLedger } from "../../test/shared-ledger.ts";
import { ALWAYS, NO_STORAGE_FAULTS } from "../faults/storage-faults.ts";
import { type NetworkFaults, NO_NETWORK_FAULTS } from "../network/network.ts";

/** So many meet every kind of outcome. */
const SEEDS_MIN = 12;
const SEEDS = Math.max(SEEDS_MIN, Number(process.env["STAGBEETLE_SEEDS"] ?? SEEDS_MIN));
const TICKS = 1500;
/** As many as the cluster has places for, so that each new one costs another its session. */
const CLIENTS = TEST_MIN.cluster.clientsMax;
const CALLS_OPEN_MAX = 200;
const DEADLINE_TICKS_MAX = 300;

/** What fits into one request of the smallest configuration, and what cannot. */
const ACCOUNTS_MAX = 29;

const ROUGH: NetworkFaults = {
  ...NO_NETWORK_FAULTS,
  delayMeanTicks: 3,
  loss: { numerator: 1, denominator: 10 },
  repetition: { numerator: 1, denominator: 10 },
};

const PARTITION: NetworkFaults = { ...ROUGH, loss: ALWAYS };

/** Lets callers, network, machine and the table of sessions do what they can, then heals everything. */
function run(seed: number): { readonly ledger: SharedLedger; readonly calls: readonly CallRecord[] } {
  const random = new Random(seed);
  const ledger = new SharedLedger(TEST_MIN, random);
  const clients = Array.from({ length: CLIENTS }, () => ledger.connect());
  const calls: CallRecord[] = [];
  const open = (): CallRecord[] => calls.filter(({ outcomes }) => outcomes.length === 0);
  let healTick = 0;
  ledger.network.faults = ROUGH;
  for (let tick = 0; tick < TICKS; tick += 1) {
    const burst = random.chance(1, 4) ? random.index(8) : 0;
    for (let call = 0; call < burst && open().length < CALLS_OPEN_MAX; call += 1) {
      const client = clients[random.index(clients.length)];
      const count = random.chance(1, 20) ? ACCOUNTS_MAX + 1 : random.index(6);
      const deadlineTicks = random.boolean() ? 1 + random.index(DEADLINE_TICKS_MAX) : null;
      if (client !== undefined) calls.push(ledger.create(client, count, deadlineTicks));
    }
    if (random.chance(1, 30)) open()[0]?.cancel();
    if (random.chance(1, 30)) open().at(-1)?.cancel();
    // A new client in the place of one that was evicted, or that leaves with its calls.
    const evicted = clients.findIndex(({ state }) => state === "evicted");
    const leaving = evicted === -1 && random.chance(1, 150) ? random.index(clients.length) : evicted;
    const left = clients[leaving];
    if (left !== undefined) {
      ledger.disconnect(left);
      clients[leaving] = ledger.connect();
    }
    if (random.chance(1, 200)) {
      ledger.network.faults = PARTITION;
      healTick = tick + random.index(200);
    }
    if (tick === healTick) ledger.network.faults = ROUGH;
    if (random.chance(1, 300) && ledger.machine.state === "serving") {
      ledger.machine.crash();
      ledger.machine.start(NO_STORAGE_FAULTS);
    }
    ledger.tick();
  }
  ledger.network.faults = NO_NETWORK_FAULTS;
  ledger.until(() => open().length === 0);
  for (const client of clients) ledger.disconnect(client);
  return { ledger, calls };
}

/** The one outcome of a call, in a word. */
function endOf({ outcomes: [outcome] }: CallRecord): string {
  if (outcome === undefined) return "none";
  return outcome.kind === "reply" ? "reply" : `${outcome.failure}, executed: ${outcome.execution}`;
}

describe("callers that share sessions, under loss, repetition, partitions, crashes and evictions", () => {
  const seen = new Map<string, number>();

  test.each(Array.from({ length: SEEDS }, (_, seed) => seed))(
    "each get one outcome, which is true and in time (seed %i)",
    (seed) => {
      const { ledger, calls } = run(seed);
      for (const call of calls) {
        expect(call.outcomes).toHaveLength(1);
        const end = endOf(call);
        seen.set(end, (seen.get(end) ?? 0) + 1);
        const ticks = (call.endedTick ?? 0) - call.submittedTick;
        if (call.deadlineTicks !== null) expect(ticks).toBeLessThanOrEqual(call.deadlineTicks);
        if (end.startsWith("deadline")) expect(ticks).toBe(call.deadlineTicks);
        if (end === "reply") expect(call.results).toHaveLength(call.accounts.length);
        if (call.accounts.length > ACCOUNTS_MAX) expect(end).not.toBe("reply");
      }
      const ids = calls.flatMap(({ accounts }) => accounts.map(({ id }) => id));
      const existing = new Map<bigint, bigint>();
      for (let at = 0; at < ids.length; at += ACCOUNTS_MAX) {
        const found = ledger.existing(ids.slice(at, at + ACCOUNTS_MAX));
        for (const [id, { timestamp, user_data_64: userData }] of found) {
          expect(userData).toBe(id);
          existing.set(id, timestamp);
        }
      }
      for (const call of calls) {
        const { accounts, results, outcomes } = call;
        const [outcome] = outcomes;
        for (const [index, { id }] of accounts.entries()) {
          const timestamp = existing.get(id);
          // Nobody else's result: the timestamp is that of this very account.
          if (outcome?.kind === "reply") {
            expect(results[index]).toEqual({ timestamp, status: CreateAccountStatus.created });
          } else if (outcome?.execution === "none") {
            expect(timestamp).toBeUndefined();
          }
        }
        // A request is executed as a whole.
        expect([0, accounts.length]).toContain(accounts.filter(({ id }) => existing.has(id)).length);
      }
      seen.set("evictions", (seen.get("evictions") ?? 0) + ledger.evictions.length);
      seen.set("lost", (seen.get("lost") ?? 0) + ledger.network.counts.lost);
      seen.set("repeated", (seen.get("repeated") ?? 0) + ledger.network.counts.repeated);
    },
  );

  test("meet every kind of outcome, so that the runs have shown something", () => {
    const kinds = [
      "reply",
      "too_much_data, executed: none",
      "deadline, executed: none",
      "deadline, executed: unknown",
      "cancelled, executed: none",
      "cancelled, executed: unknown",
      "evicted, executed: none",
      "evicted, executed: unknown",
      "closed, executed: none",
      "closed, executed: unknown",
      "evictions",
      "lost",
      "repeated",
    ];
    expect(kinds.filter((kind) => !seen.has(kind) || seen.get(kind) === 0)).toEqual([]);
  });
});
