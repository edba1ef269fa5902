import { Random, TEST_MIN } from "@stagbeetle/vsr-protocol";
import { describe, expect, test } from "vitest";

import { TestForest } from "../test/test-forest.ts";
import { NOT_FOUND, ORPHANED } from "./groove/groove.ts";
import type { Direction, TimestampScan } from "./scan/timestamp-scan.ts";

const OBJECT_SIZE_BYTES = 128;
const TIMESTAMP_MAX = (1n << 63n) - 1n;
const seedCount = 6 * Number(process.env["STAGBEETLE_PROPERTY_RUNS"] ?? 1);

/** What the model says of an id. */
type Known = { readonly bytes: Uint8Array } | "orphan";

interface Saved {
  readonly op: number;
  readonly known: Map<bigint, Known>;
}

const view = (bytes: Uint8Array): DataView => new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
const u128 = (bytes: Uint8Array, offset: number): bigint =>
  (view(bytes).getBigUint64(offset + 8, true) << 64n) | view(bytes).getBigUint64(offset, true);
const timestampOf = (bytes: Uint8Array): bigint => view(bytes).getBigUint64(120, true);

/** The indexes that are scanned by value: name, where in the object, size. Zero is absent where the index says so. */
const prefixes = [
  { name: "debit_account_id", offset: 16, sizeBytes: 16, zero: true },
  { name: "credit_account_id", offset: 32, sizeBytes: 16, zero: true },
  { name: "user_data_64", offset: 96, sizeBytes: 8, zero: false },
  { name: "code", offset: 116, sizeBytes: 2, zero: true },
] as const;
type Prefix = (typeof prefixes)[number];

function fieldOf(bytes: Uint8Array, { offset, sizeBytes }: Prefix): bigint {
  if (sizeBytes === 16) return u128(bytes, offset);
  return sizeBytes === 8 ? view(bytes).getBigUint64(offset, true) : BigInt(view(bytes).getUint16(offset, true));
}

function expiryOf(bytes: Uint8Array): bigint | null {
  const timeout = view(bytes).getUint32(108, true);
  const pending = (view(bytes).getUint16(118, true) & 2) !== 0;
  return pending && timeout > 0 ? timestampOf(bytes) + BigInt(timeout) * 1_000_000_000n : null;
}

/** A forest beside a map, driven through whole ops. */
class Model {
  readonly random: Random;
  readonly subject: TestForest;
  known = new Map<bigint, Known>();
  checkpointed = new Map<bigint, Known>();
  bars: Saved[] = [];
  timestamp = 0n;
  op = 0;

  constructor(seed: number) {
    this.random = new Random(seed);
    this.subject = new TestForest({ config: TEST_MIN, random: new Random(seed + 1000) });
    this.subject.open();
  }

  get groove(): ReturnType<TestForest["grooves"]["groove"]> {
    return this.subject.grooves.groove("Transfer");
  }

  /** Lanes of an integer. */
  lanes(value: bigint): Uint32Array {
    return Uint32Array.from([0, 32, 64, 96], (shift) => Number((value >> BigInt(shift)) & 0xffff_ffffn));
  }

  objects(): Uint8Array[] {
    const all = [...this.known.values()].flatMap((known) => (known === "orphan" ? [] : [known.bytes]));
    return all.toSorted((a, b) => Number(timestampOf(a) - timestampOf(b)));
  }

  randomObject(id: bigint): Uint8Array {
    const bytes = new Uint8Array(OBJECT_SIZE_BYTES);
    this.timestamp += BigInt(1 + this.random.index(3));
    view(bytes).setBigUint64(0, id, true);
    view(bytes).setBigUint64(120, this.timestamp, true);
    this.randomize(bytes);
    return bytes;
  }

  randomize(bytes: Uint8Array): void {
    view(bytes).setBigUint64(16, BigInt(1 + this.random.index(4)), true);
    view(bytes).setBigUint64(32, BigInt(5 + this.random.index(4)), true);
    view(bytes).setBigUint64(48, BigInt(this.random.index(1000)), true);
    view(bytes).setBigUint64(96, BigInt(this.random.index(4)), true);
    view(bytes).setUint32(108, this.random.index(3), true);
    view(bytes).setUint16(116, this.random.index(3), true);
    view(bytes).setUint16(118, this.random.boolean() ? 2 : 0, true);
  }

  randomId(): bigint {
    return BigInt(1 + (this.random.chance(3, 4) ? this.random.index(60) : this.random.index(2000)));
  }

  /** One op: prefetch and scans, writes, compaction, perhaps a checkpoint. */
  step(): void {
    this.op += 1;
    const replayed = this.subject.forest.beats.compactedBefore(this.op, this.subject.checkpointOp);
    const bar = TEST_MIN.cluster.lsmCompactionOps;
    this.subject.grooves.prefetchBegin(replayed ? this.subject.checkpointOp + bar + 1 : this.op);
    const ids = Array.from({ length: 1 + this.random.index(12) }, () => this.randomId());
    const timestamps = this.pickTimestamps();
    for (const id of ids) this.groove.enqueue(this.lanes(id), 0);
    for (const timestamp of timestamps) this.groove.enqueueTimestamp(this.lanes(timestamp), 0);
    this.subject.wait((done) => this.groove.prefetch(done));
    this.expectTimestamps(timestamps);
    if (this.random.chance(1, 3)) this.expectScans();
    this.write([...new Set(ids)]);
    this.compact();
  }

