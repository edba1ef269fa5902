/**
 * What a simulated cluster runs: a state machine, and the model that it is held against.
 *
 * @module
 */
import { AccountingStateMachine, accountingGrooves, echo, Limits, MemoryForest } from "@stagbeetle/state-machine";
import type { Config, Random, StateMachine, Storage } from "@stagbeetle/vsr-protocol";

import { AccountingModel } from "../checkers/accounting-model.ts";
import { EchoModel, type Model } from "../checkers/model.ts";
import { AccountingWorkload } from "../workload/accounting-workload.ts";
import { EchoWorkload } from "../workload/echo-workload.ts";
import type { Workload } from "../workload/workload.ts";

/** A state machine with everything that is needed to simulate it. */
export interface Application {
  readonly name: string;
  /** A new state machine for each start of a replica. */
  readonly createStateMachine: (config: Config, storage: Storage) => StateMachine;
  /** A model of the state machine, and a workload that makes requests which the model can judge. */
  readonly createTrial: (config: Config, random: Random) => Trial;
}

/** What one run of an application is made and judged by. */
export interface Trial {
  readonly model: Model;
  readonly workload: Workload;
}

/** More than any simulated ledger needs; less would be reserved in vain. */
const LEDGER_SIZE_MAX_BYTES = 256 * 1024 * 1024;

function limitsOf(config: Config): Limits {
  const { messageBodySizeMax } = config.derived;
  return new Limits({ messageBodySizeMax, batchSizeLimit: messageBodySizeMax });
}

/** The ledger, on a forest in memory. */
export const ACCOUNTING: Application = {
  name: "accounting",
  createStateMachine(config, storage) {
    const { messageBodySizeMax } = config.derived;
    const forest = new MemoryForest({
      grooves: accountingGrooves(limitsOf(config)),
      nextTick: (callback) => storage.nextTick(callback),
      scansMax: config.cluster.lsmScansMax,
      memorySizeBytesMax: LEDGER_SIZE_MAX_BYTES,
    });
    return new AccountingStateMachine({ forest, messageBodySizeMax, batchSizeLimit: messageBodySizeMax });
  },
  createTrial(config, random) {
    const { expireMax } = limitsOf(config);
    const model = new AccountingModel({ messageBodySizeMax: config.derived.messageBodySizeMax, expireMax });
    return { model, workload: new AccountingWorkload({ config, random, model }) };
  },
};

/** The echo machine, on a forest in memory: fast, and every execution of an op twice is noticed. */
export const ECHO: Application = {
  name: "echo",
  createStateMachine(config, storage) {
    const forest = new MemoryForest({
      grooves: [echo.ThingGroove],
      nextTick: (callback) => storage.nextTick(callback),
      scansMax: config.cluster.lsmScansMax,
      memorySizeBytesMax: LEDGER_SIZE_MAX_BYTES,
    });
    return new echo.EchoStateMachine({ forest, batchSizeLimit: config.derived.messageBodySizeMax });
  },
  createTrial: (_, random) => ({ model: new EchoModel(), workload: new EchoWorkload(random) }),
};
