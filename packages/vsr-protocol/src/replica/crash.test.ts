import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { Adder, live, PrepareIdentities } from "../../test/adders.ts";
import { PROPERTY_RUNS } from "../../test/builders.ts";
import type { MemoryStorage, WriteAttempt } from "../../test/memory-storage.ts";
import { formattedFile, Solo } from "../../test/solo.ts";
import { FatalError } from "../fatal.ts";

/** How much of the interrupted write reaches the disk, in bytes from its start. */
type Torn = (write: WriteAttempt) => number;

/** What can happen to the write during which the process dies. */
const TORN: readonly (readonly [string, Torn])[] = [
  ["nothing of it", () => 0],
  ["all of it", ({ buffer }) => buffer.length],
  ["a part of its header", () => 100],
  ["its header and a part of its body", () => 257],
];

/** Starts a replica during whose life the writes are counted on, and dies at one of them. */
function start(storage: MemoryStorage, identities: PrepareIdentities, crashAt: number, torn: Torn): Solo {
  storage.onWrite = (write) => {
    identities.see(write);
    return write.index === crashAt ? { crashWith: write.buffer.slice(0, torn(write)) } : "complete";
  };
  const solo = new Solo({ storage });
  solo.open();
  solo.settle();
  return solo;
}

const TARGET = 4;

/** Runs two clients through crashes at the given writes, one life each, and then to the end. */
function runThrough(crashes: readonly { readonly at: number; readonly torn: Torn }[]): { readonly lives: number } {
  const identities = new PrepareIdentities();
  let storage = formattedFile();
  let adders: Adder[] = [];
  let lives = 0;
  for (const { at, torn } of [...crashes, { at: Number.POSITIVE_INFINITY, torn: () => 0 }]) {
    const solo = start(storage, identities, at, torn);
    lives += 1;
    if (adders.length === 0) adders = [1n, 2n].map((id) => new Adder(solo.client(id)));
    else for (const { client } of adders) client.moveTo(solo);
    if (solo.serving) live(solo, adders, TARGET);
    if (!solo.storage.crashed) {
      expect(solo.machine.count).toBe(2 * TARGET);
      expect(solo.messagesHeld).toBe(1);
      break;
    }
    storage = solo.storage.restart();
  }
  const counts = adders.flatMap(({ counts: seen }) => seen);
  // Each addition was executed once, and each reply tells of it in its place.
  expect(counts.toSorted((left, right) => left - right)).toEqual(
    Array.from({ length: 2 * TARGET }, (_, index) => index + 1),
  );
  return { lives };
}

describe("whatever write the process dies at, every request is executed once and its reply arrives", () => {
  test.each(TORN)("when the disk has %s", (_, torn) => {
    let lives = 2;
    let at = 0;
    for (; lives > 1; at += 1) ({ lives } = runThrough([{ at, torn }]));
    // The start writes 4 copies of the superblock; each op a prepare, and a reply.
    expect(at).toBeGreaterThan(4 + 2 * 2 * TARGET);
  });

  test("and when it dies again and again", () => {
    const crash = fc.record({ at: fc.nat(30), torn: fc.constantFrom(...TORN.map(([, torn]) => torn)) });
    fc.assert(
      fc.property(fc.array(crash, { maxLength: 6 }), (crashes) => {
        runThrough(crashes);
      }),
      { numRuns: Math.max(10, PROPERTY_RUNS / 4) },
    );
  });
});

test("a torn prepare at the head is cut off, and its op number is used again in another view", () => {
  const storage = formattedFile();
  const solo = Solo.serving({ storage });
  const client = solo.registered(1n);
  client.add(1);
  storage.onWrite = ({ zone, buffer }) => (zone === "walPrepares" ? { crashWith: buffer.slice(0, 100) } : "complete");
  client.send({ body: Uint8Array.of(2) });
  solo.settle();
  expect(solo.storage.crashed).toBe(true);
  expect(client.inbox()).toEqual([]);

  const again = Solo.serving({ storage: storage.restart() });
  expect(again.replica.state).toMatchObject({ op: 2, view: 2 });
  client.moveTo(again).resend();
  again.settle();
  expect(client.take().tally).toEqual({ count: 2, sum: 3 });
  expect(again.journal.headerWithOp(3)?.view).toBe(2);
});

test("a write that the superblock lost is found before anything is served", () => {
  const storage = formattedFile();
  storage.onWrite = ({ zone }) => (zone === "superblock" ? "lost" : "complete");
  const solo = new Solo({ storage });
  solo.open();
  expect(() => solo.settle()).toThrow(FatalError);
  expect(solo.serving).toBe(false);
});
