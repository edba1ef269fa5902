/**
 * The journal against a model of what a log must promise: random workloads, a crash at any point, one fault of the disk.
 */
import { propertyRuns } from "@stagbeetle/kernels/testing";
import {
  checkpointAfter,
  chooseHead,
  headCertain,
  HEADER_SIZE_BYTES,
  type JournalRecovery,
  PrepareHeader,
  prepareMax,
  SECTOR_SIZE_BYTES,
  trigger,
} from "@stagbeetle/vsr-protocol";
import fc from "fast-check";
import { describe, expect, test, vi } from "vitest";
import {
  type Bench,
  CLUSTER,
  formattedImage,
  garble,
  members,
  prepareHeader,
  prepareMessage,
  type PrepareOptions,
  recoverBench,
  rootHeader,
  SMALL,
} from "../test/builders.ts";
import { copyImage, type Image, imagesEqual, type JournalZone, type WriteFate } from "../test/simulated-disk.ts";
import type { Journal } from "./journal.ts";

// Properties take their time on a busy machine; what they find does not depend on it.
vi.setConfig({ testTimeout: 120_000 });

const SLOT_COUNT = SMALL.cluster.journalSlotCount;
const SECTORS_PER_PREPARE = SMALL.cluster.messageSizeMax / SECTOR_SIZE_BYTES;

/** What happens between a start and a crash. */
interface Plan {
  /** How many prepares are written and acknowledged, one by one, to begin with. */
  readonly ops: number;
  /** What happens then: a new prepare with a body of this size, or the completion of one of the pending requests. */
  readonly steps: readonly ({ readonly append: number } | { readonly complete: number })[];
  /** For each sector of each pending write at the crash: whether it gets to the disk. */
  readonly survivors: readonly boolean[];
}

/** What the cluster knows of the replica's log. */
interface Log {
  readonly solo: boolean;
  readonly prepares: Map<number, PrepareOptions>;
  readonly checksums: Map<number, bigint>;
  /** Acknowledged, in any order, and not overwritten since. */
  readonly acknowledged: Set<number>;
  opHead: number;
  opCheckpoint: number;
  view: number;
  viewHeader: PrepareHeader;
}

function newLog(solo: boolean): Log {
  const checksums = new Map([[0, rootHeader().checksum]]);
  const acknowledged = new Set([0]);
  return {
    solo,
    prepares: new Map(),
    checksums,
    acknowledged,
    opHead: 0,
    opCheckpoint: 0,
    view: 1,
    viewHeader: rootHeader(),
  };
}

const bodySizes = fc.oneof(
  fc.constant(0),
  fc.integer({ min: 1, max: SECTOR_SIZE_BYTES - HEADER_SIZE_BYTES }),
  fc.integer({ min: SECTOR_SIZE_BYTES, max: SMALL.derived.messageBodySizeMax }),
);

function plans(opsMin: number, opsMax: number): fc.Arbitrary<Plan> {
  const step = fc.oneof(fc.record({ append: bodySizes }), fc.record({ complete: fc.nat({ max: 7 }) }));
  return fc.record({
    ops: fc.integer({ min: opsMin, max: opsMax }),
    steps: fc.array(step, { maxLength: 30 }),
    survivors: fc.array(fc.boolean(), { minLength: 1, maxLength: 20 }),
  });
}

function opPrepareMax(log: Log): number {
  return prepareMax(SMALL, checkpointAfter(SMALL, log.opCheckpoint)) ?? 0;
}

function recoveryOf(log: Log): JournalRecovery {
  const { solo, opCheckpoint, view } = log;
  const viewHeaders = [log.viewHeader];
  return { cluster: CLUSTER, opCheckpoint, opPrepareMax: opPrepareMax(log), view, logView: view, viewHeaders, solo };
}

/** Appends like a replica: within the window of its checkpoint, which moves when enough is acknowledged. */
function append(bench: Bench, log: Log, bodySize: number): void {
  const op = log.opHead + 1;
  const parent = log.checksums.get(op - 1) ?? 0n;
  if (op > opPrepareMax(log) || !bench.journal.writeAvailable()) return;
  if (log.solo && bench.journal.writesPending > 0) return;
  const prepare = { op, view: log.view, parent, bodySize };
  log.opHead = op;
  log.prepares.set(op, prepare);
  log.checksums.set(op, prepareHeader(prepare).checksum);
  write(bench, log, op);
}

