/**
 * The accounting state machine on a data file: store and machine put together.
 *
 * @module
 */
import { AccountingStateMachine } from "../accounting/accounting.ts";
import { accountingGrooves } from "../accounting/grooves.ts";
import { Limits } from "../accounting/limits.ts";
import { accountingGrooveLimits, type CacheSizes } from "./accounting-limits.ts";
import { type DataFileStore, dataFileStore, type DataFileStoreOptions } from "./data-file-store.ts";

/** What the machine and its store are made of. */
export interface AccountingStoreOptions extends DataFileStoreOptions {
  /** The caches of objects, in objects (`--cache-accounts` and the like). */
  readonly cacheObjects: CacheSizes;
  /** The most bytes of a request's body. */
  readonly batchSizeLimit: number;
  readonly aofRecovery: boolean;
}

/** A machine whose state is in the data file, and where its checkpoints are kept. None of it is open. */
export interface AccountingStore extends DataFileStore {
  readonly stateMachine: AccountingStateMachine;
}

/** Allocates the machine and all that it stands on. Nothing is read or written yet. */
export function accountingStore(options: AccountingStoreOptions): AccountingStore {
  const { config, batchSizeLimit, aofRecovery, logger } = options;
  const sizes = { messageBodySizeMax: config.derived.messageBodySizeMax, batchSizeLimit };
  const limits = new Limits(sizes);
  const store = dataFileStore(options, {
    grooves: accountingGrooves(limits),
    limitsOf: accountingGrooveLimits(limits, options.cacheObjects),
  });
  const { forest } = store;
  return { ...store, stateMachine: new AccountingStateMachine({ forest, ...sizes, aofRecovery, logger }) };
}
