/**
 * Which of the copies read from disk is the superblock (spec 04 §8).
 *
 * A copy can be damaged, stale (its last write was lost) or in the wrong place (its last write went astray). Copies are
 * counted per content, and only content with enough copies is believed. With 4 copies a write is believed when 3 were
 * read back, and 2 suffice at the next start: 3 + 2 > 4, so whatever was once believed is found again, even if one of
 * its copies is lost.
 *
 * @module
 */
import { assert } from "@stagbeetle/kernels";
import type { Config } from "../config/config.ts";
import type { SuperBlockImage } from "./image.ts";
import { SUPERBLOCK_VERSION } from "./layout.ts";
import { successionInvalid, superblockInvalid, vsrStateMonotonic } from "./vsr-state.ts";

/** What the copies were read for: to check a write, or to start. */
export type QuorumPurpose = "verify" | "open";

/** Why no copy can be believed. */
export type QuorumFault =
  | "notFound"
  | "quorumLost"
  | "versionUnknown"
  | "fork"
  | "parentSkipped"
  | "parentNotConnected"
  | "vsrStateInvalid"
  | "vsrStateNotMonotonic";

/** The copy index found in each slot, or null where the slot does not add a copy of the chosen superblock. */
export type QuorumSlots = readonly (number | null)[];

/** The outcome: the superblock with where its copies were found, or why there is none. */
export type QuorumResult =
  | {
      readonly kind: "chosen";
      readonly image: SuperBlockImage;
      readonly slots: QuorumSlots;
      readonly warnings: readonly string[];
    }
  | {
      readonly kind: "fault";
      readonly fault: QuorumFault;
      readonly detail: string;
      readonly warnings: readonly string[];
    };

/** All copies with one content. */
interface Group {
  readonly image: SuperBlockImage;
  readonly slots: (number | null)[];
  readonly copies: Set<number>;
}

/** How many copies of one content are believed: of 4, 6 or 8. `verify + open = copies + 1`. */
export function quorumThreshold(superblockCopies: number, purpose: QuorumPurpose): number {
  assert(
    superblockCopies === 4 || superblockCopies === 6 || superblockCopies === 8,
    () => `${superblockCopies} copies`,
  );
  const open = superblockCopies / 2;
  return purpose === "open" ? open : open + 1;
}

/**
 * Chooses among the copies, of which `copies[slot]` was read from slot `slot`. Safe on any bytes.
 *
 * Nothing is copied: the chosen image is one of the given ones.
 */
export function selectQuorum(config: Config, copies: readonly SuperBlockImage[], purpose: QuorumPurpose): QuorumResult {
  assert(copies.length === config.cluster.superblockCopies, () => `${copies.length} copies`);
  const threshold = quorumThreshold(copies.length, purpose);
  const groups = countCopies(copies);
  groups.sort((left, right) => compareGroups(left, right, threshold));
  const best = groups[0];
  const warnings: string[] = [];
  if (best === undefined) return { kind: "fault", fault: "notFound", detail: "no copy is valid", warnings };
  if (best.copies.size < threshold) {
    const detail = `${best.copies.size} of ${threshold} copies of sequence ${best.image.header.sequence}`;
    return { kind: "fault", fault: "quorumLost", detail, warnings };
  }
  const version = best.image.header.version;
  if (version !== SUPERBLOCK_VERSION) {
    return {
      kind: "fault",
      fault: "versionUnknown",
      detail: `version ${version}, not ${SUPERBLOCK_VERSION}`,
      warnings,
    };
  }
  const invalid = superblockInvalid(config, best.image);
  if (invalid !== null) return { kind: "fault", fault: "vsrStateInvalid", detail: invalid, warnings };
  for (const other of groups.slice(1)) {
    const relation = relate(config, other.image, best.image);
    if (relation.kind === "foreign") warnings.push(relation.detail);
    if (relation.kind === "parent") break;
    if (relation.kind === "fault") return { ...relation, warnings };
  }
  return { kind: "chosen", image: best.image, slots: best.slots, warnings };
}

function countCopies(copies: readonly SuperBlockImage[]): Group[] {
  const groups = new Map<bigint, Group>();
  for (const [slot, image] of copies.entries()) {
    if (!image.checksumValid()) continue;
    const checksum = image.header.checksum;
    let group = groups.get(checksum);
    if (group === undefined) {
      group = { image, slots: copies.map(() => null), copies: new Set() };
      groups.set(checksum, group);
    }
    assert(group.image.contentEquals(image), () => `two superblocks have the checksum ${checksum}`);
    countCopy(group, slot, image.header.copy);
  }
  return [...groups.values()];
}