function write(bench: Bench, log: Log, op: number): void {
  const message = prepareMessage(bench.pool, log.prepares.get(op) ?? { op });
  bench.journal.setHeaderAsDirty(message.as(PrepareHeader));
  // From now on the op that was in the slot before may be gone: the checkpoint covers it.
  log.acknowledged.delete(op - SLOT_COUNT);
  bench.journal.writePrepare(message, (durable) => {
    expect(durable).toBe(message);
    log.acknowledged.add(op);
    advanceCheckpoint(log);
  });
  message.release();
}

function advanceCheckpoint(log: Log): void {
  let committed = log.opCheckpoint;
  while (log.acknowledged.has(committed + 1)) committed += 1;
  const next = checkpointAfter(SMALL, log.opCheckpoint);
  // By then a quorum has the checkpoint, so that a later op may take the slot of one that it covers.
  if (committed > (trigger(SMALL, next) ?? 0) + SMALL.cluster.pipelinePrepareQueueMax) log.opCheckpoint = next;
}

/** Runs the plan up to the crash. Returns what is on the disk. */
function run(
  bench: Bench,
  log: Log,
  plan: Plan,
  fate: (write: number, zone: JournalZone) => WriteFate = () => "done",
): Image {
  const before = bench.disk.writes;
  bench.disk.fate = (number, { zone }) => fate(number - before, zone);
  for (let count = 0; count < plan.ops; count += 1) {
    append(bench, log, (log.opHead * 997) % (2 * SECTOR_SIZE_BYTES));
    bench.disk.drain();
  }
  for (const step of plan.steps) {
    if ("append" in step) append(bench, log, step.append);
    else if (bench.disk.pending.length > 0) bench.disk.complete(step.complete % bench.disk.pending.length);
  }
  let survivor = 0;
  return bench.disk.crash(() => plan.survivors[survivor++ % plan.survivors.length] ?? false);
}

function runFormatted(log: Log, plan: Plan): Image {
  return run(recoverBench(SMALL, formattedImage(SMALL), recoveryOf(log)), log, plan);
}

/** Goes on as a replica would after its start: in a new view, with what is damaged repaired from others. */
function resume(bench: Bench, log: Log): void {
  const { op, certain } = headOf(bench.journal, recoveryOf(log));
  const last = Math.max(...log.acknowledged);
  log.opHead = certain ? op : Math.max(op, last);
  for (const dropped of [...log.checksums.keys()].filter((candidate) => candidate > log.opHead)) {
    log.checksums.delete(dropped);
    log.acknowledged.delete(dropped);
  }
  bench.journal.removeEntriesFrom(log.opHead + 1);
  for (let repaired = log.opCheckpoint + 1; repaired <= log.opHead; repaired += 1) {
    if (!hasOp(bench.journal, log, repaired)) write(bench, log, repaired);
    else log.acknowledged.add(repaired);
    bench.disk.drain();
  }
  log.view += 1;
  log.viewHeader = log.opHead === 0 ? rootHeader() : prepareHeader(log.prepares.get(log.opHead) ?? { op: 0 });
}

/** The acknowledged ops that the checkpoint does not cover. */
function needed(log: Log): readonly number[] {
  return [...log.acknowledged].filter((op) => op > log.opCheckpoint);
}

function hasOp(journal: Journal, log: Log, op: number): boolean {
  const checksum = log.checksums.get(op) ?? 0n;
  return journal.headerWithOpAndChecksum(op, checksum) !== null && !journal.hasDirty(op);
}

/** Nothing is in the journal that was never written. */
function expectNoInventions(journal: Journal, log: Log): void {
  for (let slot = 0; slot < SLOT_COUNT; slot += 1) {
    const header = journal.headerForOp(slot);
    if (header !== null) expect(log.checksums.get(header.op), `op ${header.op}`).toBe(header.checksum);
  }
}

