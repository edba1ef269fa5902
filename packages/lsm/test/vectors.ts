/** The step-by-step vectors of spec 05 §23.5 and §23.6: what is put at each op. */
import type { TestCheckpoint, TestForest } from "./test-forest.ts";

const INSERTS_PER_OP = 10;

/** The fields of a transfer that the vectors set. */
interface VectorTransfer {
  readonly id: number;
  readonly debit: number;
  readonly credit: number;
  readonly amount: number;
  readonly userData128: number;
  readonly userData64: number;
  readonly userData32: number;
  readonly code: number;
  readonly timestamp: number;
}

function encode(transfer: VectorTransfer): Uint8Array {
  const bytes = new Uint8Array(128);
  const view = new DataView(bytes.buffer);
  view.setBigUint64(0, BigInt(transfer.id), true);
  view.setBigUint64(16, BigInt(transfer.debit), true);
  view.setBigUint64(32, BigInt(transfer.credit), true);
  view.setBigUint64(48, BigInt(transfer.amount), true);
  view.setBigUint64(80, BigInt(transfer.userData128), true);
  view.setBigUint64(96, BigInt(transfer.userData64), true);
  view.setUint32(104, transfer.userData32, true);
  view.setUint32(112, 1, true);
  view.setUint16(116, transfer.code, true);
  view.setBigUint64(120, BigInt(transfer.timestamp), true);
  return bytes;
}

function transferA(k: number): VectorTransfer {
  return {
    id: 1 + ((7919 * k) % 10007),
    debit: 1 + (k % 13),
    credit: 101 + (k % 17),
    amount: k % 5,
    userData128: k % 2 === 1 ? k : 0,
    userData64: k % 3,
    userData32: k % 4,
    code: 1 + (k % 2),
    timestamp: k + 1,
  };
}

/** What the ops of a vector put. */
export interface Vector {
  putsOf(subject: TestForest, op: number): void;
}

/** Many small transfers, each updated once. */
export const vectorA: Vector = {
  putsOf(subject, op) {
    for (let at = 0; at < INSERTS_PER_OP; at += 1) {
      subject.insert(encode(transferA(INSERTS_PER_OP * (op - 1) + at)));
    }
    if (op <= 2) return;
    const transfer = transferA(INSERTS_PER_OP * (op - 3));
    subject.update(encode(transfer), encode({ ...transfer, amount: transfer.amount + 7 }));
  },
};

const BASES = [500, 300, 700, 100, 900, 400, 600, 200, 800];
const COUNTS = [1, 2, 1, 1, 2, 1, 3, 1, 2];
const OPS_PER_PHASE = 20;

function phaseB(op: number): { phase: number; base: number; count: number } {
  const phase = Math.floor((op - 1) / OPS_PER_PHASE);
  return { phase, base: BASES[phase % 9] ?? 0, count: COUNTS[phase % 9] ?? 0 };
}

/** Few transfers at a time, in other places every 20 ops, so that level 0 gets small tables to coalesce. */
export const vectorB: Vector = {
  putsOf(subject, op) {
    const { phase, base, count } = phaseB(op);
    let k = 0;
    for (let before = 1; before < op; before += 1) k += phaseB(before).count;
    for (let at = 0; at < count; at += 1, k += 1) {
      const x = 1000 * base + k;
      const transfer = {
        id: x,
        debit: 1 + x,
        credit: 2_000_000 - x,
        amount: k % 5,
        userData128: 0,
        userData64: k,
        userData32: 1000 + 500 * (phase % 3),
        code: 1 + ((5 * phase) % 9),
        timestamp: k + 1,
      };
      subject.insert(encode(transfer));
    }
  },
};

/** Runs the ops from the one after the checkpoint to `opMax`. `onOp` sees each op before its compaction. */
export function runVector(
  vector: Vector,
  subject: TestForest,
  opMax: number,
  onOp: (op: number) => void = () => undefined,
): TestCheckpoint[] {
  const checkpoints: TestCheckpoint[] = [];
  for (let op = subject.checkpointOp + 1; op <= opMax; op += 1) {
    if (subject.durableAt(op)) subject.checkpointDurable();
    vector.putsOf(subject, op);
    onOp(op);
    subject.compact(op);
    if (subject.checkpointsAt(op)) checkpoints.push(subject.checkpoint(op));
  }
  return checkpoints;
}
