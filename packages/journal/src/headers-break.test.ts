import { propertyRuns } from "@stagbeetle/kernels/testing";
import type { OpRange } from "@stagbeetle/vsr-protocol";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import {
  formattedImage,
  prepareHeader,
  type PrepareOptions,
  putOp,
  recoverBench,
  recoveryAt,
  rootHeader,
  SMALL,
} from "../test/builders.ts";
import type { Journal } from "./journal.ts";

/** Puts ops 1 to `opMax` into the headers, chained but for the changes. `null`: missing. */
function journalOf(opMax: number, changes: Readonly<Record<number, Partial<PrepareOptions> | null>> = {}): Journal {
  const { journal } = recoverBench(SMALL, formattedImage(SMALL));
  let parent = 0n;
  for (let op = 1; op <= opMax; op += 1) {
    const change = changes[op];
    const header = prepareHeader({ op, parent, ...change });
    if (change !== null) journal.setHeaderAsDirty(header);
    parent = header.checksum;
  }
  return journal;
}

describe("the newest break in the headers", () => {
  test("a chain without gaps has none", () => {
    expect(journalOf(6).findLatestHeadersBreakBetween(1, 6)).toBe(null);
    expect(journalOf(6).findLatestHeadersBreakBetween(6, 6)).toBe(null);
  });

  test("missing headers are one", () => {
    expect(journalOf(6, { 3: null, 4: null }).findLatestHeadersBreakBetween(1, 6)).toEqual({ opMin: 3, opMax: 4 });
  });

  test("the newest of several comes first, and ends at the next header", () => {
    expect(journalOf(8, { 2: null, 6: null }).findLatestHeadersBreakBetween(1, 8)).toEqual({ opMin: 6, opMax: 6 });
  });

  test("a break reaches down to the lowest op asked for", () => {
    expect(journalOf(6, { 2: null, 3: null }).findLatestHeadersBreakBetween(2, 6)).toEqual({ opMin: 2, opMax: 3 });
  });

  test("headers of an older view that do not lead to the head belong to the break, with all that lead to them", () => {
    const journal = journalOf(6, { 6: { parent: 99n, view: 3 } });
    expect(journal.findLatestHeadersBreakBetween(0, 6)).toEqual({ opMin: 1, opMax: 5 });
  });

  test("the lowest op asked for is committed, so no break that begins above it reaches it", () => {
    const journal = journalOf(6, { 6: { parent: 99n, view: 3 } });
    expect(journal.findLatestHeadersBreakBetween(2, 6)).toEqual({ opMin: 3, opMax: 5 });
  });

  test("a header of a newer view below the break ends it", () => {
    const journal = journalOf(6, {
      3: { view: 2 },
      4: { parent: 98n, view: 1 },
      5: { view: 1 },
      6: { parent: 99n, view: 3 },
    });
    expect(journal.findLatestHeadersBreakBetween(0, 6)).toEqual({ opMin: 4, opMax: 5 });
  });

  test("the header of the highest op must be there", () => {
    expect(() => journalOf(5).findLatestHeadersBreakBetween(1, 6)).toThrow("no header for op 6");
  });

  test("prepares of the head's own view that do not lead to it belong to the break", () => {
    const journal = journalOf(6, { 6: { parent: 99n } });
    expect(journal.findLatestHeadersBreakBetween(1, 6)).toEqual({ opMin: 2, opMax: 5 });
  });

  test("two prepares of one view below the break that do not chain are both part of it", () => {
    const journal = journalOf(6, { 4: { parent: 98n }, 6: { parent: 99n } });
    expect(journal.findLatestHeadersBreakBetween(2, 6)).toEqual({ opMin: 3, opMax: 5 });
  });
});

describe("of any log on a disk, whoever had part in it", () => {
  const OPS = 12;
  const VIEW = 3;
  /** An op of the log, chained to the one before it or not; null: not there. */
  const entry = fc.option(fc.record({ view: fc.nat({ max: VIEW }), chained: fc.boolean() }), { freq: 6 });
  const log = fc.array(entry, { minLength: OPS, maxLength: OPS });
  type Log = typeof log extends fc.Arbitrary<infer Value> ? Value : never;

  /** Recovers it from the disk. Its head, of op 12, is always there. */
  function recovered(entries: Log): Journal {
    const image = formattedImage(SMALL);
    let parent = rootHeader().checksum;
    for (const [index, each] of [...entries, { view: VIEW, chained: true }].entries()) {
      const options = { op: index + 1, view: each?.view ?? 0, parent: each?.chained === false ? 99n : parent };
      parent = prepareHeader(options).checksum;
      if (each !== null) putOp(SMALL, image, options);
    }
    const viewHeaders = [prepareHeader({ op: OPS + 2, view: VIEW }), rootHeader()];
    const { journal, result } = recoverBench(SMALL, image, recoveryAt({ view: VIEW, logView: VIEW, viewHeaders }));
    expect(result.outcome).toBe("recovered");
    return journal;
  }

  /** The lowest op from which the log is unbroken up to the head. */
  function chainStart(journal: Journal): number {
    let op = OPS + 1;
    while (op > 1 && journal.headerWithOp(op - 1)?.checksum === journal.headerWithOp(op)?.parent) op -= 1;
    return op;
  }

  test("the newest break ends right below what is chained to the head", () => {
    const kinds = new Set<string>();
    const kindOf = (journal: Journal, gap: OpRange | null): string => {
      if (gap === null) return "none";
      const [below, above] = [journal.headerWithOp(gap.opMax), journal.headerWithOp(gap.opMax + 1)];
      if (below === null) return "missing";
      return below.view === above?.view ? "of one view" : "of two views";
    };
    fc.assert(
      fc.property(log, (entries) => {
        const journal = recovered(entries);
        const gap = journal.findLatestHeadersBreakBetween(1, OPS + 1);
        kinds.add(kindOf(journal, gap));
        expect(gap?.opMax ?? 0).toBe(chainStart(journal) - 1);
        if (gap !== null) expect(gap.opMin).toBeLessThanOrEqual(gap.opMax);
      }),
      { numRuns: propertyRuns(200) },
    );
    expect([...kinds]).toEqual(expect.arrayContaining(["missing", "of one view", "of two views"]));
  });
});
