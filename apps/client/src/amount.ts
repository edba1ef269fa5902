/**
 * The largest amount.
 */

/** 2^128 − 1: of a transfer that posts a pending one or balances an account, as much as there is. */
export const amount_max: bigint = (1n << 128n) - 1n;
