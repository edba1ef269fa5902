import { propertyRuns } from "@stagbeetle/kernels/testing";
import { PrepareHeader, TEST_MIN } from "@stagbeetle/vsr-protocol";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { chain, chainOf, entryOf, fileOf, joined, prepareOf } from "../test/log.ts";
import { type Happening, type ReplicaLog, replicaLog } from "../test/replica-log.ts";
import type { ReadableFile } from "./file.ts";
import { MemoryFile } from "./memory-file.ts";
import { aofMerge, Merge, type MergeEvent, type MergeResult } from "./merge.ts";
import { OpRanges } from "./op-ranges.ts";

const OPS_INDEXED_MAX = 64;

interface Merged {
  readonly result: MergeResult;
  readonly bytes: Uint8Array;
  readonly events: readonly MergeEvent[];
}

function merged(files: readonly Uint8Array[], opsIndexedMax = OPS_INDEXED_MAX): Merged {
  const output = new MemoryFile();
  const events: MergeEvent[] = [];
  const result = aofMerge({
    config: TEST_MIN,
    inputs: files.map((bytes) => new MemoryFile({ bytes })),
    output,
    opsIndexedMax,
    onEvent: (event) => events.push(event),
  });
  return { result, bytes: output.bytes, events };
}

const history = chainOf(12);
const part = (first: number, last: number): Uint8Array => fileOf(history.slice(first - 1, last));

describe("a merge of files that together hold a chain", () => {
  test.each<[string, Uint8Array[]]>([
    ["one whole file", [part(1, 12)]],
    ["a file that goes back as after a restart", [joined([part(1, 9), part(4, 12)])]],
    ["files that fill each other's gaps", [joined([part(1, 3), part(9, 12)]), part(2, 6), part(5, 10)]],
    ["rotated files", [part(1, 4), part(5, 8), part(9, 12)]],
    ["files in any order behind the first", [part(1, 1), part(9, 12), part(2, 8)]],
    ["an empty file among others", [part(1, 5), new Uint8Array(0), part(6, 12)]],
  ])("is that chain: %s", (_what, files) => {
    for (const opsIndexedMax of [1, 2, 5, 64]) {
      const { result, bytes } = merged(files, opsIndexedMax);
      expect(bytes).toEqual(part(1, 12));
      expect([result.entries, result.opFirst, result.opLast, result.problems]).toEqual([12, 1, 12, []]);
    }
  });

  test("begins where the first file begins", () => {
    const { result, bytes } = merged([part(5, 8), part(7, 12)]);
    expect(bytes).toEqual(part(5, 12));
    expect([result.opFirst, result.duplicates, result.problems]).toEqual([5, 2, []]);
  });

  test("says what it found, once, however many passes it takes", () => {
    const { events, result } = merged([joined([part(1, 3), new Uint8Array(300), part(4, 6)]), part(5, 12)], 3);
    const parent = new PrepareHeader(history[0] ?? new Uint8Array()).parent;
    expect(events).toEqual([
      { kind: "root", input: 0, checksum: parent, op: 1 },
      {
        kind: "damaged",
        input: 0,
        fault: "AOFMagicNumberMismatch",
        offset: 3 * 274,
        sizeBytes: 300,
        atEnd: false,
      },
      { kind: "scanned", input: 0, entries: 6, distinct: 6 },
      { kind: "scanned", input: 1, entries: 8, distinct: 12 },
    ]);
    expect([result.checksumFirst, result.checksumLast]).toEqual([checksumOf(1), checksumOf(12)]);
  });

  test("of nothing is nothing", () => {
    const { result, events } = merged([new Uint8Array(0)]);
    expect(result).toEqual({
      entries: 0,
      opFirst: 0,
      opLast: 0,
      checksumFirst: 0n,
      checksumLast: 0n,
      duplicates: 0,
      problems: [],
    });
    expect(events).toEqual([{ kind: "scanned", input: 0, entries: 0, distinct: 0 }]);
  });

  test("shows how far it is", () => {
    const inputs = [new MemoryFile({ bytes: part(1, 3) }), new MemoryFile({ bytes: part(4, 6) })];
    const merge = new Merge({ config: TEST_MIN, inputs, output: new MemoryFile(), opsIndexedMax: 8 });
    const phases: string[] = [];
    do phases.push(`${merge.progress.phase} ${merge.progress.done} of ${merge.progress.total}`);
    while (merge.step());
    expect(phases[0]).toBe("scanning 0 of 1644");
    expect(phases[5]).toBe("scanning 1096 of 1644");
    expect(phases.at(-1)).toBe("writing 6 of 6");
    expect(merge.progress.phase).toBe("done");
  });
});