function countCopy(group: Group, slot: number, copy: number): void {
  if (copy >= group.slots.length) {
    // The copy number is not checksummed: it is taken to be all that is damaged.
    group.slots[slot] = slot;
    group.copies.add(slot);
  } else if (!group.copies.has(copy)) {
    group.slots[slot] = copy;
    group.copies.add(copy);
  }
}

/** Best first: enough copies, then the newest, then the most copies; the checksum only makes the order total. */
function compareGroups(left: Group, right: Group, threshold: number): number {
  const valid = Number(right.copies.size >= threshold) - Number(left.copies.size >= threshold);
  if (valid !== 0) return valid;
  const sequence = right.image.header.sequence - left.image.header.sequence;
  if (sequence !== 0) return sequence;
  const count = right.copies.size - left.copies.size;
  if (count !== 0) return count;
  assert(left.image.header.checksum !== right.image.header.checksum, "groups differ in their checksum");
  return left.image.header.checksum > right.image.header.checksum ? -1 : 1;
}

type Relation =
  | { readonly kind: "unrelated" }
  | { readonly kind: "parent" }
  | { readonly kind: "foreign"; readonly detail: string }
  | { readonly kind: "fault"; readonly fault: QuorumFault; readonly detail: string };

/** What another superblock found in the zone says about the best one. */
function relate(config: Config, other: SuperBlockImage, best: SuperBlockImage): Relation {
  const [a, b] = [other.header, best.header];
  if (a.cluster !== b.cluster) return { kind: "foreign", detail: `a copy belongs to cluster ${a.cluster}` };
  if (other.vsrState.replicaId !== best.vsrState.replicaId)
    return { kind: "foreign", detail: `a copy belongs to replica_id ${other.vsrState.replicaId}` };
  if (a.sequence === b.sequence)
    return { kind: "fault", fault: "fork", detail: `two superblocks have sequence ${b.sequence}` };
  if (a.sequence > b.sequence + 1) {
    return {
      kind: "fault",
      fault: "parentSkipped",
      detail: `sequence ${a.sequence} was written, but only ${b.sequence} has a quorum`,
    };
  }
  if (a.sequence + 1 !== b.sequence) return { kind: "unrelated" };
  if (a.checksum !== b.parent) {
    return {
      kind: "fault",
      fault: "parentNotConnected",
      detail: `sequence ${a.sequence} is not the parent of ${b.sequence}`,
    };
  }
  const invalid = superblockInvalid(config, other) ?? successionInvalid(other, best);
  if (invalid !== null) return { kind: "fault", fault: "vsrStateInvalid", detail: invalid };
  if (vsrStateMonotonic(other, best)) return { kind: "parent" };
  return {
    kind: "fault",
    fault: "vsrStateNotMonotonic",
    detail: `sequence ${b.sequence} goes back behind ${a.sequence}`,
  };
}

/**
 * The copy to write next, into the slot of the same number, so that every slot gets its own copy; null when done.
 *
 * A write endangers the slot that it goes to. So first come slots whose loss costs nothing and whose copy exists
 * nowhere, then those whose copy exists elsewhere, then those that hold a copy which another slot holds as well. A copy
 * that is in the wrong slot but nowhere else stays where it is (spec 04 §8.3).
 */
export function repairNext(slots: QuorumSlots): number | null {
  const holders = (copy: number): number => slots.filter((found) => found === copy).length;
  const last = (matches: (slot: number) => boolean): number | null => {
    for (let slot = slots.length - 1; slot >= 0; slot--) if (matches(slot)) return slot;
    return null;
  };
  const missingEverywhere = last((slot) => slots[slot] === null && holders(slot) === 0);
  const missingHere = last((slot) => slots[slot] === null && holders(slot) > 0);
  const next = missingEverywhere ?? missingHere ?? last((slot) => holdsDuplicate(slot));
  assert(next !== null || slots.every((found) => found !== null), "no slot stays empty");
  return next;

  function holdsDuplicate(slot: number): boolean {
    const found = slots[slot];
    return typeof found === "number" && found !== slot && holders(found) > 1;
  }
}