/** Recovery decides again as it did, on what it left behind. */
function expectRepeatable(image: Image, journal: Journal, recovery: JournalRecovery): void {
  const before = copyImage(image);
  const again = recoverBench(SMALL, image, recovery);
  expect(members(again.journal.faulty)).toEqual(members(journal.faulty));
  expect(Buffer.compare(again.journal.headers.bytes, journal.headers.bytes)).toBe(0);
  expect(again.disk.writes).toBe(0);
  expect(imagesEqual(image, before)).toBe(true);
}

function headOf(journal: Journal, recovery: JournalRecovery): { op: number; certain: boolean } {
  const { op } = chooseHead(journal, {
    ...recovery,
    checkpointHeader: rootHeader(),
    commitMax: recovery.opCheckpoint,
    pipelinePrepareQueueMax: SMALL.cluster.pipelinePrepareQueueMax,
  });
  return { op, certain: headCertain(journal, op, recovery.opPrepareMax) };
}

describe("after a crash", () => {
  test("every acknowledged prepare is there, and none that was never written, crash after crash", () => {
    fc.assert(
      fc.property(plans(0, 110), fc.array(plans(0, 20), { maxLength: 3 }), (first, others) => {
        const log = newLog(false);
        let image = runFormatted(log, first);
        for (const plan of [...others, null]) {
          const recovery = recoveryOf(log);
          const bench = recoverBench(SMALL, image, recovery);
          expect(bench.result.outcome).toBe("recovered");
          for (const op of log.acknowledged) expect(hasOp(bench.journal, log, op), `op ${op}`).toBe(true);
          expectNoInventions(bench.journal, log);
          expectRepeatable(image, bench.journal, recovery);
          if (plan === null) return;
          resume(bench, log);
          image = run(bench, log, plan);
        }
      }),
      { numRuns: propertyRuns(100) },
    );
  });

  test("a replica that is alone has its last acknowledged prepare or the one after it as its head", () => {
    fc.assert(
      fc.property(plans(0, 110), fc.array(plans(0, 20), { maxLength: 3 }), (first, others) => {
        const log = newLog(true);
        let image = runFormatted(log, first);
        for (const plan of [...others, null]) {
          const recovery = recoveryOf(log);
          const bench = recoverBench(SMALL, image, recovery);
          expect(bench.result).toEqual({ outcome: "recovered" });
          expect([bench.journal.dirtyCount, bench.journal.faultyCount]).toEqual([0, 0]);
          for (const op of log.acknowledged) expect(hasOp(bench.journal, log, op), `op ${op}`).toBe(true);
          const last = Math.max(...log.acknowledged);
          expect([last, last + 1]).toContain(headOf(bench.journal, recovery).op);
          if (plan === null) return;
          resume(bench, log);
          image = run(bench, log, plan);
        }
      }),
      { numRuns: propertyRuns(100) },
    );
  });

  test.each([
    ["in its first wrap", 10],
    ["that has wrapped", 40],
  ])("a prepare torn at the head of a log %s is truncated by a replica that is alone", (_, ops) => {
    const size = SMALL.derived.messageBodySizeMax;
    for (let survivors = 0; survivors < 2 ** SECTORS_PER_PREPARE; survivors += 1) {
      const torn = Array.from({ length: SECTORS_PER_PREPARE }, (_unused, sector) => (survivors & (1 << sector)) !== 0);
      const log = newLog(true);
      const image = runFormatted(log, { ops, steps: [{ append: size }], survivors: torn });
      const { journal, result } = recoverBench(SMALL, image, recoveryOf(log));
      const whole = survivors === 2 ** SECTORS_PER_PREPARE - 1;
      expect(result).toEqual({ outcome: "recovered" });
      expect(headOf(journal, recoveryOf(log)).op).toBe(whole ? ops + 1 : ops);
    }
  });
});

/** One fault of the disk, besides the crash. */
type Fault =
  | { readonly kind: "corrupt"; readonly zone: JournalZone; readonly sector: number; readonly zero: boolean }
  | { readonly kind: "lost"; readonly zone: JournalZone; readonly write: number }
  | { readonly kind: "misdirected"; readonly zone: JournalZone; readonly write: number; readonly target: number };