function checksumOf(op: number): bigint {
  return new PrepareHeader(history[op - 1] ?? new Uint8Array()).checksum;
}

describe("a merge of files that do not hold a chain", () => {
  test("ends before the first gap and names all of them", () => {
    const { result, bytes } = merged([part(1, 3), part(6, 7), part(9, 12)]);
    expect(bytes).toEqual(part(1, 3));
    expect(result.problems).toEqual([
      { kind: "missing", ops: { first: 4, last: 5 } },
      { kind: "missing", ops: { first: 8, last: 8 } },
    ]);
  });

  test("names what lies before its beginning", () => {
    const { result, bytes } = merged([part(5, 9), joined([part(1, 2), part(8, 12)])]);
    expect(bytes).toEqual(part(5, 12));
    expect(result.problems).toEqual([{ kind: "before_root", ops: { first: 1, last: 2 }, opRoot: 5 }]);
  });

  test("writes nothing if there are two entries for one op", () => {
    const fork = prepareOf({ op: 7, parent: checksumOf(6), view: 2 });
    const { result, bytes } = merged([part(1, 12), joined([part(3, 6), entryOf(fork)])]);
    expect(bytes).toEqual(new Uint8Array(0));
    expect(result.problems).toEqual([
      {
        kind: "forked",
        op: 7,
        places: [
          { input: 0, offset: 6 * 274 },
          { input: 1, offset: 4 * 274 },
        ],
      },
    ]);
  });

  test("ends where an entry does not follow the one before it", () => {
    const stray = prepareOf({ op: 4, parent: 99n });
    const { result, bytes } = merged([part(1, 3), joined([entryOf(stray), part(5, 6)])]);
    expect(bytes).toEqual(part(1, 3));
    expect(result.problems).toEqual([{ kind: "broken_chain", op: 4, place: { input: 1, offset: 0 } }]);
  });

  test("writes nothing if there are entries of another cluster", () => {
    const { result, bytes } = merged([part(1, 12), fileOf(chain([{}], 8n))]);
    expect(bytes).toEqual(new Uint8Array(0));
    expect(result.problems).toEqual([
      { kind: "foreign_cluster", cluster: 8n, expected: 7n, place: { input: 1, offset: 0 } },
    ]);
  });

  /** A file whose bytes can be replaced while it is open. */
  function changingFile(before: Uint8Array): { file: ReadableFile; change: (bytes: Uint8Array) => void } {
    let bytes = before;
    const file: ReadableFile = {
      path: "changing.aof",
      sizeBytes: bytes.length,
      read: (target, offset) => new MemoryFile({ bytes }).read(target, offset),
      close: () => undefined,
    };
    return { file, change: (after) => (bytes = after) };
  }

  test("ends at an entry that has changed since it was found", () => {
    const { file, change } = changingFile(part(1, 3));
    const output = new MemoryFile();
    const inputs = [file, new MemoryFile({ bytes: part(4, 4) })];
    const merge = new Merge({ config: TEST_MIN, inputs, output, opsIndexedMax: 8 });
    while (merge.progress.phase !== "writing") merge.step();
    change(part(5, 7));
    while (merge.step());
    expect(merge.result.problems[0]).toEqual({ kind: "changed", op: 1, place: { input: 0, offset: 0 } });
    expect(output.bytes).toEqual(new Uint8Array(0));
  });

  test("ends at an entry that a later pass does not find any more", () => {
    const { file, change } = changingFile(part(3, 4));
    const output = new MemoryFile();
    const inputs = [new MemoryFile({ bytes: part(1, 2) }), file];
    const merge = new Merge({ config: TEST_MIN, inputs, output, opsIndexedMax: 2 });
    while (output.sizeBytes < part(1, 2).length) merge.step();
    change(new Uint8Array(file.sizeBytes));
    while (merge.step());
    expect(output.bytes).toEqual(part(1, 2));
    expect(merge.result.problems[0]).toEqual({ kind: "changed", op: 3, place: null });
  });

  test("has no result before it is done", () => {
    const merge = new Merge({
      config: TEST_MIN,
      inputs: [new MemoryFile()],
      output: new MemoryFile(),
      opsIndexedMax: 8,
    });
    expect(() => merge.result).toThrow("the merge is scanning");
  });
});

