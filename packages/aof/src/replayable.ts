/**
 * Which operations of a log make up its data: those that `recover` sends again and that `debug` sums up (spec 06 §2.11).
 *
 * @module
 */

/** The operations that a replay sends, by number: everything that creates accounts or transfers. */
const REPLAYABLE_OPERATIONS: readonly number[] = [
  128, // The state machine's own pulse, of logs older than this release; nowadays a pulse is operation 4 and left out.
  129, // deprecated_create_accounts_unbatched
  130, // deprecated_create_transfers_unbatched
  138, // deprecated_create_accounts_sparse
  139, // deprecated_create_transfers_sparse
  146, // create_accounts
  147, // create_transfers
];

/**
 * Whether a replay sends an operation. Queries change nothing; the protocol's own operations (below 128) are the new cluster's
 * to make. So pulses are left out as well: a pending transfer expires after the recovery, not during it.
 */
export function replayable(operation: number): boolean {
  return REPLAYABLE_OPERATIONS.includes(operation);
}
