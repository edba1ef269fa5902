/**
 * What one operation of the accounting state machine touches of each groove (spec 05 §16.5).
 *
 * @module
 */
import { assert } from "@stagbeetle/kernels";
import type { GrooveDeclaration, GrooveLimits } from "@stagbeetle/lsm";
import type { Limits } from "../accounting/limits.ts";
import { type OperationKind, OPERATIONS } from "../accounting/operations.ts";

/** How many objects stay in memory beside those of the current bar (`--cache-accounts` and the like). */
export interface CacheSizes {
  readonly accounts: number;
  readonly transfers: number;
  readonly transfersPending: number;
}

/**
 * Limits of the four grooves with what requests may have at most. They bound memory, not what is stored: other requests in the
 * log than these limits allow are refused before they get here.
 */
export function accountingGrooveLimits(
  limits: Limits,
  cacheObjects: CacheSizes,
): (groove: GrooveDeclaration) => GrooveLimits {
  const countMax = (kind: OperationKind): number =>
    Math.max(...OPERATIONS.filter((traits) => traits.kind === kind).map((traits) => limits.eventMax(traits)));
  const createAccounts = countMax("create_accounts");
  const createTransfers = countMax("create_transfers");
  const accountReads = Math.max(countMax("lookup_accounts"), createAccounts);
  const transferReads = Math.max(countMax("lookup_transfers"), createTransfers);
  const touching = (perOp: number, cached: number): GrooveLimits => ({
    keysPerOp: perOp,
    objectsPerOp: perOp,
    cacheObjects: cached,
  });
  const byName: Readonly<Record<string, GrooveLimits>> = {
    // Every transfer has two accounts.
    accounts: touching(accountReads + Math.max(createAccounts, 2 * createTransfers), cacheObjects.accounts),
    // Every transfer may resolve another one.
    transfers: touching(transferReads + createTransfers, cacheObjects.transfers),
    transfers_pending: touching(transferReads + createTransfers, cacheObjects.transfersPending),
    account_events: touching(createTransfers, 0),
  };
  return ({ name }) => {
    const found = byName[name];
    assert(found !== undefined, () => `the accounting state machine has no groove ${name}`);
    return found;
  };
}