describe("the files of any cluster", () => {
  const OPS_MAX = 40;
  const count = fc.integer({ min: 1, max: 15 });
  const happening: fc.Arbitrary<Happening> = fc.oneof(
    { weight: 4, arbitrary: count.map((value): Happening => ({ kind: "commit", count: value })) },
    {
      weight: 2,
      arbitrary: fc.record({ kind: fc.constant("crash" as const), tornSizeBytes: fc.nat(273), back: fc.nat(12) }),
    },
    count.map((value): Happening => ({ kind: "state_sync", count: value })),
    fc.record({ kind: fc.constant("rot" as const), entry: fc.nat(60), bit: fc.nat(4000) }),
  );
  const scripts = fc.array(fc.array(happening, { maxLength: 8 }), { minLength: 1, maxLength: 4 });
  // Views go up, as they do in a cluster: the same op has the same view everywhere.
  const histories = fc.array(fc.record({ view: fc.integer({ min: 1, max: 3 }), size: fc.nat(40) }), {
    minLength: 1,
    maxLength: OPS_MAX,
  });

  function historyOf(shape: readonly { view: number; size: number }[]): Uint8Array[] {
    let view = 0;
    return chain(
      shape.map(({ view: step, size }) => {
        view += step === 3 ? 1 : 0;
        return { view, body: new Uint8Array(size).fill(size) };
      }),
    );
  }

  /** Where the chain begins and ends that the files hold, and what there is beside it. */
  function expectedOf(logs: readonly ReplicaLog[]): { first: number; last: number; complete: boolean } {
    const first = logs.find(({ ops }) => ops.length > 0)?.ops[0] ?? 1;
    const available = new Set(logs.flatMap(({ ops }) => ops));
    let last = first - 1;
    while (available.has(last + 1)) last += 1;
    return { first, last, complete: [...available].every((op) => op >= first && op <= last) };
  }

  test("merge to what the cluster has committed, or every gap is named", () => {
    fc.assert(
      fc.property(histories, scripts, fc.integer({ min: 1, max: 50 }), (shape, all, opsIndexedMax) => {
        const committed = historyOf(shape);
        const logs = all.map((script) => replicaLog(committed, script));
        const { result, bytes } = merged(
          logs.map((log) => log.bytes),
          opsIndexedMax,
        );
        const { first, last, complete } = expectedOf(logs);
        expect(bytes).toEqual(fileOf(committed.slice(first - 1, last)));
        expect(result.problems.length === 0).toBe(complete);
        const named = new OpRanges();
        for (const problem of result.problems) {
          if (problem.kind !== "missing") continue;
          for (let op = problem.ops.first; op <= problem.ops.last; op += 1) named.add(op);
        }
        const available = new Set(logs.flatMap(({ ops }) => ops));
        const highest = Math.max(0, ...available);
        const absent = Array.from({ length: highest }, (_, index) => index + 1).filter(
          (op) => op > last && !available.has(op),
        );
        expect(named.ranges.flatMap((range) => [range.first, range.last])).toEqual(rangesOf(absent));
      }),
      { numRuns: propertyRuns(300) },
    );
  });

  test("give the same in any order, if the first begins with the earliest op", () => {
    fc.assert(
      fc.property(histories, scripts, fc.nat(23), (shape, all, shift) => {
        const committed = historyOf(shape);
        const files = all.map((script) => replicaLog(committed, script).bytes);
        const first = fileOf(committed.slice(0, 1));
        const shifted = files.map((_, index) => files[(index + shift) % files.length] ?? first);
        expect(merged([first, ...shifted]).bytes).toEqual(merged([first, ...files]).bytes);
      }),
      { numRuns: 60 },
    );
  });

  test("never silently take an entry of a view that did not commit it", () => {
    fc.assert(
      fc.property(
        histories,
        scripts,
        fc.nat(OPS_MAX),
        fc.integer({ min: 1, max: 50 }),
        (shape, all, at, opsIndexedMax) => {
          const committed = historyOf(shape);
          const op = 1 + (at % committed.length);
          const original = new PrepareHeader(committed[op - 1] ?? new Uint8Array());
          const uncommitted = prepareOf({ op, parent: original.parent, view: original.view + 7 });
          const logs = all.map((script) => replicaLog(committed, script));
          const { result, bytes } = merged(
            [fileOf(committed), ...logs.map((log) => log.bytes), entryOf(uncommitted)],
            opsIndexedMax,
          );
          expect(result.problems).toEqual([expect.objectContaining({ kind: "forked", op })]);
          // What was written until the fork was found is what was committed.
          expect(result.entries).toBeLessThan(op);
          expect(bytes).toEqual(fileOf(committed.slice(0, result.entries)));
        },
      ),
      { numRuns: 60 },
    );
  });
});

/** The ends of the runs of ascending ops. */
function rangesOf(ops: readonly number[]): number[] {
  const ranges = new OpRanges();
  for (const op of ops) ranges.add(op);
  return ranges.ranges.flatMap(({ first, last }) => [first, last]);
}
