/**
 * The view as it is stored with a checkpoint (spec 03 §16.9): a restart must not find its head below the checkpoint.
 *
 * @module
 */
import { assert } from "@stagbeetle/kernels";
import type { Config } from "../config/config.ts";
import type { Journal } from "../ports/journal.ts";
import type { ViewAttributes } from "../superblock/update.ts";
import type { CheckpointWindow } from "./checkpoint-window.ts";
import { viewHeadersOfLog } from "./hash-chain.ts";
import type { Identity } from "./identity.ts";
import type { LogPosition } from "./log-position.ts";
import type { Roles } from "./roles.ts";
import type { Status } from "./status.ts";
import { joinViewHeaders } from "./view-change/join-view-headers.ts";
import type { DurableView } from "./view-durable.ts";

/** What it follows from. */
export interface CheckpointViewOptions {
  readonly config: Config;
  readonly identity: Pick<Identity, "solo">;
  readonly status: Pick<Status, "current" | "normal">;
  readonly roles: Pick<Roles, "primary">;
  readonly view: Pick<DurableView, "view" | "logView" | "headers" | "setHeaders">;
  readonly log: Pick<LogPosition, "op" | "commitMin" | "commitMax">;
  readonly window: Pick<CheckpointWindow, "opPrepareMax" | "opCheckpointNextTrigger">;
  readonly journal: Pick<Journal, "headerWithOp">;
}

/**
 * What to store of the view with the checkpoint that is about to be written; the headers in memory become the same. Null on
 * a replica that is alone: its head may not be durable.
 */
export function viewAtCheckpoint(options: CheckpointViewOptions): ViewAttributes | null {
  const { identity, view, window } = options;
  if (identity.solo) return null;
  refreshHeaders(options);
  const newest = view.headers[0];
  const trigger = window.opCheckpointNextTrigger;
  assert(newest !== undefined && newest.op >= trigger, () => `view headers from op ${newest?.op}, trigger ${trigger}`);
  return { view: view.view, logView: view.logView, headers: view.headers };
}

function refreshHeaders(options: CheckpointViewOptions): void {
  const { config, status, roles, view, log, window, journal } = options;
  if (status.current === "view_change" && view.logView === view.view) {
    // A primary that repairs: its list may have gaps, and some of the older ops in it may be cut off by now.
    const { pipelinePrepareQueueMax } = config.cluster;
    const { op, commitMax } = log;
    const left = { journal, op, commitMax, viewHeaders: view.headers, primaryRepairing: true, pipelinePrepareQueueMax };
    return view.setHeaders("joinView", joinViewHeaders(left));
  }
  if ((view.headers[0]?.op ?? 0) >= window.opCheckpointNextTrigger) return;
  assert(status.normal, () => `a checkpoint in status ${status.current} beyond the headers that were promised`);
  const opMax = roles.primary ? log.op : log.commitMin;
  view.setHeaders("view", viewHeadersOfLog(config, journal, { opMax, opPrepareMax: window.opPrepareMax }));
}