  pickTimestamps(): bigint[] {
    if (this.random.chance(2, 3)) return [];
    return Array.from({ length: 3 }, () => BigInt(this.random.index(Number(this.timestamp) + 3)));
  }

  expectTimestamps(timestamps: readonly bigint[]): void {
    const byTimestamp = new Map(this.objects().map((bytes) => [timestampOf(bytes), bytes]));
    for (const timestamp of timestamps) {
      const object = this.groove.getByTimestamp(this.lanes(timestamp), 0);
      this.expectObject(object, byTimestamp.get(timestamp));
    }
  }

  expectObject(object: number, bytes: Uint8Array | undefined): void {
    if (bytes === undefined) {
      expect(object).toBe(NOT_FOUND);
      return;
    }
    expect(object).toBeGreaterThan(ORPHANED);
    const { memory } = this.subject.kernels;
    expect(Buffer.from(memory.bytes.slice(object, object + OBJECT_SIZE_BYTES))).toEqual(Buffer.from(bytes));
  }

  expectId(id: bigint): void {
    const object = this.groove.get(this.lanes(id), 0);
    const known = this.known.get(id);
    if (known === "orphan") expect(object).toBe(ORPHANED);
    else this.expectObject(object, known?.bytes);
  }

  write(ids: readonly bigint[]): void {
    for (const id of ids) this.expectId(id);
    const scope = this.random.chance(1, 3);
    const before = new Map(this.known);
    if (scope) this.groove.scopeOpen();
    for (const id of ids) this.writeOne(id);
    if (!scope) {
      const orphan = this.random.chance(1, 4) ? ids.find((id) => !this.known.has(id)) : undefined;
      if (orphan !== undefined) this.insertOrphan(orphan);
      return;
    }
    const discard = this.random.boolean();
    this.groove.scopeClose(discard ? "discard" : "persist");
    if (!discard) return;
    this.known = before;
    for (const id of ids) this.expectId(id);
  }

  writeOne(id: bigint): void {
    const known = this.known.get(id);
    if (known === "orphan" || this.random.chance(1, 3)) return;
    const { bytes: memory } = this.subject.kernels.memory;
    if (known === undefined) {
      const bytes = this.randomObject(id);
      memory.set(bytes, this.groove.slot());
      this.groove.insert();
      this.known.set(id, { bytes });
      return;
    }
    const replacement = known.bytes.slice();
    this.randomize(replacement);
    if (Buffer.from(replacement).equals(Buffer.from(known.bytes))) return;
    memory.set(replacement, this.subject.keyScratch);
    this.groove.update(this.groove.get(this.lanes(id), 0), this.subject.keyScratch);
    this.known.set(id, { bytes: replacement });
  }

  insertOrphan(id: bigint): void {
    this.groove.insertOrphan(this.lanes(id), 0);
    this.known.set(id, "orphan");
    this.expectId(id);
  }

  compact(): void {
    const { subject } = this;
    if (subject.durableAt(this.op)) subject.checkpointDurable();
    subject.compact(this.op);
    if (subject.forest.beats.endsBar(this.op)) this.bars.push({ op: this.op, known: new Map(this.known) });
    if (!subject.checkpointsAt(this.op)) return;
    subject.checkpoint(this.op);
    const bar = this.bars.find(({ op }) => op === subject.checkpointOp);
    if (bar === undefined) throw new Error(`no state of op ${subject.checkpointOp}`);
    this.checkpointed = bar.known;
    this.bars = this.bars.slice(-1);
  }

  /** A restart, or a reset while an op is being prefetched and scanned. */
  crash(): void {
    if (this.random.boolean()) this.subject.crash();
    else this.resetDuringPrefetch();
    this.op = this.subject.checkpointOp;
    this.known = new Map(this.checkpointed);
    this.bars = [];
  }

  resetDuringPrefetch(): void {
    const { grooves, storage } = this.subject;
    grooves.prefetchBegin(this.op + 1);
    for (let each = 0; each < 5; each += 1) this.groove.enqueue(this.lanes(this.randomId()), 0);
    const unexpected = (): never => {
      throw new Error("a callback runs after a reset");
    };
    this.groove.prefetch(() => undefined);
    const range = { min: 1n, max: TIMESTAMP_MAX };
    const scan = grooves.scans.objects(this.groove, range, "descending");
    grooves.scans.read(scan, { groove: this.groove, destination: this.room, countMax: 20 }, () => undefined);
    for (let steps = this.random.index(4); steps > 0; steps -= 1) storage.step();
    const other = this.subject.grooves.groove("TransferPending");
    other.prefetch(unexpected);
    this.subject.reset();
  }

