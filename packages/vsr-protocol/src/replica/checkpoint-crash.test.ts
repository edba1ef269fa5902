import { assert } from "@stagbeetle/kernels";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { Adder, live, PrepareIdentities } from "../../test/adders.ts";
import { PROPERTY_RUNS } from "../../test/builders.ts";
import type { MemoryStorage } from "../../test/memory-storage.ts";
import { Solo } from "../../test/solo.ts";
import { clientSessionsTrailer, freeSetBlocksAcquiredTrailer } from "../superblock/vsr-state.ts";

/** A data file at rest, and the client that made it. */
interface Base {
  readonly storage: MemoryStorage;
  /** How often the client added. */
  readonly count: number;
  readonly session: { readonly session: number; readonly request: number; readonly context: bigint };
}

/** What is the same at a checkpoint however often the process died on the way. */
type CheckpointFacts = Map<number, string>;

function baseAt(op: number): Base {
  const solo = Solo.serving({ checkpoints: true });
  const client = solo.registered(1n);
  while (solo.replica.state.op < op) client.add(1);
  const { session, request, context } = client;
  return { storage: solo.storage.restart(), count: solo.machine.count, session: { session, request, context } };
}

/** Which blocks are in use, and what the state machine and the clients have. Headers differ: they name the view. */
function factsOf(solo: Solo): string {
  const { checkpoint } = solo.superblock.working;
  const acquired = freeSetBlocksAcquiredTrailer(checkpoint);
  return [
    acquired.checksum,
    acquired.lastBlock.address,
    checkpoint.freeSetBlocksReleasedChecksum,
    checkpoint.manifestNewestAddress,
    checkpoint.manifestNewestChecksum,
    clientSessionsTrailer(checkpoint).lastBlock.address,
    checkpoint.storageSize,
  ].join(" ");
}

/** How a life ends: after so many completions, or during a write of which only a half reaches the disk. */
type Death = { readonly step: number } | { readonly write: number };

function start(storage: MemoryStorage, identities: PrepareIdentities, death: Death | null): Solo {
  if (death !== null && "step" in death) storage.crashAtStep = death.step;
  storage.onWrite = (write) => {
    identities.see(write);
    if (death === null || !("write" in death) || death.write !== write.index) return "complete";
    return { crashWith: write.buffer.slice(0, write.buffer.length / 2) };
  };
  const solo = new Solo({ storage, checkpoints: true });
  solo.open();
  return solo;
}

/** Lets the client add `target` times from the base on, through these deaths. Returns how many lives it took. */
function runThrough(base: Base, target: number, deaths: readonly Death[], facts: CheckpointFacts): number {
  const identities = new PrepareIdentities();
  let storage = base.storage.restart();
  let adder: Adder | null = null;
  let lives = 0;
  for (const death of [...deaths, null]) {
    const solo = start(storage, identities, death);
    lives += 1;
    if (adder === null) adder = new Adder(Object.assign(solo.client(1n), base.session));
    else adder.client.moveTo(solo);
    solo.settle();
    if (solo.serving) live(solo, [adder], target);
    if (solo.superblock.status !== "closed" && solo.superblock.status !== "reading") noteFacts(solo, facts);
    if (!solo.storage.crashed) {
      expect(solo.machine).toMatchObject({ count: base.count + target, sum: base.count + target });
      expect(solo.messagesHeld).toBe(1);
      break;
    }
    storage = solo.storage.restart();
  }
  assert(adder !== null, "there was a life");
  expect(adder.counts).toEqual(Array.from({ length: target }, (_, index) => base.count + index + 1));
  return lives;
}

function noteFacts(solo: Solo, facts: CheckpointFacts): void {
  const { op } = solo.superblock.working.checkpointHeader;
  const seen = facts.get(op) ?? factsOf(solo);
  expect(factsOf(solo)).toBe(seen);
  facts.set(op, seen);
}

describe.each([
  { name: "the first checkpoint and its blocks become durable", from: 20, target: 10, checkpoint: 19 },
  { name: "the second checkpoint frees blocks of the first", from: 40, target: 10, checkpoint: 39 },
  { name: "the log has gone round", from: 101, target: 8, checkpoint: 99 },
])("while $name", ({ from, target, checkpoint }) => {
  const facts: CheckpointFacts = new Map();
  const base = baseAt(from);

  test("a life without a crash takes it", () => {
    expect(runThrough(base, target, [], facts)).toBe(1);
    expect(facts.has(checkpoint)).toBe(true);
  });

  test("the process can die after any completion", () => {
    let step = 0;
    while (runThrough(base, target, [{ step }], facts) > 1) step += 1;
    expect(step).toBeGreaterThan(60);
  });

  test("the process can die in the midst of any write", () => {
    let write = 0;
    while (runThrough(base, target, [{ write }], facts) > 1) write += 1;
    expect(write).toBeGreaterThan(4 + 4 + target);
  });
});

test("a process that dies again and again crosses checkpoints in the end", () => {
  const base = baseAt(18);
  const death = fc.oneof(fc.record({ step: fc.nat(250) }), fc.record({ write: fc.nat(60) }));
  const property = fc.property(fc.array(death, { maxLength: 8 }), (deaths) => {
    runThrough(base, 35, deaths, new Map());
  });
  fc.assert(property, { numRuns: Math.max(10, PROPERTY_RUNS / 5) });
});
