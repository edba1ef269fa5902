/**
 * What a simulated cluster runs: a state machine, and the model that it is held against.
 *
 * @module
 */
import type { GridObserver } from "@stagbeetle/grid";
import { createKernels, type LinearMemory } from "@stagbeetle/kernels";
import type { SpillOptions } from "@stagbeetle/lsm";
import {
  accountingGrooves,
  AccountingStateMachine,
  accountingStore,
  type DataFileStore,
  echo,
  echoStore,
  Limits,
  MemoryForest,
} from "@stagbeetle/state-machine";
import {
  type BodyChecksums,
  type Checksums,
  type Config,
  type Logger,
  MemorySpill,
  type Random,
  type StateMachine,
  type Storage,
  type SuperBlock,
} from "@stagbeetle/vsr-protocol";

import { AccountingModel } from "../checkers/accounting-model.ts";
import { EchoModel, type Model } from "../checkers/model.ts";
import { AccountingWorkload } from "../workload/accounting-workload.ts";
import { EchoWorkload } from "../workload/echo-workload.ts";
import type { Workload } from "../workload/workload.ts";

/** A state machine with everything that is needed to simulate it. */
export interface Application {
  readonly name: string;
  /** Whether it writes checkpoints. If not, a log takes only so many ops. */
  readonly checkpoints: boolean;
  /** How much of a replica's memory it takes, in bytes. */
  readonly memorySizeBytes: number;
  /** A new state machine for each start of a replica. */
  readonly create: (foundation: Foundation) => Incarnation;
  /** A model of the state machine, and a workload that makes requests which the model can judge. */
  readonly createTrial: (config: Config, random: Random) => Trial;
}

/** What a replica has that a state machine can stand on. */
export interface Foundation {
  readonly config: Config;
  readonly memory: LinearMemory;
  readonly checksums: Checksums;
  /** Computes the checksums of blocks; inside of the call unless given. */
  readonly bodyChecksums?: BodyChecksums;
  readonly storage: Storage;
  /** Not open yet. */
  readonly superblock: SuperBlock;
  readonly random: Random;
  /** The largest size of the data file in bytes. */
  readonly storageSizeLimit: number;
  readonly logger: Logger;
  /** Sees the blocks of the grid, if there is one. */
  readonly gridObserver: GridObserver;
}

/** A state machine, and where its checkpoints are kept. */
export interface Incarnation {
  readonly stateMachine: StateMachine;
  /** Null if and only if it writes none. */
  readonly store: DataFileStore | null;
}

/** What one run of an application is made and judged by. */
export interface Trial {
  readonly model: Model;
  readonly workload: Workload;
}

/** More than any simulated ledger needs; less would be reserved in vain. */
const LEDGER_SIZE_MAX_BYTES = 256 * 1024 * 1024;

/** What the ledger in the data file takes of a replica's memory under the largest of the small configurations. */
const STORE_SIZE_BYTES = 8 * 1024 * 1024;
const CACHED_OBJECTS = 256;
const CACHED_BLOCKS = 256;
const MANIFEST_TABLES_MAX = 1024;
/** Small as the tables are: two of the largest values a page, and every run goes to the disk. */
const SPILL_SIZES = { pageSizeBytes: 512, pagesAtOnce: 2, runSizeMinBytes: 0 };

function limitsOf(config: Config): Limits {
  const { messageBodySizeMax } = config.derived;
  return new Limits({ messageBodySizeMax, batchSizeLimit: messageBodySizeMax });
}

/** The ledger, on a forest in memory. */
export const ACCOUNTING: Application = {
  name: "accounting",
  checkpoints: false,
  memorySizeBytes: 0,
  create({ config, storage }) {
    const { messageBodySizeMax } = config.derived;
    const forest = new MemoryForest({
      grooves: accountingGrooves(limitsOf(config)),
      nextTick: (callback) => storage.nextTick(callback),
      scansMax: config.cluster.lsmScansMax,
      memorySizeBytesMax: LEDGER_SIZE_MAX_BYTES,
    });
    const sizes = { messageBodySizeMax, batchSizeLimit: messageBodySizeMax };
    return { stateMachine: new AccountingStateMachine({ forest, ...sizes }), store: null };
  },
  createTrial: accountingTrial,
};

/** The ledger in the data file, as it is in production: it writes checkpoints, so that its log goes round and round. */
export const LEDGER: Application = {
  name: "ledger",
  checkpoints: true,
  memorySizeBytes: STORE_SIZE_BYTES,
  create(foundation) {
    const { config, memory, random } = foundation;
    const cached = random.boolean() ? 0 : CACHED_OBJECTS;
    const { stateMachine, ...store } = accountingStore({
      ...foundation,
      ...spill(random),
      kernels: createKernels({ memory }),
      cacheGridSizeBytes: CACHED_BLOCKS * config.cluster.blockSize,
      cacheObjects: { accounts: cached, transfers: cached, transfersPending: cached },
      manifestTablesMax: MANIFEST_TABLES_MAX,
      batchSizeLimit: config.derived.messageBodySizeMax,
      aofRecovery: false,
    });
    return { stateMachine, store };
  },
  createTrial: accountingTrial,
};

/** Half of the replicas let values wait on a "disk", as in development mode: what they write to the grid is the same. */
function spill(random: Random): { readonly spill?: SpillOptions } {
  if (random.boolean()) return {};
  return { spill: { storage: new MemorySpill(), ...SPILL_SIZES } };
}

function accountingTrial(config: Config, random: Random): Trial {
  const { expireMax } = limitsOf(config);
  const model = new AccountingModel({ messageBodySizeMax: config.derived.messageBodySizeMax, expireMax });
  return { model, workload: new AccountingWorkload({ config, random, model }) };
}

/** The echo machine, on a forest in memory: fast, and every execution of an op twice is noticed. */
export const ECHO: Application = {
  name: "echo",
  checkpoints: false,
  memorySizeBytes: 0,
  create({ config, storage }) {
    const forest = new MemoryForest({
      grooves: [echo.ThingGroove],
      nextTick: (callback) => storage.nextTick(callback),
      scansMax: config.cluster.lsmScansMax,
      memorySizeBytesMax: LEDGER_SIZE_MAX_BYTES,
    });
    const batchSizeLimit = config.derived.messageBodySizeMax;
    return { stateMachine: new echo.EchoStateMachine({ forest, batchSizeLimit }), store: null };
  },
  createTrial: echoTrial,
};

/** The echo machine in the data file: it writes checkpoints, and there are no pulses, so that a request is an op. */
export const STORED_ECHO: Application = {
  name: "stored-echo",
  checkpoints: true,
  memorySizeBytes: STORE_SIZE_BYTES,
  create(foundation) {
    const { config, memory, random } = foundation;
    const { stateMachine, ...store } = echoStore({
      ...foundation,
      ...spill(random),
      kernels: createKernels({ memory }),
      cacheGridSizeBytes: CACHED_BLOCKS * config.cluster.blockSize,
      manifestTablesMax: MANIFEST_TABLES_MAX,
      batchSizeLimit: config.derived.messageBodySizeMax,
    });
    return { stateMachine, store };
  },
  createTrial: echoTrial,
};

function echoTrial(_: Config, random: Random): Trial {
  return { model: new EchoModel(), workload: new EchoWorkload(random) };
}