  /** Reads a scan a few objects at a time into the room behind the scratch. */
  read(scan: TimestampScan): bigint[] {
    const { memory } = this.subject.kernels;
    const countMax = 1 + this.random.index(20);
    const found: bigint[] = [];
    for (let ended = false; !ended;) {
      this.subject.wait((done) => {
        this.subject.grooves.scans.read(
          scan,
          { groove: this.groove, destination: this.room, countMax },
          (count, end) => {
            for (let at = 0; at < count; at += 1) {
              const begin = this.room + at * OBJECT_SIZE_BYTES;
              const bytes = memory.bytes.slice(begin, begin + OBJECT_SIZE_BYTES);
              found.push(timestampOf(bytes));
              const known = this.known.get(u128(bytes, 0));
              expect(known === undefined || known === "orphan" ? null : Buffer.from(known.bytes)).toEqual(
                Buffer.from(bytes),
              );
            }
            ended = end === "finished";
            done();
          },
        );
      });
    }
    this.subject.grooves.scans.release();
    return found;
  }

  #room: { forest: unknown; pointer: number } | null = null;

  get room(): number {
    if (this.#room?.forest !== this.subject.forest) {
      const pointer = this.subject.kernels.memory.allocate(20 * OBJECT_SIZE_BYTES, 16, "test");
      this.#room = { forest: this.subject.forest, pointer };
    }
    return this.#room?.pointer ?? 0;
  }

  expectScans(): void {
    const { scans } = this.subject.grooves;
    const direction: Direction = this.random.boolean() ? "ascending" : "descending";
    const min = BigInt(this.random.index(Number(this.timestamp) + 1));
    const range = this.random.boolean() ? { min: 1n, max: TIMESTAMP_MAX } : { min, max: min + 200n };
    const leaves = Array.from({ length: 1 + this.random.index(4) }, () => {
      const prefix = prefixes[this.random.index(prefixes.length)] as Prefix;
      const value = BigInt(this.random.index(9));
      const scan = scans.prefix(this.groove, this.groove.indexOf(prefix.name), this.lanes(value), 0, range, direction);
      return { scan, matches: (bytes: Uint8Array) => fieldOf(bytes, prefix) === value && (prefix.zero || value > 0n) };
    });
    const union = this.random.boolean();
    const scanned = leaves.map(({ scan }) => scan);
    const matches = (bytes: Uint8Array): boolean =>
      union ? leaves.some((leaf) => leaf.matches(bytes)) : leaves.every((leaf) => leaf.matches(bytes));
    const found = this.read(union ? scans.union(scanned) : scans.intersection(scanned));
    this.expectTimestampsOf(found, (bytes) => matches(bytes), range, direction);
    this.expectTimestampsOf(this.read(scans.objects(this.groove, range, direction)), () => true, range, direction);
    this.expectEntries();
  }

  expectTimestampsOf(
    found: readonly bigint[],
    matches: (bytes: Uint8Array) => boolean,
    { min, max }: { readonly min: bigint; readonly max: bigint },
    direction: Direction,
  ): void {
    const all = this.objects().filter(
      (bytes) => min <= timestampOf(bytes) && timestampOf(bytes) <= max && matches(bytes),
    );
    const expected = all.map(timestampOf);
    expect(found).toEqual(direction === "ascending" ? expected : expected.toReversed());
  }

  /** The index by expiry, up to some time: as a pulse scans it. */
  expectEntries(): void {
    const { scans } = this.subject.grooves;
    const now = this.timestamp + BigInt(this.random.index(3)) * 1_000_000_000n;
    const scan = scans.entries(this.groove, this.groove.indexOf("expires_at"));
    const found: bigint[] = [];
    this.subject.wait((done) => {
      const inspect = (lanes: Uint32Array, at: number): "skip" | "stop" => {
        const expires = (BigInt(lanes[at + 1] ?? 0) << 32n) | BigInt(lanes[at] ?? 0);
        if (expires > now) return "stop";
        found.push(expires);
        return "skip";
      };
      scans.read(scan, { groove: this.groove, destination: this.room, countMax: 1, inspect }, () => done());
    });
    scans.release();
    const expected = this.objects()
      .flatMap((bytes) => expiryOf(bytes) ?? [])
      .filter((expires) => expires <= now);
    expect(found).toEqual(expected.toSorted((a, b) => (a < b ? -1 : Number(a > b))));
  }
}

describe("a forest of grooves", () => {
  test.each(Array.from({ length: seedCount }, (_, seed) => seed + 1))(
    "finds and scans what a map has, through checkpoints and crashes (seed %d)",
    (seed) => {
      const model = new Model(seed);
      for (let steps = 0; steps < 250; steps += 1) {
        model.step();
        if (model.random.chance(1, 60)) model.crash();
      }
      expect(model.known.size).toBeGreaterThan(0);
    },
  );
});
