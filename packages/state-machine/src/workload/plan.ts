/**
 * What the transfer of an index is going to be (spec 07 §15.5): a function of the seed and the index alone, so that any
 * transfer that a reply contains can be judged without having been kept.
 *
 * @module
 */
import { Random } from "@stagbeetle/vsr-protocol";
import type { WorkloadOptions } from "./options.ts";

/** How a transfer moves money. */
export type TransferMethod = "single_phase" | "pending" | "post" | "void";

/** The plan of one transfer. */
export interface TransferPlan {
  readonly method: TransferMethod;
  /** If not, the transfer is refused for its ledger. */
  readonly valid: boolean;
  /** Whether at least one of its accounts has a limit, so that it may be refused. */
  readonly limit: boolean;
}

/** Whether the transfer exists once its request was answered. */
export type TransferOutcome = "success" | "failure" | "unknown";

/** The plan of the transfer with this index. */
export function planOf(options: WorkloadOptions, index: bigint): TransferPlan {
  const random = new Random(BigInt.asUintN(64, options.transferPlanSeed ^ index));
  return {
    method: drawMethod(options, random),
    valid: !random.chance(options.createTransferInvalid, 100),
    limit: random.chance(options.createTransferLimit, 100),
  };
}

function drawMethod(options: WorkloadOptions, random: Random): TransferMethod {
  if (random.chance(options.createTransferPending, 100)) return "pending";
  if (random.chance(options.createTransferPost, 100)) return "post";
  if (random.chance(options.createTransferVoid, 100)) return "void";
  return "single_phase";
}

/** What is known beforehand about the transfer of a plan. */
export function outcomeOf(plan: TransferPlan): TransferOutcome {
  if (!plan.valid) return "failure";
  if (plan.limit) return "unknown";
  return plan.method === "single_phase" || plan.method === "pending" ? "success" : "unknown";
}
