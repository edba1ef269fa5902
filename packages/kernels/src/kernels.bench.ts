/**
 * Prints how fast the kernels are, in a table a kind, beside a memory copy for scale. It reports, a person judges: each
 * figure is the best of a few rounds, on whatever else this machine was doing.
 */
import {
  absent,
  createKernels,
  EntryKernel,
  IdIndex,
  LinearMemory,
  MergeStep,
  RunMerge,
  sortScratchSizeBytes,
  ValueKernels,
} from "./index.ts";
import type { Kernels, ValueLayout } from "./index.ts";

const rounds = 7;
const roundMilliseconds = 60;

/** Nanoseconds a call takes at best. */
function measure(work: () => void): number {
  let calls = 1;
  let best = Infinity;
  for (let round = 0; round < rounds;) {
    const start = performance.now();
    for (let call = 0; call < calls; call++) work();
    const elapsed = performance.now() - start;
    if (elapsed < roundMilliseconds) {
      calls *= 2;
      continue;
    }
    best = Math.min(best, (elapsed * 1e6) / calls);
    round++;
  }
  return best;
}

function printTable(header: readonly string[], rows: readonly (readonly string[])[]): void {
  for (const row of [header, ...rows]) console.log(row.map((cell) => cell.padStart(16)).join(""));
  console.log();
}

function benchChecksum(): void {
  const kernelsOf = (simd: "relaxed" | "plain"): Kernels =>
    createKernels({ memory: new LinearMemory({ sizeBytes: 4 << 20 }), simd });
  const both = [kernelsOf("relaxed"), kernelsOf("plain")];
  const source = new Uint8Array(1 << 20).map((_, index) => index * 7);
  const header = ["checksum", "relaxed GB/s", "plain GB/s", "copy GB/s", "relaxed ns"];
  const rows = [256, 4096, 65_536, 1_048_576].map((sizeBytes) => {
    const nanoseconds = both.map((kernels) => {
      const { memory } = kernels;
      const result = memory.allocate(16, 16);
      const data = memory.allocate(sizeBytes, 4096);
      memory.bytes.set(source.subarray(0, sizeBytes), data);
      return measure(() => kernels.checksum(data, sizeBytes, result));
    });
    const target = new Uint8Array(sizeBytes);
    const piece = source.subarray(0, sizeBytes);
    const speeds = [...nanoseconds, measure(() => target.set(piece))].map((time) => (sizeBytes / time).toFixed(2));
    return [`${sizeBytes} B`, ...speeds, (nanoseconds[0] ?? 0).toFixed(0)];
  });
  printTable(header, rows);
}

/** Nanoseconds an operation on ids in no order, in an index that is at its fullest. */
function benchIdIndex(): void {
  const memory = new LinearMemory({ sizeBytes: 512 << 20 });
  const kernels = createKernels({ memory });
  const batch = 8189;
  const results = memory.allocate(4 * batch, 64);
  const rows = [10_000, 1_000_000].map((wanted) => {
    const index = new IdIndex(kernels, { capacity: wanted });
    const count = index.capacity;
    const ids = memory.allocate(16 * (count + batch), 64);
    for (let word = 0, mixed = 1; word < 4 * (count + batch); word++) {
      mixed = (Math.imul(mixed, 1_664_525) + 1_013_904_223) >>> 0;
      memory.u32[ids / 4 + word] = mixed ^ (mixed >>> 16);
    }
    const start = performance.now();
    for (let slot = 0; slot < count; slot++) index.insert(ids + 16 * slot, slot);
    const insertion = ((performance.now() - start) * 1e6) / count;
    let next = 0;
    const hits = measure(() => {
      next = (next + batch) % (count - batch);
      index.lookupMany(ids + 16 * next, 16, batch, results);
    });
    const misses = measure(() => index.lookupMany(ids + 16 * count, 16, batch, results));
    const one = measure(() => {
      next = (next + 7919) % count;
      if (index.get(ids + 16 * next) === absent) throw new Error(`id ${next} is lost`);
    });
    const bytes = (index.sizeBytes / count).toFixed(1);
    return [String(count), ...[insertion, one, hits / batch, misses / batch].map((time) => time.toFixed(1)), bytes];
  });
  printTable(["ids", "insert ns", "get ns", "many: hit ns", "many: miss ns", "bytes/id"], rows);
}

