/**
 * `inspect metrics`: what a replica measures, and how many values of each there are (spec 06 §6.3, §8.4, §8.5).
 */
import { lines } from "@stagbeetle/command-line";
import { OPERATIONS } from "@stagbeetle/state-machine";
import { Command, Operation, ZONES } from "@stagbeetle/vsr-protocol";
import type { Config } from "@stagbeetle/vsr-protocol";

import { GAUGES, TIMINGS } from "../metrics/names.ts";
import type { MetricRow, MetricTag } from "../metrics/names.ts";
import { ledgerGrooves, ledgerTrees } from "./trees.ts";

/** The commit stages that timings are kept of, and the kinds of peers that connections are counted by. */
const STAGE_COUNT = 11;
const PEER_COUNT = 4;

/** How many values of a timing the reference counts, although it sends five. */
const TIMING_VALUES = 4;

/** One metric. */
export interface Metric {
  readonly kind: "gauge" | "timing";
  readonly name: string;
  readonly tags: readonly string[];
  /** How many values it has: of the tags, and of the statistics of a timing. */
  readonly cardinality: number;
}

/** All metrics, in the order in which they are sent. */
export interface MetricsReport {
  readonly metrics: readonly Metric[];
  readonly cardinality: number;
}

/** What `inspect metrics` says: every metric that a replica with this configuration has. */
export function metricsReport(config: Config): MetricsReport {
  const tagValues: Readonly<Record<MetricTag, number>> = {
    tree: ledgerTrees(config).length,
    command: Object.keys(Command).length,
    groove: ledgerGrooves(config).length,
    peer: PEER_COUNT,
    stage: STAGE_COUNT,
    // The state machine's `pulse` is that of the protocol.
    operation: Object.keys(Operation).length + OPERATIONS.length - 1,
    zone: ZONES.length,
  };
  const metric = (kind: Metric["kind"], values: number, [name, ...tags]: MetricRow): Metric => {
    return { kind, name, tags, cardinality: tags.reduce((product, tag) => product * tagValues[tag], values) };
  };
  const metrics = [
    ...GAUGES.map((row) => metric("gauge", 1, row)),
    ...TIMINGS.map((row) => metric("timing", TIMING_VALUES, row)),
  ];
  return { metrics, cardinality: metrics.reduce((total, { cardinality }) => total + cardinality, 0) };
}

/** As the reference prints it. */
export function metricsText({ metrics }: MetricsReport): string {
  return lines(
    metrics.map(({ kind, name, tags, cardinality }) => `${kind}: ${name}(${tags.join(", ")})=${cardinality}`),
  );
}
