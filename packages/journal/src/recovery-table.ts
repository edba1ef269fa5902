/**
 * The decision table of recovery (spec 04 §11.3): what to do with a slot, given what its two rings hold.
 *
 * It is data. A test shows that every combination of inputs that can occur matches exactly one row.
 *
 * @module
 */
import { assert } from "@stagbeetle/kernels";

/**
 * What one ring holds in a slot: nothing believable, a reserved header, a prepare of an op that this replica may replay,
 * or a prepare of an op above `op_prepare_max`, which belongs to a checkpoint that this replica does not have.
 */
export type RingContent = "bad" | "reserved" | "prepare" | "beyond";

/**
 * How the redundant header H compares with the header P of the prepare, where both are prepares: the same header, a lower
 * op, a higher op, or the same op in another view. `none` where they are not both prepares.
 */
export type RingRelation = "none" | "same" | "older" | "newer" | "otherView";

/** All that the decision about a slot depends on, besides whether the replica is alone. */
export interface RecoveryInputs {
  /** The header ring. */
  readonly header: RingContent;
  /** The prepare ring. */
  readonly prepare: RingContent;
  readonly relation: RingRelation;
  /** Whether P is the highest op in either ring. */
  readonly prepareNewest: boolean;
}

/**
 * - `eql`: both rings agree; clean.
 * - `nil`: the slot is empty; clean.
 * - `fix`: believe the prepare and write its header again.
 * - `vsr`: the cluster must say what was here. A replica that is alone cannot go on.
 * - `cut`: drop what is here; clean.
 * - `cut_torn`: drop a prepare that was torn while it was appended and never acknowledged; clean. Made of `vsr`.
 */
export type RecoveryDecision = "eql" | "nil" | "fix" | "vsr" | "cut" | "cut_torn";

/** A row of the table. Each input is a list of what matches; where there is none, anything does. */
export interface RecoveryCase {
  readonly label: `@${string}`;
  readonly header?: readonly RingContent[];
  readonly prepare: readonly RingContent[];
  readonly relation?: readonly RingRelation[];
  readonly prepareNewest?: boolean;
  /** What a replica with peers does, a standby included. */
  readonly replicated: RecoveryDecision;
  /** What a replica that is alone does. It never writes above `op_prepare_max`, so some cases cannot be. */
  readonly solo: RecoveryDecision | "impossible";
  /** How it comes to this, and why the decision is right. */
  readonly cause: string;
}

