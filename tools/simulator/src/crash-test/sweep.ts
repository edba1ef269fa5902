/**
 * Requests that read the ledger page by page.
 */
import type { WorkloadRequest } from "@stagbeetle/io-sim";
import { AccountingOperation, QueryFilter, QueryFilterFlags } from "@stagbeetle/state-machine";
import { MultiBatchEncoder, multiBatchTrailerSizeBytes } from "@stagbeetle/vsr-protocol";

const QUERY_FILTER_SIZE_BYTES = 64;
const LIMIT_MAX = 0xffff_ffff;

/** As many accounts or transfers as fit into an answer, from a timestamp on (ns), the oldest or the newest first. */
export function sweepRequest(
  what: "accounts" | "transfers",
  timestampMin: bigint,
  first: "oldest" | "newest",
): WorkloadRequest {
  const { query_accounts, query_transfers } = AccountingOperation;
  const body = new Uint8Array(QUERY_FILTER_SIZE_BYTES + multiBatchTrailerSizeBytes(QUERY_FILTER_SIZE_BYTES, 1));
  const filter = new QueryFilter(body);
  filter.timestampMin = timestampMin;
  filter.limit = LIMIT_MAX;
  filter.flags = first === "newest" ? QueryFilterFlags.reversed : 0;
  const encoder = new MultiBatchEncoder();
  encoder.begin(body, QUERY_FILTER_SIZE_BYTES);
  encoder.add(QUERY_FILTER_SIZE_BYTES);
  return {
    operation: what === "accounts" ? query_accounts : query_transfers,
    body: body.subarray(0, encoder.finish()),
  };
}
