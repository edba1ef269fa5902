/**
 * What can be simulated, and what each scenario must have met to have shown anything.
 */
import {
  ACCOUNTING,
  type Application,
  type Coverage,
  type CoverageMark,
  ECHO,
  LEDGER,
  runCluster,
  runCrashes,
  runDetection,
  runHostile,
  runStoreDamage,
  shrinkCluster,
  STORED_ECHO,
} from "@stagbeetle/io-sim";
import type { Logger } from "@stagbeetle/vsr-protocol";

/** What a scenario runs with. */
export interface ScenarioSetup {
  readonly coverage: Coverage;
  readonly logger: Logger;
  /** How long a run of a scenario that {@link Scenario.goesOn} takes at least, in simulated minutes; 0: as long as is drawn. */
  readonly minutes: number;
}

/** One kind of run. */
export interface Scenario {
  readonly name: string;
  readonly brief: string;
  /** How many runs stand for one seed of the others: long runs are fewer. */
  readonly seedsPercent: number;
  /** Whether a run can be made to go on for any time. */
  readonly goesOn?: true;
  /** Runs one seed. Returns how it ended. @throws AssertionError if something is wrong. */
  readonly run: (seed: bigint, setup: ScenarioSetup) => string;
  /** Says what a failing seed fails without, in some runs more. */
  readonly shrink?: (seed: bigint, setup: ScenarioSetup) => string;
  /** What must have been met at least once, when enough seeds ran. */
  readonly required: readonly CoverageMark[];
}

const CRASH_MARKS: readonly CoverageMark[] = [
  ...(["crashes", "crashesOpening", "starts", "walFull"] as const),
  ...(["headLost", "headTorn", "headComplete", "headersTorn", "superblockTorn", "repliesTorn"] as const),
  ...(["executed", "executedAgain", "acknowledged", "repeated"] as const),
];

const DAMAGE_MARKS: readonly CoverageMark[] = [
  ...(["starts", "refusals", "fatalReplays", "misdirected", "writesLost", "executedAgain", "repeated"] as const),
  ...(["prepareCorrupt", "headersCorrupt", "superblockCorrupt", "repliesCorrupt"] as const),
];

function crashes(application: Application): Scenario {
  return {
    name: `crash-${application.name}`,
    brief: `the power fails at any write; ${application.name} on the smallest log`,
    seedsPercent: 100,
    run: (seed, setup) => runCrashes(seed, { ...setup, application, length: "short" }).outcome,
    required: CRASH_MARKS,
  };
}

function cluster(application: Application): Scenario {
  const applications = [application];
  return {
    name: `cluster-${application === LEDGER ? "ledger" : "echo"}`,
    brief: `1 to 6 replicas and standbys under all faults; ${application === LEDGER ? "the ledger" : "echo"} in data files`,
    seedsPercent: 10,
    goesOn: true,
    run: (seed, setup) => runCluster(seed, { ...setup, applications }).outcome,
    shrink: (seed, setup) => shrinkCluster(seed, { ...setup, applications }),
    required: [
      ...(["crashes", "starts", "pauses", "partitions", "reformats", "upgrades", "evictions", "coreSmaller"] as const),
      ...(["viewChanges", "stateSyncs", "blocksSent", "prepareRepairs", "comparisons", "executedAgain"] as const),
      ...(["blocksCompared", "manifestsCompared", "entriesOfAof"] as const),
      ...(["headTorn", "headersTorn", "superblockTorn", "repliesTorn", "gridTorn"] as const),
    ],
  };
}

function damage(application: Application): Scenario {
  return {
    name: `damage-${application.name}`,
    brief: `the disk is corrupt, loses or misdirects writes; ${application.name}`,
    seedsPercent: 75,
    run: (seed, setup) => {
      const { kind, outcome } = runDetection(seed, { ...setup, application });
      return `${kind}-${outcome}`;
    },
    required: DAMAGE_MARKS,
  };
}

/** The same number is another seed in every scenario, so that they do not repeat each other. */
export function seedOf(scenario: Scenario, number: number): bigint {
  const index = SCENARIOS.indexOf(scenario);
  return BigInt(number) * SCENARIO_STRIDE + BigInt(index);
}

const SCENARIO_STRIDE = 256n;
/** How long a run among forged messages takes, in ticks of 10 ms. */
const HOSTILE_TICKS = 2500;

/** All scenarios, in the order in which they run. New ones go to the end: a number's seed depends on the place. */
export const SCENARIOS: readonly Scenario[] = [
  crashes(ACCOUNTING),
  crashes(ECHO),
  {
    name: "crash-long",
    brief: "the power fails at any write; accounting on a log as long as in production, until it is full",
    seedsPercent: 5,
    run: (seed, setup) => runCrashes(seed, { ...setup, application: ACCOUNTING, length: "long" }).outcome,
    required: ["crashes", "starts", "walFull", "executedAgain", "acknowledged"],
  },
  damage(ACCOUNTING),
  damage(ECHO),
  {
    name: "crash-ledger",
    brief: "the power fails at any write; the ledger in the data file, with a checkpoint every 20 operations",
    seedsPercent: 25,
    run: (seed, setup) => runCrashes(seed, { ...setup, application: LEDGER, length: "short" }).outcome,
    required: [
      ...(["crashes", "crashesOpening", "starts", "checkpoints", "headLost", "headTorn", "headComplete"] as const),
      ...(["headersTorn", "superblockTorn", "repliesTorn", "gridTorn", "executedAgain", "repeated"] as const),
    ],
  },
  {
    name: "damage-ledger",
    brief: "the disk is corrupt or misdirects writes, after checkpoints",
    seedsPercent: 25,
    run: (seed, setup) => {
      const { kind, outcome } = runStoreDamage(seed, setup);
      return `${kind}-${outcome}`;
    },
    required: [
      ...(["starts", "refusals", "checkpoints", "blockCorrupt", "prepareCorrupt", "headersCorrupt"] as const),
      ...(["superblockCorrupt", "misdirected", "executedAgain"] as const),
    ],
  },
  cluster(LEDGER),
  cluster(STORED_ECHO),
  {
    name: "hostile",
    brief: "old and forged messages among those of a cluster that crashes, syncs and loses the ends of its logs",
    seedsPercent: 2,
    run: (seed, setup) => {
      const hostility = (seed / SCENARIO_STRIDE) % 2n === 0n ? "old" : "forged";
      const { outcome } = runHostile(seed, { ...setup, hostility, ticks: HOSTILE_TICKS });
      return `${hostility}-${outcome}`;
    },
    required: ["forgeries", "crashes", "executed", "viewChanges", "headsLost", "stateSyncs", "standbys"],
  },
];
