/**
 * `pnpm simulate`: runs clusters in memory, from seeds, with crashes and damaged disks.
 *
 * One line for each scenario. Exit status: 0 if all is in order, 1 if a seed shows something wrong, a scenario never met what
 * it is there for or a thread has died, 2 if the command line is wrong.
 */
import { availableParallelism } from "node:os";
import { parseArgs } from "node:util";

import { Coverage } from "@stagbeetle/io-sim";
import { type Logger, SILENT_LOGGER } from "@stagbeetle/vsr-protocol";

import { runSeeds, scenarioNamed, type SeedsReport } from "./run-seeds.ts";
import { type Scenario, SCENARIOS, seedOf } from "./scenarios.ts";
import { wholeNumber } from "./whole-number.ts";
import { Workers } from "./workers.ts";

const SEEDS_DEFAULT = 1000;
const TICKS_PER_MINUTE = 6000;
/** Fewer seeds need not have met everything. */
const SEEDS_FOR_COVERAGE = 1000;
const WORKERS_MAX = 8;

const HELP = `usage: pnpm simulate [--seeds=N] [--first=N] [--scenario=NAME] [--jobs=N]
       pnpm simulate --seed=N --scenario=NAME [--log | --shrink]
       pnpm simulate --simulated-minutes=N [--scenario=NAME] [--seed=N | --seeds=N]

  --seeds=N        how many seeds (default ${SEEDS_DEFAULT}; long scenarios take a share of them)
  --first=N        the first seed (default 0)
  --scenario=NAME  only this one
  --seed=N         one seed, as a failure names it
  --simulated-minutes=N   one run of each scenario of clusters, or as many as said, in which faults and rests follow each
                   other for so long at least
  --log            with --seed: print what the replica logs
  --shrink         with --seed: say which faults the failure does not need
  --jobs=N         how many threads (default: one a core)

${SCENARIOS.map(({ name, brief }) => `  ${name.padEnd(18)}${brief}`).join("\n")}`;

interface Command {
  readonly scenarios: readonly Scenario[];
  readonly first: number;
  readonly seeds: number;
  /** One seed, in this thread. */
  readonly seed: number | null;
  readonly log: boolean;
  readonly shrink: boolean;
  readonly jobs: number;
  /** 0: as long as is drawn. */
  readonly minutes: number;
}

function parseCommand(): Command | "help" {
  const { values } = parseArgs({
    options: {
      seeds: { type: "string" },
      first: { type: "string" },
      scenario: { type: "string" },
      seed: { type: "string" },
      log: { type: "boolean" },
      shrink: { type: "boolean" },
      jobs: { type: "string" },
      "simulated-minutes": { type: "string" },
      help: { type: "boolean", short: "h" },
    },
  });
  if (values.help === true) return "help";
  const minutes = wholeNumber("simulated-minutes", values["simulated-minutes"], 0);
  const named = values.scenario === undefined ? SCENARIOS : [scenarioNamed(values.scenario)];
  const scenarios = minutes === 0 ? named : named.filter(({ goesOn }) => goesOn === true);
  if (scenarios.length === 0) throw new TypeError(`a run of '${values.scenario}' ends by itself`);
  const single = values.log === true || values.shrink === true;
  if (single && values.seed === undefined) throw new TypeError("--log and --shrink are for one run: give its --seed");
  return {
    scenarios,
    first: wholeNumber("first", values.first, 0, 0),
    seeds: wholeNumber("seeds", values.seeds, minutes === 0 ? SEEDS_DEFAULT : 1),
    seed: values.seed === undefined ? null : wholeNumber("seed", values.seed, 0, 0),
    log: values.log === true,
    shrink: values.shrink === true,
    jobs: wholeNumber("jobs", values.jobs, Math.min(availableParallelism(), WORKERS_MAX)),
    minutes,
  };
}

const STDERR_LOGGER: Logger = {
  enabled: (level) => level !== "debug",
  log: (level, message, fields) => console.error(level, message, fields ?? ""),
};

/** One line for a scenario, and what is wrong with it. Returns whether anything is. */
function print(scenario: Scenario, report: SeedsReport, seconds: number, wholeCoverage: boolean): boolean {
  const coverage = Coverage.of(report.coverage);
  const missing = wholeCoverage ? coverage.missing(scenario.required) : [];
  const failed = report.failures.length > 0 || missing.length > 0;
  const rests = coverage.count("rests");
  const met = scenario.required.map((mark) => `${mark} ${coverage.count(mark)}`).join(", ");
  const ends = Object.entries(report.outcomes)
    .toSorted(([a], [b]) => (a < b ? -1 : 1))
    .map(([outcome, count]) => `${outcome} ${count}`)
    .join(", ");
  const verdict = failed ? "FAILED" : "passed";
  const minutes = (coverage.count("ticks") / TICKS_PER_MINUTE).toFixed(1);
  const extent = `${report.seeds} seeds in ${seconds.toFixed(1)} s, ${minutes} minutes of simulated time${rests > 0 ? ` with ${rests} rests` : ""}`;
  console.log(`${scenario.name}: ${verdict}: ${extent}; ${ends}; met ${met}`);
  for (const { seed, message } of report.failures) {
    console.log(`  ${message.split("\n").slice(0, 6).join("\n  ")}`);
    console.log(`  again: pnpm simulate --scenario=${scenario.name} --seed=${seed}`);
  }
  if (missing.length > 0) console.log(`  never met: ${missing.join(", ")}`);
  return failed;
}

async function runAll({ scenarios, first, seeds, jobs, minutes }: Command): Promise<boolean> {
  const workers = new Workers(jobs);
  let failed = false;
  try {
    for (const scenario of scenarios) {
      const begin = performance.now();
      const count = minutes === 0 ? Math.ceil((seeds * scenario.seedsPercent) / 100) : seeds;
      const report = await workers.run({ scenario: scenario.name, first, end: first + count, minutes });
      const seconds = (performance.now() - begin) / 1000;
      failed = print(scenario, report, seconds, seeds >= SEEDS_FOR_COVERAGE) || failed;
    }
  } finally {
    await workers.close();
  }
  return failed;
}

/** What a failing seed of each scenario fails without. */
function shrinkOne({ scenarios, minutes }: Command, seed: number): void {
  for (const scenario of scenarios) {
    const setup = { coverage: new Coverage(), logger: SILENT_LOGGER, minutes };
    console.log(
      `${scenario.name}: ${scenario.shrink?.(seedOf(scenario, seed), setup) ?? "its seeds cannot be shrunk"}`,
    );
  }
}

/** One seed of each scenario, here. */
function runOne({ scenarios, log, minutes }: Command, seed: number): boolean {
  let failed = false;
  for (const scenario of scenarios) {
    const begin = performance.now();
    const assignment = { scenario: scenario.name, first: seed, end: seed + 1, step: 1, minutes };
    const report = log ? runSeeds(assignment, STDERR_LOGGER) : runSeeds(assignment);
    failed = print(scenario, report, (performance.now() - begin) / 1000, false) || failed;
  }
  return failed;
}

async function run(command: Command): Promise<boolean> {
  const { seed, shrink } = command;
  if (seed === null) return runAll(command);
  const failed = runOne(command, seed);
  if (failed && shrink) shrinkOne(command, seed);
  return failed;
}

try {
  const command = parseCommand();
  if (command === "help") console.log(HELP);
  else process.exitCode = (await run(command)) ? 1 : 0;
} catch (error) {
  console.error(`error: ${error instanceof Error ? error.message : String(error)}`);
  process.exitCode = error instanceof TypeError ? 2 : 1;
}
