import { describe, expect, test } from "vitest";
import { formattedImage, prepareHeader, type PrepareOptions, recoverBench, SMALL } from "../test/builders.ts";
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

  test("two prepares of one view that do not chain are a broken invariant", () => {
    const journal = journalOf(6, { 6: { parent: 99n } });
    expect(() => journal.findLatestHeadersBreakBetween(1, 6)).toThrow("the hash chain breaks");
  });
});
