/**
 * The body of `reconfigure`: who the cluster shall consist of (spec 01 §5.5, spec 03 §25).
 *
 * @module
 */
import { assert } from "@stagbeetle/kernels";
import { isZero, readU128, recordClass, type RecordClass, type RecordOf } from "../layout.ts";

/** The size of the body of a `reconfigure` in bytes. */
export const RECONFIGURATION_REQUEST_SIZE_BYTES = 256;

/** How many members a cluster can have: 6 replicas and 6 standbys. */
const MEMBERS_MAX = 12;
const REPLICAS_MAX = 6;
const STANDBYS_MAX = 6;
const MEMBER_SIZE_BYTES = 16;

const RECONFIGURATION_REQUEST_LAYOUT = {
  members: { type: "bytes", offset: 0, size: 192 },
  epoch: { type: "u32", offset: 192 },
  replicaCount: { type: "u8", offset: 196 },
  standbyCount: { type: "u8", offset: 197 },
  reserved: { type: "bytes", offset: 198, size: 54 },
  result: { type: "u32", offset: 252 },
} as const;

/** A client's request for another configuration. `result` is 0 in the request; the primary fills it in for the prepare. */
export type ReconfigurationRequest = RecordOf<typeof RECONFIGURATION_REQUEST_LAYOUT>;
export const ReconfigurationRequest: RecordClass<typeof RECONFIGURATION_REQUEST_LAYOUT> = recordClass(
  RECONFIGURATION_REQUEST_SIZE_BYTES,
  RECONFIGURATION_REQUEST_LAYOUT,
);

/** The outcome of a reconfiguration: a u32 in the prepare and the whole body of the reply. */
export const ReconfigurationResult = {
  reserved: 0,
  ok: 1,
  replicaCountZero: 2,
  replicaCountMaxExceeded: 3,
  standbyCountMaxExceeded: 4,
  membersInvalid: 5,
  membersCountInvalid: 6,
  reservedField: 7,
  resultMustBeReserved: 8,
  epochInThePast: 9,
  epochInTheFuture: 10,
  differentReplicaCount: 11,
  differentStandbyCount: 12,
  differentMemberSet: 13,
  configurationApplied: 14,
  configurationConflict: 15,
  configurationIsNoOp: 16,
} as const;
export type ReconfigurationResult = (typeof ReconfigurationResult)[keyof typeof ReconfigurationResult];

/** The configuration that a request is measured against. */
export interface CurrentConfiguration {
  /** The ids of the replicas, then of the standbys: `replicaCount` + `standbyCount` of them. */
  readonly members: readonly bigint[];
  readonly epoch: number;
  readonly replicaCount: number;
  readonly standbyCount: number;
}

/** The result of a request against the current configuration: the first check that fails, in the order of spec 03 §25. */
export function validateReconfiguration(
  request: ReconfigurationRequest,
  current: CurrentConfiguration,
): ReconfigurationResult {
  const count = current.replicaCount + current.standbyCount;
  assert(current.members.length === count, () => `${current.members.length} members for ${count} nodes`);
  return malformed(request) ?? compare(request, current);
}

/** The result for a request that would be wrong in any cluster, or null. */
function malformed(request: ReconfigurationRequest): ReconfigurationResult | null {
  if (request.replicaCount === 0) return ReconfigurationResult.replicaCountZero;
  if (request.replicaCount > REPLICAS_MAX) return ReconfigurationResult.replicaCountMaxExceeded;
  if (request.standbyCount > STANDBYS_MAX) return ReconfigurationResult.standbyCountMaxExceeded;
  const members = leadingMembers(request);
  if (members === null) return ReconfigurationResult.membersInvalid;
  if (members.length !== request.replicaCount + request.standbyCount) return ReconfigurationResult.membersCountInvalid;
  if (!isZero(request, RECONFIGURATION_REQUEST_LAYOUT.reserved)) return ReconfigurationResult.reservedField;
  if (request.result !== ReconfigurationResult.reserved) return ReconfigurationResult.resultMustBeReserved;
  return null;
}

function compare(request: ReconfigurationRequest, current: CurrentConfiguration): ReconfigurationResult {
  if (request.replicaCount !== current.replicaCount) return ReconfigurationResult.differentReplicaCount;
  if (request.standbyCount !== current.standbyCount) return ReconfigurationResult.differentStandbyCount;
  const members = leadingMembers(request);
  assert(members !== null, "the members were valid a moment ago");
  const membersEqual = current.members.every((member, index) => member === members[index]);
  if (request.epoch < current.epoch) return ReconfigurationResult.epochInThePast;
  if (request.epoch === current.epoch) {
    return membersEqual ? ReconfigurationResult.configurationApplied : ReconfigurationResult.configurationConflict;
  }
  if (request.epoch > current.epoch + 1) return ReconfigurationResult.epochInTheFuture;
  if (!current.members.every((member) => members.includes(member))) return ReconfigurationResult.differentMemberSet;
  return membersEqual ? ReconfigurationResult.configurationIsNoOp : ReconfigurationResult.ok;
}

/** The member ids of a request, or null if two are equal or a zero is not trailing. */
function leadingMembers(request: ReconfigurationRequest): readonly bigint[] | null {
  const slots = Array.from({ length: MEMBERS_MAX }, (_, index) =>
    readU128(request.dataView, request.offset + index * MEMBER_SIZE_BYTES),
  );
  const members = slots.filter((id) => id !== 0n);
  const zerosTrail = slots.slice(members.length).every((id) => id === 0n);
  return zerosTrail && new Set(members).size === members.length ? members : null;
}
