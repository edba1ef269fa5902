/**
 * The members of a cluster: the ids of its replicas and standbys in ring order (spec 01 §3.9, 03 §2.5, 04 §6.4).
 *
 * @module
 */
import { assert, checksumOf } from "@stagbeetle/kernels";
import type { ClusterConfig } from "./config/config.ts";
import { clusterConfigChecksum, MEMBERS_MAX } from "./config/derive.ts";
import { writeU128 } from "./layout.ts";

/** Ids (u128) by index, always `MEMBERS_MAX` of them: first the active replicas, then the standbys, then zeros. */
export type Members = readonly bigint[];

const SEED_SIZE_BYTES = 16 + 16 + 1;

/**
 * The ids that a new data file contains, whatever the number of replicas: each the checksum of the cluster's constants,
 * its id and the index.
 */
export function rootMembers(config: ClusterConfig, cluster: bigint): Members {
  const seed = new Uint8Array(SEED_SIZE_BYTES);
  const view = new DataView(seed.buffer);
  writeU128(view, 0, clusterConfigChecksum(config));
  writeU128(view, 16, cluster);
  const members: bigint[] = [];
  for (let index = 0; index < MEMBERS_MAX; index++) {
    view.setUint8(32, index);
    members.push(checksumOf(seed));
  }
  assert(validMembers(members), () => `the ids of cluster ${cluster} collide`);
  return members;
}

/** Whether all ids that are not zero differ, and zeros only trail. */
export function validMembers(members: Members): boolean {
  assert(members.length === MEMBERS_MAX, () => `${members.length} members`);
  const used = memberCount(members);
  const ids = members.slice(0, used);
  return new Set(ids).size === used && members.slice(used).every((id) => id === 0n);
}

/** How many ids precede the first zero. */
export function memberCount(members: Members): number {
  const end = members.indexOf(0n);
  return end === -1 ? members.length : end;
}

/** The index of the replica or standby with this id, or null. Indexes from `replica_count` on are standbys. */
export function memberIndex(members: Members, id: bigint): number | null {
  assert(id !== 0n, "zero is no id");
  const index = members.indexOf(id);
  return index === -1 ? null : index;
}
