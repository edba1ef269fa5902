/**
 * A `view` message as it arrived: its parts, and whether a correct primary can have sent it (spec 03 §19.4, §21.1).
 *
 * @module
 */
import { checkpointAfter, prepareMax, trigger } from "../../checkpoint.ts";
import type { Config } from "../../config/config.ts";
import { isZero } from "../../layout.ts";
import { isBlankPrepare } from "../../message/special-prepares.ts";
import { CHECKPOINT_STATE_SIZE_BYTES, type ViewHeader } from "../../message/view.ts";
import { CHECKPOINT_STATE_LAYOUT, CheckpointState } from "../../superblock/layout.ts";
import { checkpointHeaderOf, checkpointStateInvalid } from "../../superblock/vsr-state.ts";
import { type ViewChangeSlice, viewHeadersIn, viewHeadersInvalid } from "../../view-headers.ts";

/** The primary's checkpoint in the body of a `view`: a view of its memory. */
export function checkpointOfView(body: Uint8Array): CheckpointState {
  return new CheckpointState(body);
}

/** The headers of the view's log in the body of a `view`, highest op first: views of its memory. */
export function headersOfView(body: Uint8Array): ViewChangeSlice {
  return viewHeadersIn(body.subarray(CHECKPOINT_STATE_SIZE_BYTES));
}

/**
 * Why no correct primary can have sent this `view`, whose header and size are valid, or null. Safe on any bytes.
 *
 * @param replicaCount how many replicas vote.
 */
export function viewMessageInvalid(
  config: Config,
  header: ViewHeader,
  body: Uint8Array,
  replicaCount: number,
): string | null {
  const { view, replica, op, commitMax, checkpointOp } = header;
  const headers = headersOfView(body);
  const checkpoint = checkpointOfView(body);
  if (replica !== view % replicaCount) return `replica ${replica} is not the primary of view ${view}`;
  if (op - commitMax > config.cluster.pipelinePrepareQueueMax) return `op ${op} is far beyond commit_max ${commitMax}`;
  const invalid = viewHeadersInvalid(config, "view", headers);
  if (invalid !== null) return `headers: ${invalid}`;
  if (headers[0]?.op !== op) return `the headers begin with op ${headers[0]?.op}, not ${op}`;
  const suffix = Math.min(config.cluster.viewChangeHeadersSuffixMax, op + 1);
  if (headers[suffix - 1]?.op !== op + 1 - suffix) return `the headers of the newest ${suffix} ops are not all there`;
  if (headers.some(isBlankPrepare)) return "a header is blank";
  const contradiction = checkpointStateInvalid(config, checkpoint);
  if (contradiction !== null) return `checkpoint: ${contradiction}`;
  if (!isZero(checkpoint, CHECKPOINT_STATE_LAYOUT.reserved)) return "checkpoint: reserved is not zero";
  const checkpointAt = checkpointHeaderOf(checkpoint).op;
  if (checkpointAt !== checkpointOp) return `the checkpoint is that of op ${checkpointAt}, not ${checkpointOp}`;
  return windowInvalid(config, op, commitMax, checkpointOp);
}

/** A primary with a checkpoint has executed the op that triggered it, and prepares no more than the next one allows. */
function windowInvalid(config: Config, op: number, commitMax: number, checkpointOp: number): string | null {
  if (commitMax < (trigger(config, checkpointOp) ?? 0)) return `checkpoint ${checkpointOp} before its trigger`;
  const opMax = prepareMax(config, checkpointAfter(config, checkpointOp)) ?? 0;
  return op > opMax ? `op ${op} is beyond ${opMax}` : null;
}
