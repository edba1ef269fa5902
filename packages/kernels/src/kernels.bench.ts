/**
 * Prints how fast the kernels are, in a table a kind, beside a memory copy for scale. It reports, a person judges: each
 * figure is the best of a few rounds, on whatever else this machine was doing.
 */
import { absent, createKernels, IdIndex, LinearMemory } from "./index.ts";
import type { Kernels } from "./index.ts";

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

benchChecksum();
benchIdIndex();