const zones = fc.constantFrom<JournalZone>("walHeaders", "walPrepares");
const writes = fc.nat({ max: 250 });
const faults: fc.Arbitrary<Fault> = fc.oneof(
  fc.record({
    kind: fc.constant("corrupt" as const),
    zone: zones,
    sector: fc.nat({ max: SLOT_COUNT * SECTORS_PER_PREPARE - 1 }),
    zero: fc.boolean(),
  }),
  fc.record({ kind: fc.constant("lost" as const), zone: zones, write: writes }),
  fc.record({
    kind: fc.constant("misdirected" as const),
    zone: zones,
    write: writes,
    target: fc.nat({ max: SLOT_COUNT - 1 }),
  }),
);

function fateOf(fault: Fault): (write: number, zone: JournalZone) => WriteFate {
  return (number, zone) => {
    if (fault.kind === "corrupt" || fault.write !== number || fault.zone !== zone) return "done";
    if (fault.kind === "lost") return "lost";
    const unit = zone === "walHeaders" ? SECTOR_SIZE_BYTES : SMALL.cluster.messageSizeMax;
    const size = zone === "walHeaders" ? SMALL.derived.journalSizeHeaders : SMALL.derived.journalSizePrepares;
    return { offset: (fault.target * unit) % size };
  };
}

function corrupt(image: Image, fault: Fault): void {
  if (fault.kind !== "corrupt") return;
  const bytes = image[fault.zone];
  const start = (fault.sector * SECTOR_SIZE_BYTES) % bytes.length;
  if (fault.zero) bytes.fill(0, start, start + SECTOR_SIZE_BYTES);
  else garble(bytes, start, start + SECTOR_SIZE_BYTES);
}

describe("after a crash and a fault of the disk", () => {
  test("no acknowledged prepare is denied, and the head is either certain or not below one, fault after fault", () => {
    fc.assert(
      fc.property(fc.array(fc.tuple(plans(0, 110), faults), { minLength: 1, maxLength: 3 }), (rounds) => {
        const log = newLog(false);
        let bench = recoverBench(SMALL, formattedImage(SMALL), recoveryOf(log));
        for (const [plan, fault] of rounds) {
          const image = run(bench, log, plan, fateOf(fault));
          corrupt(image, fault);
          const recovery = recoveryOf(log);
          bench = recoverBench(SMALL, image, recovery);
          expect(bench.result).toEqual({ outcome: "recovered" });
          // What the checkpoint covers may be taken for torn: it is not needed any more.
          for (const op of needed(log)) {
            expect(hasOp(bench.journal, log, op) || bench.journal.hasFaulty(op), `op ${op}`).toBe(true);
          }
          expectNoInventions(bench.journal, log);
          expectRepeatable(image, bench.journal, recovery);
          const head = headOf(bench.journal, recovery);
          if (head.certain) expect(head.op).toBeGreaterThanOrEqual(Math.max(...log.acknowledged));
          resume(bench, log);
        }
      }),
      { numRuns: propertyRuns(200) },
    );
  });

  test("a replica that is alone has every acknowledged prepare, or does not start and changes nothing", () => {
    const outcomes = new Set<string>();
    fc.assert(
      fc.property(plans(0, 110), faults, (plan, fault) => {
        const log = newLog(true);
        const image = run(recoverBench(SMALL, formattedImage(SMALL), recoveryOf(log)), log, plan, fateOf(fault));
        corrupt(image, fault);
        const before = copyImage(image);
        const recovery = recoveryOf(log);
        const { journal, result } = recoverBench(SMALL, image, recovery);
        outcomes.add(result.outcome);
        if (result.outcome === "recovered") {
          for (const op of needed(log)) {
            expect(hasOp(journal, log, op), `op ${op}`).toBe(true);
          }
          expectRepeatable(image, journal, recovery);
        } else {
          expect(imagesEqual(image, before)).toBe(true);
        }
      }),
      { numRuns: propertyRuns(200) },
    );
    expect([...outcomes].sort()).toEqual(["WALCorrupt", "recovered"]);
  });
});