/** A batch of the values of one tree, by how their keys come. */
interface ValueCase {
  readonly name: string;
  readonly layout: ValueLayout;
  /** The field and the timestamp of value `number`. */
  readonly key: (number: number) => readonly [field: bigint, timestamp: bigint];
}

const composite64: ValueLayout = { key: "composite64", sizeBytes: 16, timestampOffset: 8, secondary: true };
const composite128: ValueLayout = { key: "composite128", sizeBytes: 32, timestampOffset: 16, secondary: true };
const unique: ValueLayout = { key: "unique", sizeBytes: 32, timestampOffset: 16, secondary: false };
const object: ValueLayout = { key: "timestamp", sizeBytes: 128, timestampOffset: 120, secondary: false };

const timestampBase = 1_700_000_000_000_000_000n;

function mixed(number: number): bigint {
  return BigInt.asUintN(64, BigInt(number + 1) * 0x9e37_79b9_7f4a_7c15n);
}

const valueCases: readonly ValueCase[] = [
  { name: "ledger", layout: composite64, key: (at) => [1n, timestampBase + BigInt(at)] },
  { name: "amount", layout: composite128, key: (at) => [mixed(at) >> 44n, timestampBase + BigInt(at)] },
  { name: "account id", layout: composite128, key: (at) => [mixed(at) >> 51n, timestampBase + BigInt(at)] },
  { name: "random id", layout: unique, key: (at) => [(mixed(at) << 64n) | mixed(at + 7), timestampBase + BigInt(at)] },
  { name: "accounts", layout: object, key: (at) => [0n, timestampBase + (mixed(at) >> 50n)] },
];

function writeValues({ memory }: Kernels, { layout, key }: ValueCase, at: number, count: number): void {
  for (let number = 0; number < count; number++) {
    const value = at + number * layout.sizeBytes;
    const [field, timestamp] = key(number);
    if (layout.key !== "timestamp") memory.view.setBigUint64(value, BigInt.asUintN(64, field), true);
    if (layout.sizeBytes === 32) memory.view.setBigUint64(value + 8, field >> 64n, true);
    memory.view.setBigUint64(value + layout.timestampOffset, timestamp, true);
  }
}

/** A batch sorted, its two halves merged, eight runs of it merged, and one of its keys looked up. */
function benchValues(): void {
  const count = 8192;
  const rows = valueCases.map((each) => {
    const { layout } = each;
    const kernels = createKernels({ memory: new LinearMemory({ sizeBytes: 32 << 20 }) });
    const { memory } = kernels;
    const values = new ValueKernels(kernels, layout);
    const sizeBytes = count * layout.sizeBytes;
    const [source, target, output] = [0, 1, 2].map(() => memory.allocate(sizeBytes, 64)) as [number, number, number];
    const scratch = memory.allocate(sortScratchSizeBytes(layout, count), 64);
    const key = memory.allocate(32, 16);
    writeValues(kernels, each, source, count);
    const sort = measure(() => {
      memory.bytes.copyWithin(target, source, source + sizeBytes);
      values.sort(target, count, scratch);
    });
    const kept = values.sort(target, count, scratch);
    // Every other value to one half, so that both sides of a merge take turns.
    for (let number = 0; number < kept; number++) {
      const half = (number % 2) * (sizeBytes / 2) + (number >> 1) * layout.sizeBytes;
      memory.bytes.copyWithin(
        source + half,
        target + number * layout.sizeBytes,
        target + (number + 1) * layout.sizeBytes,
      );
    }
    const step = new MergeStep(kernels, "bench");
    const halfCount = kept >> 1;
    const halfEnd = source + halfCount * layout.sizeBytes;
    const secondEnd = source + sizeBytes / 2 + halfCount * layout.sizeBytes;
    const merge = measure(() => {
      step.setA(source, halfEnd);
      step.setB(source + sizeBytes / 2, secondEnd);
      step.setTarget(output, output + sizeBytes);
      step.mergeBlocks(values, false);
    });
    const runMerge = new RunMerge(kernels, "bench");
    const runSize = Math.floor(kept / 8) * layout.sizeBytes;
    const runs = Array.from({ length: 8 }, (_, run) => ({
      begin: target + run * runSize,
      end: target + (run + 1) * runSize,
    }));
    const runsTime = measure(() => {
      runMerge.open(values, runs);
      step.setB(0, 0);
      step.setTarget(output, output + sizeBytes);
      step.mergeRuns(values, runMerge, false, count);
    });
    let next = 0;
    const lookup = measure(() => {
      next = (next + 7919) % kept;
      values.writeKey(target + next * layout.sizeBytes, key);
      if (values.find(target, kept, key) === 0) throw new Error(`value ${next} is lost`);
    });
    const found = memory.allocate(4 * count, 64);
    const wanted = Math.floor(halfCount / 16);
    // One in sixteen, as a batch of keys among the values of a block.
    for (let number = 0; number < wanted; number++) {
      const from = target + 32 * number * layout.sizeBytes;
      memory.bytes.copyWithin(scratch + number * layout.sizeBytes, from, from + layout.sizeBytes);
    }
    const lookups = measure(() => values.findMany(target, kept, scratch, wanted, found)) / wanted;
    const perValue = [sort / count, merge / (2 * halfCount), runsTime / kept].map((time) => time.toFixed(1));
    const merged = (2 * halfCount * layout.sizeBytes) / merge;
    return [
      `${each.name} ${layout.sizeBytes} B`,
      ...perValue,
      merged.toFixed(2),
      lookup.toFixed(0),
      lookups.toFixed(0),
    ];
  });
  printTable(["values", "sort ns", "merge ns", "8 runs ns", "merge GB/s", "lookup ns", "many: lookup ns"], rows);
}

