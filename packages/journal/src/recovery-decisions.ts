/**
 * What recovery decides about all slots: a pure function of what the two rings hold (spec 04 §11.3, §11.4).
 *
 * @module
 */
import { assert } from "@stagbeetle/kernels";
import {
  type RecoveryCase,
  recoveryCase,
  type RecoveryDecision,
  type RingContent,
  type RingRelation,
} from "./recovery-table.ts";
import { type Slot, slotAt, slotForOp, SlotRange } from "./slot.ts";

/** What one ring holds in one slot. */
export type RingEntry =
  /** Nothing that belongs here. `parsable`: it is a whole message nevertheless, of another slot or cluster. */
  | { readonly kind: "bad"; readonly parsable: boolean }
  | { readonly kind: "reserved" }
  | { readonly kind: "prepare"; readonly op: number; readonly view: number; readonly checksum: bigint };

/** What both rings hold in one slot. */
export interface SlotEntries {
  readonly header: RingEntry;
  readonly prepare: RingEntry;
}

/** What the decisions depend on besides the rings. */
export interface DecisionContext {
  readonly opCheckpoint: number;
  readonly opPrepareMax: number;
  /** Whether the replica is alone. */
  readonly solo: boolean;
  /** How many prepares can have been in flight when the replica crashed. */
  readonly writesMax: number;
}

/** The decision about one slot, and the row of the table that led to it. */
export interface SlotDecision {
  readonly case: RecoveryCase;
  readonly decision: RecoveryDecision | "impossible";
}

/** The decisions about all slots, and the highest op in either ring. */
export interface Decisions {
  readonly opMax: number;
  readonly slots: readonly SlotDecision[];
}

/** Decides about every slot: the table, then torn prepares. */
export function decide(entries: readonly SlotEntries[], context: DecisionContext): Decisions {
  const opMax = highestOp(entries);
  const decided = entries.map((slot) => decideSlot(slot, opMax, context));
  const torn = new Set(tornSlots(entries, decided, opMax, context));
  const slots = decided.map((slot, index) => (torn.has(index) ? { ...slot, decision: "cut_torn" as const } : slot));
  return { opMax, slots };
}

/** The highest op of any prepare in either ring; 0 if there is none. */
function highestOp(entries: readonly SlotEntries[]): number {
  let highest = 0;
  for (const { header, prepare } of entries) {
    if (header.kind === "prepare" && header.op > highest) highest = header.op;
    if (prepare.kind === "prepare" && prepare.op > highest) highest = prepare.op;
  }
  return highest;
}

function decideSlot(
  { header, prepare }: SlotEntries,
  opMax: number,
  { opPrepareMax, solo }: DecisionContext,
): SlotDecision {
  const row = recoveryCase({
    header: contentOf(header, opPrepareMax),
    prepare: contentOf(prepare, opPrepareMax),
    relation: relationOf(header, prepare),
    prepareNewest: prepare.kind === "prepare" && prepare.op === opMax,
  });
  return { case: row, decision: solo ? row.solo : row.replicated };
}

function contentOf(entry: RingEntry, opPrepareMax: number): RingContent {
  if (entry.kind !== "prepare") return entry.kind;
  return entry.op > opPrepareMax ? "beyond" : "prepare";
}

function relationOf(header: RingEntry, prepare: RingEntry): RingRelation {
  if (header.kind !== "prepare" || prepare.kind !== "prepare") return "none";
  if (header.checksum === prepare.checksum) {
    assert(
      header.op === prepare.op && header.view === prepare.view,
      () => `one checksum, ops ${header.op} and ${prepare.op}`,
    );
    return "same";
  }
  if (header.op !== prepare.op) return header.op < prepare.op ? "older" : "newer";
  // Two prepares of one op in the same view would be a fork. It is not this replica's to judge: it fetches, too.
  return "otherView";
}

/**
 * The slots whose prepare was torn while it was appended, so that nobody ever got an acknowledgement for it.
 *
 * The highest op is the true head only if no slot after it could hide a newer one. A slot with an intact *older* redundant
 * header cannot: that header would have been replaced before the newer prepare was acknowledged. If any other slot after
 * the head is damaged, the head is uncertain, and nothing is dropped.
 *
 * With a reserved header there is no older one, so a replica with peers asks them. One that is alone has nobody to ask, but
 * it writes one prepare at a time, and none before the header of the last one is durable: only the slot after the head can
 * be torn, and a header that is reserved there says that nothing newer was acknowledged.
 */
function tornSlots(
  entries: readonly SlotEntries[],
  decided: readonly SlotDecision[],
  opMax: number,
  context: DecisionContext,
): readonly number[] {
  const range = appendRange(entries.length, opMax, context);
  if (range === null) return [];
  const torn: number[] = [];
  for (const [index, { header, prepare }] of entries.entries()) {
    if (decided[index]?.decision !== "vsr" || !range.contains(slotAt(index, entries.length))) continue;
    if (prepare.kind !== "bad" || prepare.parsable) return [];
    if (header.kind === "bad") return [];
    if (header.kind === "reserved") {
      if (!context.solo || index !== slotForOp(opMax + 1, entries.length)) return [];
    } else {
      assert(
        header.op < opMax && header.op <= context.opCheckpoint,
        () => `op ${header.op} of an earlier wrap, ${opMax}`,
      );
    }
    torn.push(index);
    // More than can have been in flight: it must be damage.
    if (torn.length > context.writesMax) return [];
  }
  return torn;
}

/** The slots that can hide an op above the highest one known, or null if there are none to consider. */
function appendRange(
  slotCount: number,
  opMax: number,
  { opCheckpoint, opPrepareMax }: DecisionContext,
): SlotRange | null {
  if (opMax < opCheckpoint || opMax >= opPrepareMax) return null;
  assert(opPrepareMax - opMax <= slotCount, () => `ops ${opMax} to ${opPrepareMax} wrap more than once`);
  const head = slotForOp(opMax + 1, slotCount);
  const tail = slotForOp(opPrepareMax, slotCount);
  // With the smallest log the last op and the checkpoint's share a slot: its header is no older one but the newest.
  if (tail === slotForOp(opMax, slotCount)) return new SlotRange(head, slotForOp(opPrepareMax - 1, slotCount));
  return new SlotRange(head, tail);
}

/** How often each case occurred, for people: `1021 @P, 2 @C, 1 @G`. */
export function printDecisions({ slots }: Decisions): string {
  const counts = new Map<string, number>();
  for (const slot of slots) counts.set(slot.case.label, (counts.get(slot.case.label) ?? 0) + 1);
  return [...counts]
    .sort(([, left], [, right]) => right - left)
    .map(([label, count]) => `${count} ${label}`)
    .join(", ");
}

/** The slots with this decision, in index order. */
export function slotsDecided({ slots }: Decisions, decision: SlotDecision["decision"]): readonly Slot[] {
  return slots.flatMap((slot, index) => (slot.decision === decision ? [slotAt(index, slots.length)] : []));
}
