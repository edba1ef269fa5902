/**
 * View headers: a short list of prepare headers, highest op first, that says what the log of a view ends with
 * (spec 03 §2.4, 04 §6.5).
 *
 * @module
 */
import { assert, checksumOf } from "@stagbeetle/kernels";
import { Command } from "./command.ts";
import type { Config } from "./config/config.ts";
import { isSafeU64, recordBytes } from "./layout.ts";
import { HEADER_SIZE_BYTES } from "./message/frame.ts";
import { invalidHeader } from "./message/invalid.ts";
import { PREPARE_LAYOUT, PrepareHeader } from "./message/prepare.ts";
import { isBlankPrepare } from "./message/special-prepares.ts";
import { Operation } from "./operation.ts";

/**
 * What a list stands for: `joinView` is the log that this replica promised in a view change that is under way, `view`
 * is the log of a view that has started.
 */
export type ViewHeadersKind = "joinView" | "view";

/** Highest op first. Blank entries mark ops whose prepare is unknown. */
export type ViewChangeSlice = readonly PrepareHeader[];

/** The same while it is put together, from the highest op down: a blank is added for an op whose prepare is unknown. */
export type ViewChangeArray = PrepareHeader[];

/** Views from `min` to `max`, both included. */
export interface ViewRange {
  readonly min: number;
  readonly max: number;
}

/** The headers in the body of a `join_view`, or behind the checkpoint in that of a `view`: views of `bytes`. */
export function viewHeadersIn(bytes: Uint8Array): ViewChangeSlice {
  assert(bytes.length % HEADER_SIZE_BYTES === 0, () => `${bytes.length} bytes of headers`);
  return Array.from(
    { length: bytes.length / HEADER_SIZE_BYTES },
    (_, index) => new PrepareHeader(bytes, index * HEADER_SIZE_BYTES),
  );
}

/** Which kind the headers beside these two views are. */
export function viewHeadersKind(logView: number, view: number): ViewHeadersKind {
  assert(logView <= view, () => `log_view ${logView} > view ${view}`);
  return logView < view ? "joinView" : "view";
}

/**
 * Why a list is not valid, or null. Safe on any bytes.
 *
 * The rules: 1 to `view_headers_max` entries, the first not blank; ops strictly descending, without gaps in `joinView`
 * and in the first `pipeline + 1` entries of `view`; neighbours that are not blank are hash-chained, with views not
 * rising and timestamps falling on the way down.
 */
export function viewHeadersInvalid(config: Config, kind: ViewHeadersKind, headers: ViewChangeSlice): string | null {
  if (headers.length === 0) return "there are none";
  if (headers.length > config.derived.viewHeadersMax)
    return `${headers.length} of at most ${config.derived.viewHeadersMax}`;
  for (const [index, header] of headers.entries()) {
    const reason = entryInvalid(config, header) ?? opInvalid(config, kind, headers, index);
    if (reason !== null) return `entry ${index}: ${reason}`;
  }
  return chainInvalid(headers);
}

/**
 * The views in which a prepare for `op` that agrees with the headers can have been prepared (spec 04 §6.5).
 *
 * @param logView the last view in which the replica that holds the headers was in status normal.
 */
export function viewForOp(headers: ViewChangeSlice, op: number, logView: number): ViewRange {
  const newest = headers[0];
  assert(newest !== undefined && !isBlankPrepare(newest), "the first view header is not blank");
  if (op > newest.op) return { min: logView, max: logView };
  let above = newest;
  for (const header of headers) {
    if (isBlankPrepare(header)) continue;
    if (header.op === op) return { min: header.view, max: header.view };
    if (header.op < op) return { min: header.view, max: above.view };
    above = header;
  }
  return { min: 0, max: above.view };
}

/** Whether an entry, by itself, may be in a list. */
function entryInvalid(config: Config, header: PrepareHeader): string | null {
  if (!isSafeU64(header.dataView, header.offset + PREPARE_LAYOUT.op.offset)) return "op is out of range";
  if (isBlankPrepare(header)) return null;
  if (header.checksum !== checksumOf(recordBytes(header).subarray(16))) return "checksum";
  if (header.command !== Command.prepare) return `command ${header.command}`;
  if (header.operation === Operation.reserved) return "operation is reserved";
  return invalidHeader(header, config);
}

function opInvalid(config: Config, kind: ViewHeadersKind, headers: ViewChangeSlice, index: number): string | null {
  const header = headers[index];
  const above = headers[index - 1];
  assert(header !== undefined, "the index is of the list");
  if (above === undefined) return isBlankPrepare(header) ? "the first is blank" : null;
  if (header.op >= above.op) return `op ${header.op} does not descend from ${above.op}`;
  const consecutive = kind === "joinView" || index <= config.cluster.pipelinePrepareQueueMax;
  if (consecutive && header.op + 1 !== above.op) return `op ${header.op} leaves a gap below ${above.op}`;
  return null;
}

function chainInvalid(headers: ViewChangeSlice): string | null {
  let above: PrepareHeader | null = null;
  for (const [index, header] of headers.entries()) {
    if (isBlankPrepare(header)) continue;
    const reason = above === null ? null : belowInvalid(above, header);
    if (reason !== null) return `entry ${index}: ${reason}`;
    above = header;
  }
  return null;
}

/** Why two prepares, of which the second has the lower op, cannot both be of one log, or null. Neither is blank. */
export function belowInvalid(above: PrepareHeader, header: PrepareHeader): string | null {
  assert(header.op < above.op, () => `op ${header.op} below op ${above.op}`);
  if (header.view > above.view) return `view ${header.view} is above ${above.view}`;
  if (header.timestamp >= above.timestamp) return `timestamp ${header.timestamp} is not below ${above.timestamp}`;
  return header.op + 1 === above.op && header.checksum !== above.parent ? "the hash chain breaks" : null;
}
