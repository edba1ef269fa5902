import { HEADER_SIZE_BYTES, PrepareHeader, PRODUCTION, TEST_MIN } from "@stagbeetle/vsr-protocol";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { chain, chainOf, entryOf, fileOf, joined, prepareOf } from "../test/log.ts";
import { AOF_MAGIC_SIZE_BYTES, aofMagic } from "./entry.ts";
import { EntryReader } from "./entry-reader.ts";
import type { ReadableFile } from "./file.ts";
import { Iterator } from "./iterator.ts";
import { MemoryFile } from "./memory-file.ts";

const config = TEST_MIN;
const reader = new EntryReader(config);

function over(bytes: Uint8Array, validateChain = true): Iterator {
  return new Iterator({ config, file: new MemoryFile({ bytes }), validateChain, reader });
}

/** Goes to the end, behind every fault: the ops of entries, and the names of faults with their places. */
function walk(iterator: Iterator): (number | string)[] {
  const seen: (number | string)[] = [];
  for (let step = iterator.next(); step.kind !== "end"; step = iterator.next()) {
    if (step.kind === "entry") seen.push(step.entry.header.op);
    else {
      seen.push(`${step.fault}@${step.offset}`);
      iterator.skipFault(step.fault);
    }
  }
  return seen;
}

function damaged(bytes: Uint8Array, at: number): Uint8Array {
  const copy = bytes.slice();
  copy[at] = (copy[at] ?? 0) ^ 1;
  return copy;
}

const ENTRY_SIZE = 16 + HEADER_SIZE_BYTES + 2;

describe("an iterator", () => {
  test("gives the entries in the order of the file, and then its end for ever", () => {
    const iterator = over(fileOf(chainOf(3)));
    expect(walk(iterator)).toEqual([1, 2, 3]);
    expect([iterator.next(), iterator.next()]).toEqual([{ kind: "end" }, { kind: "end" }]);
    expect(iterator.offset).toBe(iterator.sizeBytes);
  });

  test("takes any parent for the first entry", () => {
    expect(walk(over(fileOf(chainOf(5).slice(2))))).toEqual([3, 4, 5]);
  });

  test("has nothing to give of an empty file", () => expect(walk(over(new Uint8Array(0)))).toEqual([]));

  test("begins again when it is reset", () => {
    const iterator = over(fileOf(chainOf(2)));
    walk(iterator);
    iterator.reset();
    expect(walk(iterator)).toEqual([1, 2]);
  });

  test("stays where it is at a fault", () => {
    const iterator = over(damaged(fileOf(chainOf(2)), 0));
    expect(iterator.next()).toEqual({ kind: "fault", fault: "AOFMagicNumberMismatch", offset: 0 });
    expect(iterator.next()).toEqual({ kind: "fault", fault: "AOFMagicNumberMismatch", offset: 0 });
  });
});

describe("a fault is told by its name, and what is behind it is found", () => {
  const file = fileOf(chainOf(3));
  const second = ENTRY_SIZE;
  const third = 2 * ENTRY_SIZE;
  test.each<[string, Uint8Array, (number | string)[]]>([
    [
      "a magic number",
      damaged(file, second + 3),
      [1, `AOFMagicNumberMismatch@${second}`, `AOFChecksumChainMismatch@${third}`, 3],
    ],
    [
      "a header",
      damaged(file, second + 16 + 224),
      [1, `AOFChecksumMismatch@${second}`, `AOFChecksumChainMismatch@${third}`, 3],
    ],
    [
      "a body",
      damaged(file, second + 272),
      [1, `AOFBodyChecksumMismatch@${second}`, `AOFChecksumChainMismatch@${third}`, 3],
    ],
    [
      "a size that is too large",
      damaged(file, second + 16 + 99),
      [1, `AOFShortRead@${second}`, `AOFChecksumChainMismatch@${third}`, 3],
    ],
    [
      "a size that is too small",
      withSize(file, second, 255),
      [1, `AOFChecksumMismatch@${second}`, `AOFChecksumChainMismatch@${third}`, 3],
    ],
    ["the end, within a header", file.subarray(0, 2 * ENTRY_SIZE + 100), [1, 2, `AOFShortRead@${third}`]],
    ["the end, within a body", file.subarray(0, 3 * ENTRY_SIZE - 1), [1, 2, `AOFShortRead@${third}`]],
    ["zeros at the end", joined([file, new Uint8Array(500)]), [1, 2, 3, `AOFMagicNumberMismatch@${3 * ENTRY_SIZE}`]],
    ["a few bytes at the end", joined([file, new Uint8Array(5)]), [1, 2, 3, `AOFShortRead@${3 * ENTRY_SIZE}`]],
  ])("%s", (_what, bytes, expected) => expect(walk(over(bytes))).toEqual(expected));

  test("a torn entry with entries behind it", () => {
    const [one = new Uint8Array(), two = new Uint8Array(), three = new Uint8Array()] = chainOf(3).map(entryOf);
    const bytes = joined([one, two.subarray(0, 150), one, two, three]);
    expect(walk(over(bytes, false))).toEqual([1, `AOFChecksumMismatch@${ENTRY_SIZE}`, 1, 2, 3]);
  });

  test("a torn entry whose size reaches beyond the end of the file", () => {
    const large = entryOf(prepareOf({ op: 9, parent: 1n, body: new Uint8Array(3000) }));
    const bytes = joined([large.subarray(0, 300), fileOf(chainOf(2))]);
    expect(walk(over(bytes))).toEqual(["AOFShortRead@0", 1, 2]);
  });

  test("a gap, and a step back, where the chain is wanted", () => {
    const [one = new Uint8Array(), two = new Uint8Array(), three = new Uint8Array()] = chainOf(3);
    expect(walk(over(fileOf([one, three])))).toEqual([1, `AOFChecksumChainMismatch@${ENTRY_SIZE}`, 3]);
    expect(walk(over(fileOf([one, two, one])))).toEqual([1, 2, `AOFChecksumChainMismatch@${2 * ENTRY_SIZE}`, 1]);
    expect(walk(over(fileOf([one, three, two]), false))).toEqual([1, 3, 2]);
  });

  test("a header with right checksums that no replica writes", () => {
    const reserved = chain([{ operation: 147, timestamp: 0n }]);
    expect(walk(over(fileOf(reserved)))).toEqual(["AOFHeaderInvalid@0"]);
  });
});

