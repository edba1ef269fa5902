/**
 * Runs a range of seeds of one scenario.
 */
import { Coverage } from "@stagbeetle/io-sim";
import { type Logger, SILENT_LOGGER } from "@stagbeetle/vsr-protocol";

import { type Scenario, SCENARIOS, seedOf } from "./scenarios.ts";

/** A range of seeds: `first`, `first + step`, … below `end`. */
export interface Assignment {
  readonly scenario: string;
  readonly first: number;
  readonly end: number;
  readonly step: number;
  /** How long each run takes at least, in simulated minutes, if its scenario goes on; as long as is drawn unless said. */
  readonly minutes?: number;
}

/** A seed that shows something wrong. */
export interface Failure {
  readonly seed: number;
  readonly message: string;
}

/** What a range of seeds has shown; fit for a message between threads. */
export interface SeedsReport {
  readonly seeds: number;
  /** How often runs ended in which way. */
  readonly outcomes: { readonly [outcome: string]: number };
  readonly coverage: { readonly [mark: string]: number };
  readonly failures: readonly Failure[];
}

/** No more failures than these are looked for: the first one is what a person works on. */
const FAILURES_MAX = 5;

/** @throws TypeError if there is no such scenario. */
export function scenarioNamed(name: string): Scenario {
  const scenario = SCENARIOS.find((candidate) => candidate.name === name);
  if (scenario === undefined) {
    throw new TypeError(`there is no scenario '${name}'; there are ${SCENARIOS.map((known) => known.name).join(", ")}`);
  }
  return scenario;
}

/** Runs the seeds one after the other. */
export function runSeeds(
  { scenario: name, first, end, step, minutes = 0 }: Assignment,
  logger: Logger = SILENT_LOGGER,
): SeedsReport {
  const scenario = scenarioNamed(name);
  const coverage = new Coverage();
  const outcomes: { [outcome: string]: number } = {};
  const failures: Failure[] = [];
  let seeds = 0;
  for (let seed = first; seed < end && failures.length < FAILURES_MAX; seed += step) {
    seeds += 1;
    try {
      const outcome = scenario.run(seedOf(scenario, seed), { coverage, logger, minutes });
      outcomes[outcome] = (outcomes[outcome] ?? 0) + 1;
    } catch (error) {
      failures.push({ seed, message: error instanceof Error ? (error.stack ?? error.message) : String(error) });
    }
  }
  return { seeds, outcomes, coverage: coverage.counts(), failures };
}

/** One report for several ranges. */
export function mergeReports(reports: readonly SeedsReport[]): SeedsReport {
  const outcomes: { [outcome: string]: number } = {};
  const coverage = new Coverage();
  for (const report of reports) {
    coverage.add(Coverage.of(report.coverage));
    for (const [outcome, count] of Object.entries(report.outcomes))
      outcomes[outcome] = (outcomes[outcome] ?? 0) + count;
  }
  return {
    seeds: reports.reduce((sum, { seeds }) => sum + seeds, 0),
    outcomes,
    coverage: coverage.counts(),
    failures: reports.flatMap(({ failures }) => failures).toSorted((a, b) => a.seed - b.seed),
  };
}
