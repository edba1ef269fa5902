/**
 * How a workload is mixed (spec 07 §15.2).
 *
 * @module
 */
import type { Random } from "@stagbeetle/vsr-protocol";
import type { Limits } from "../accounting/limits.ts";
import { Operation } from "../accounting/operations.ts";
import { drawPermutation, type IdPermutation } from "./permutation.ts";

/** Operations with the range that their weight is drawn from. */
export const OPERATION_WEIGHTS: readonly (readonly [operation: Operation, weightMax: number])[] = [
  [Operation.create_accounts, 10],
  [Operation.create_transfers, 100],
  [Operation.lookup_accounts, 20],
  [Operation.lookup_transfers, 20],
  [Operation.get_account_transfers, 20],
  [Operation.get_account_balances, 20],
  [Operation.query_accounts, 20],
  [Operation.query_transfers, 20],
  [Operation.get_change_events, 20],
  [Operation.deprecated_create_accounts_sparse, 10],
  [Operation.deprecated_create_transfers_sparse, 100],
  [Operation.deprecated_create_accounts_unbatched, 10],
  [Operation.deprecated_create_transfers_unbatched, 100],
  [Operation.deprecated_lookup_accounts_unbatched, 20],
  [Operation.deprecated_lookup_transfers_unbatched, 20],
  [Operation.deprecated_get_account_transfers_unbatched, 20],
  [Operation.deprecated_get_account_balances_unbatched, 20],
  [Operation.deprecated_query_accounts_unbatched, 20],
  [Operation.deprecated_query_transfers_unbatched, 20],
];

/** Chances are in percent. */
export interface WorkloadOptions {
  readonly accountsMax: number;
  readonly accountIdPermutation: IdPermutation;
  readonly transferIdPermutation: IdPermutation;
  /** How many pending transfers may be unresolved at once. */
  readonly transfersPendingMax: number;
  /** In the order of {@link OPERATION_WEIGHTS}. */
  readonly operationWeights: readonly number[];
  readonly createAccountInvalid: number;
  readonly createTransferInvalid: number;
  readonly createTransferLimit: number;
  readonly createTransferPending: number;
  readonly createTransferPost: number;
  readonly createTransferVoid: number;
  readonly createTransferRetry: number;
  readonly lookupAccountInvalid: number;
  readonly accountFilterTimestampRange: number;
  readonly queryFilterNotFound: number;
  readonly queryFilterTimestampRange: number;
  /** Weights of looking for transfers that were delivered, and for those that may be on their way. */
  readonly lookupTransferWeights: readonly [delivered: number, sending: number];
  readonly lookupTransferSpanMean: number;
  readonly accountLimit: number;
  readonly accountHistory: number;
  readonly linkedValid: number;
  readonly linkedInvalid: number;
  /** The mean of the timeouts of pending transfers, in seconds, above the least of one. */
  readonly pendingTimeoutMeanSeconds: number;
  /** A batch has 0 events up to this many. */
  readonly accountsBatchMax: number;
  readonly transfersBatchMax: number;
  /** How many failures and successes are kept to be sent again. */
  readonly retriesMax: number;
  /** How many batches a request has at most. */
  readonly batchesPerRequestMax: number;
  readonly transferPlanSeed: bigint;
}

/** Options for one run. Every part of the ranges is worth a run of its own. */
export function drawWorkloadOptions(random: Random, limits: Limits): WorkloadOptions {
  const draw = (min: number, max: number): number => random.rangeInclusive(32, min, max);
  const batchMax = Math.min(limits.createTransfersMax, limits.createAccountsMax) - 1;
  return {
    accountsMax: draw(2, 128),
    accountIdPermutation: drawPermutation(random),
    transferIdPermutation: drawPermutation(random),
    transfersPendingMax: 256,
    operationWeights: OPERATION_WEIGHTS.map(([, weightMax]) => draw(1, weightMax)),
    createAccountInvalid: 1,
    createTransferInvalid: 1,
    createTransferLimit: draw(0, 100),
    createTransferPending: draw(1, 100),
    createTransferPost: draw(1, 50),
    createTransferVoid: draw(1, 50),
    createTransferRetry: draw(1, 10),
    lookupAccountInvalid: 1,
    accountFilterTimestampRange: draw(1, 80),
    queryFilterNotFound: draw(1, 20),
    queryFilterTimestampRange: draw(1, 80),
    lookupTransferWeights: [draw(1, 10), draw(1, 10)],
    lookupTransferSpanMean: draw(10, 1000),
    accountLimit: draw(0, 80),
    accountHistory: draw(0, 80),
    linkedValid: draw(0, 100),
    linkedInvalid: 100,
    pendingTimeoutMeanSeconds: 1,
    accountsBatchMax: draw(1, batchMax),
    transfersBatchMax: draw(1, batchMax),
    retriesMax: 128,
    batchesPerRequestMax: 16,
    transferPlanSeed: random.u64(),
  };
}