function withSize(file: Uint8Array, offset: number, size: number): Uint8Array {
  const copy = file.slice();
  new PrepareHeader(copy, offset + AOF_MAGIC_SIZE_BYTES).size = size;
  return copy;
}

describe("skipping", () => {
  test("by 0 finds a magic number at the offset, by 1 the one behind it", () => {
    const iterator = over(joined([new Uint8Array(7), fileOf(chainOf(2))]));
    expect([iterator.skip(0), iterator.offset]).toEqual([7, 7]);
    expect([iterator.skip(0), iterator.offset]).toEqual([0, 7]);
    expect([iterator.skip(1), iterator.offset]).toEqual([ENTRY_SIZE, 7 + ENTRY_SIZE]);
    iterator.skip(1);
    expect(iterator.offset).toBe(iterator.sizeBytes);
  });

  test("finds a magic number across the border of what is read at once", () => {
    const readAtOnce = 4 * 2 ** 20;
    for (const before of [readAtOnce - 16, readAtOnce - 8, readAtOnce - 1, readAtOnce, 2 * readAtOnce - 20]) {
      const bytes = joined([new Uint8Array(before), aofMagic(), new Uint8Array(100)]);
      const iterator = over(bytes);
      iterator.skip(0);
      expect(iterator.offset, `behind ${before} bytes`).toBe(before);
    }
  });
});

describe("whatever the bytes are", () => {
  const entries = chainOf(6).map(entryOf);

  test("nothing is thrown, and the end is reached", () => {
    const piece = fc.oneof(
      fc.uint8Array({ maxLength: 400 }),
      fc.constantFrom(aofMagic(), ...entries),
      fc.tuple(fc.constantFrom(...entries), fc.nat(300)).map(([entry, size]) => entry.subarray(0, size)),
      fc.tuple(fc.constantFrom(...entries), fc.nat(273)).map(([entry, at]) => damaged(entry, at)),
    );
    fc.assert(
      fc.property(fc.array(piece, { maxLength: 12 }), (pieces) => {
        const bytes = joined(pieces);
        const originals = new Set(entries.map((entry) => Buffer.from(entry).toString("hex")));
        const iterator = over(bytes, false);
        let steps = 0;
        for (let step = iterator.next(); step.kind !== "end"; step = iterator.next()) {
          if (step.kind === "fault") iterator.skipFault(step.fault);
          else expect(originals.has(Buffer.from(step.entry.bytes).toString("hex"))).toBe(true);
          steps += 1;
          expect(steps).toBeLessThanOrEqual(bytes.length);
        }
        expect(iterator.offset).toBe(bytes.length);
      }),
      { numRuns: 200 },
    );
  });

  test("every entry between two pieces of anything is found", () => {
    fc.assert(
      fc.property(
        fc.uint8Array({ maxLength: 600 }),
        fc.uint8Array({ minLength: 300, maxLength: 600 }),
        (before, after) => {
          // A damaged size may claim what follows, so only whole garbage is put around.
          const iterator = over(joined([before, entries[0] ?? new Uint8Array(), after]), false);
          expect(walk(iterator)).toContain(1);
        },
      ),
      { numRuns: 100 },
    );
  });
});

test("entries larger than what is read at once are read whole", () => {
  const production = new EntryReader(PRODUCTION);
  const body = new Uint8Array(PRODUCTION.derived.messageBodySizeMax).map((_, index) => index & 0xff);
  const prepares = chain([{}, { body }, { body }, {}, { body }, { body }, { body }, {}]);
  const file = new MemoryFile({ bytes: fileOf(prepares) });
  const iterator = new Iterator({ config: PRODUCTION, file, reader: production });
  expect(walk(iterator)).toEqual([1, 2, 3, 4, 5, 6, 7, 8]);
});

test("a file that has become shorter since it was opened ends with a short read", () => {
  const memory = new MemoryFile({ bytes: fileOf(chainOf(3)) });
  const file: ReadableFile = {
    path: memory.path,
    sizeBytes: memory.sizeBytes,
    read: (target, offset) => memory.read(target, offset),
    close: () => undefined,
  };
  memory.truncate(2 * ENTRY_SIZE);
  const steps = walk(new Iterator({ config, file }));
  expect(steps.slice(0, 3)).toEqual([1, 2, `AOFShortRead@${2 * ENTRY_SIZE}`]);
});
