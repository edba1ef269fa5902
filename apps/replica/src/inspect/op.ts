/**
 * `inspect op`: where an op stands between checkpoints (spec 06 §6.4).
 */
import { lines } from "@stagbeetle/command-line";
import { checkpointAfter, prepareMax, trigger } from "@stagbeetle/vsr-protocol";
import type { Config } from "@stagbeetle/vsr-protocol";

/** An op that means something. */
export interface OpPoint {
  readonly name: "checkpoint" | "trigger" | "prepare_max" | "op" | "checkpoint_next";
  readonly op: number;
}

/** Ascending; where two are the same op, in the order of a checkpoint's life. */
export interface OpReport {
  readonly points: readonly OpPoint[];
}

/** @param op at most 2^53 minus a few checkpoints, which no cluster reaches. */
export function opReport(config: Config, op: number): OpReport {
  const checkpoint = checkpointAt(config, op);
  const points: readonly OpPoint[] = [
    { name: "checkpoint", op: checkpoint },
    { name: "trigger", op: trigger(config, checkpoint) ?? 0 },
    { name: "prepare_max", op: prepareMax(config, checkpoint) ?? 0 },
    { name: "op", op },
    { name: "checkpoint_next", op: checkpointAfter(config, checkpoint) },
  ];
  return { points: points.toSorted((a, b) => a.op - b.op) };
}

/** The newest checkpoint that is not above `op`. */
function checkpointAt(config: Config, op: number): number {
  const { vsrCheckpointOps } = config.derived;
  const count = Math.floor((op + 1) / vsrCheckpointOps);
  return count === 0 ? 0 : count * vsrCheckpointOps - 1;
}

const COLUMN_WIDTH = 20;
const VALUE_WIDTH = 15;
const DISTANCE_WIDTH = 4;

/** Names above values, with the distances between them; as the reference prints it. */
export function opText({ points }: OpReport): string {
  const names = points.map(({ name }) => name.padEnd(COLUMN_WIDTH));
  const values = points.map(({ op }, index) => {
    const next = points[index + 1];
    if (next === undefined) return String(op).padEnd(COLUMN_WIDTH);
    return `${String(op).padEnd(VALUE_WIDTH)}+${String(next.op - op).padEnd(DISTANCE_WIDTH)}`;
  });
  return lines([names.join(""), values.join("")]);
}