/** A value block built from two halves: merged, with its checksum. */
function benchBlock(): void {
  const sizeBytes = 512 * 1024 - 256;
  const rows = [composite64, composite128, object].map((layout) => {
    const kernels = createKernels({ memory: new LinearMemory({ sizeBytes: 8 << 20 }) });
    const { memory } = kernels;
    const values = new ValueKernels(kernels, layout);
    const count = Math.floor(sizeBytes / 2 / layout.sizeBytes);
    const [a, b, block] = [1, 1, 2].map((halves) => memory.allocate(halves * count * layout.sizeBytes, 64)) as [
      number,
      number,
      number,
    ];
    const result = memory.allocate(16, 16);
    const halfSize = count * layout.sizeBytes;
    for (let number = 0; number < count; number++) {
      for (const [half, begin] of [a, b].entries()) {
        const at = begin + number * layout.sizeBytes + layout.timestampOffset;
        memory.view.setBigUint64(at, timestampBase + BigInt(2 * number + half), true);
      }
    }
    const step = new MergeStep(kernels, "bench");
    const time = measure(() => {
      step.setA(a, a + halfSize);
      step.setB(b, b + halfSize);
      step.setTarget(block, block + 2 * halfSize);
      step.mergeBlocks(values, false);
      kernels.checksum(block, 2 * halfSize, result);
    });
    return [
      `${layout.sizeBytes} B`,
      (time / 1e3).toFixed(0),
      ((2 * halfSize) / time).toFixed(2),
      ((2 * count * 1e3) / time).toFixed(0),
    ];
  });
  printTable(["block of values", "build µs", "GB/s", "M values/s"], rows);
}

/** The entries of one index for a batch of objects. */
function benchEntries(): void {
  const count = 8192;
  const rows = ([16, 32] as const).map((entrySizeBytes) => {
    const kernels = createKernels({ memory: new LinearMemory({ sizeBytes: 4 << 20 }) });
    const objects = kernels.memory.allocate(count * object.sizeBytes, 64);
    const target = kernels.memory.allocate(count * entrySizeBytes, 64);
    const kernel = new EntryKernel(
      kernels,
      {
        entrySizeBytes,
        objectSizeBytes: object.sizeBytes,
        fieldOffset: 48,
        fieldSizeBytes: entrySizeBytes === 16 ? 4 : 16,
        zeroAbsent: false,
        timestampOffset: object.timestampOffset,
        condition: null,
      },
      "bench",
    );
    const time = measure(() => kernel.derive(objects, count, target, target + count * entrySizeBytes));
    return [`${entrySizeBytes} B`, (time / count).toFixed(2), ((count * 1e3) / time).toFixed(0)];
  });
  printTable(["index entries", "ns", "M values/s"], rows);
}

benchChecksum();
benchIdIndex();
benchValues();
benchBlock();
benchEntries();