/** The table, in the order of the specification. */
export const recoveryCases: readonly RecoveryCase[] = [
  {
    label: "@A",
    header: ["bad"],
    prepare: ["bad"],
    replicated: "vsr",
    solo: "vsr",
    cause: "both damaged: nothing is known",
  },
  {
    label: "@B",
    header: ["reserved"],
    prepare: ["bad"],
    replicated: "vsr",
    solo: "vsr",
    cause: "torn first prepare of the slot, or a damaged one whose header was emptied",
  },
  {
    label: "@C",
    header: ["prepare", "beyond"],
    prepare: ["bad"],
    replicated: "vsr",
    solo: "vsr",
    cause: "damaged prepare, or one torn over an older one",
  },
  {
    label: "@D",
    header: ["bad"],
    prepare: ["reserved"],
    replicated: "vsr",
    solo: "fix",
    cause: "damaged header of an empty slot, or of a lost prepare; alone, nobody could tell",
  },
  {
    label: "@E",
    header: ["bad"],
    prepare: ["prepare"],
    prepareNewest: false,
    replicated: "vsr",
    solo: "fix",
    cause: "damaged or torn header; the prepare may be stale",
  },
  {
    label: "@F",
    header: ["bad"],
    prepare: ["prepare"],
    prepareNewest: true,
    replicated: "fix",
    solo: "fix",
    cause: "crash between the newest prepare and its header",
  },
  {
    label: "@G",
    header: ["reserved"],
    prepare: ["prepare"],
    replicated: "fix",
    solo: "fix",
    cause: "crash between prepare and header in an empty slot, or a truncated op",
  },
  {
    label: "@H",
    prepare: ["beyond"],
    replicated: "cut",
    solo: "impossible",
    cause: "op of a checkpoint that was not reached before the crash",
  },
  {
    label: "@I",
    header: ["beyond"],
    prepare: ["prepare"],
    replicated: "cut",
    solo: "impossible",
    cause: "as @H, and its prepare was lost or replaced",
  },
  {
    label: "@J",
    header: ["beyond"],
    prepare: ["reserved"],
    replicated: "cut",
    solo: "impossible",
    cause: "as @H, and its prepare was lost",
  },
  {
    label: "@K",
    header: ["prepare"],
    prepare: ["reserved"],
    replicated: "vsr",
    solo: "vsr",
    cause: "lost or misdirected write of the prepare",
  },
  {
    label: "@L",
    header: ["reserved"],
    prepare: ["reserved"],
    replicated: "nil",
    solo: "nil",
    cause: "never used",
  },
  {
    label: "@M",
    header: ["prepare"],
    prepare: ["prepare"],
    relation: ["older"],
    replicated: "fix",
    solo: "fix",
    cause: "crash between prepare and header; H is at least a wrap older",
  },
  {
    label: "@N",
    header: ["prepare"],
    prepare: ["prepare"],
    relation: ["newer"],
    replicated: "vsr",
    solo: "vsr",
    cause: "lost write of the newer prepare",
  },
  {
    label: "@O",
    header: ["prepare"],
    prepare: ["prepare"],
    relation: ["otherView"],
    replicated: "vsr",
    solo: "vsr",
    cause: "one op in two views: which one counts is not known here",
  },
  {
    label: "@P",
    header: ["prepare"],
    prepare: ["prepare"],
    relation: ["same"],
    replicated: "eql",
    solo: "eql",
    cause: "as it should be",
  },
];

/** The rows that match. */
export function matchingCases(inputs: RecoveryInputs): readonly RecoveryCase[] {
  return recoveryCases.filter((row) => matches(row, inputs));
}

/** The row of a slot. */
export function recoveryCase(inputs: RecoveryInputs): RecoveryCase {
  const [row, second] = matchingCases(inputs);
  assert(
    row !== undefined && second === undefined,
    () => `${JSON.stringify(inputs)} matches ${row?.label}, ${second?.label}`,
  );
  return row;
}

function matches(row: RecoveryCase, inputs: RecoveryInputs): boolean {
  if (row.header !== undefined && !row.header.includes(inputs.header)) return false;
  if (!row.prepare.includes(inputs.prepare)) return false;
  if (row.relation !== undefined && !row.relation.includes(inputs.relation)) return false;
  return row.prepareNewest === undefined || row.prepareNewest === inputs.prepareNewest;
}

/** The table as text, in Markdown. */
export function printRecoveryTable(): string {
  const rows = recoveryCases.map((row) => [
    row.label,
    row.header?.join(", ") ?? "any",
    row.prepare.join(", "),
    printCondition(row),
    row.replicated,
    row.solo,
    row.cause,
  ]);
  const heads = ["case", "header ring", "prepare ring", "and", "replicated", "solo", "how, and why"];
  const widths = heads.map((head, column) => Math.max(head.length, ...rows.map((row) => row[column]?.length ?? 0)));
  const lines = widths.map((width) => "-".repeat(width));
  const pad = (cells: readonly string[]): string[] => cells.map((cell, column) => cell.padEnd(widths[column] ?? 0));
  return [heads, lines, ...rows].map((cells) => `| ${pad(cells).join(" | ")} |`).join("\n");
}

function printCondition({ relation, prepareNewest }: RecoveryCase): string {
  if (prepareNewest !== undefined) return prepareNewest ? "P is the newest op" : "P is not the newest op";
  switch (relation?.[0]) {
    case "same":
      return "H = P";
    case "older":
      return "H.op < P.op";
    case "newer":
      return "H.op > P.op";
    case "otherView":
      return "same op, another view";
    case "none":
    case undefined:
      return "";
  }
}
