/**
 * Reversible maps from ascending indexes to ids (spec 07 §22.3): the order of the ids stresses the store in different
 * ways, while a test can still tell the index from an id.
 *
 * @module
 */
import { assert } from "@stagbeetle/kernels";
import { Random } from "@stagbeetle/vsr-protocol";
import { U64_MAX } from "../lanes/u64.ts";
import { U128_MAX } from "../lanes/u128.ts";

/** Which map. Indexes are u64, ids u128. */
export type IdPermutation =
  | { readonly kind: "identity" }
  | { readonly kind: "inversion" }
  | { readonly kind: "zigzag" }
  | { readonly kind: "random"; readonly seed: bigint };

/** Bits 32 to 95 of a random id hold the index. */
const INDEX_SHIFT = 32n;
const INDEX_MASK: bigint = U64_MAX << INDEX_SHIFT;

/** The id of an index. */
export function idOfIndex(permutation: IdPermutation, index: bigint): bigint {
  assert(index >= 0n && index <= U64_MAX, () => `not an index: ${index}`);
  switch (permutation.kind) {
    case "identity":
      return index;
    case "inversion":
      return U128_MAX - index;
    case "zigzag":
      return index % 2n === 0n ? index : U128_MAX - index - 1n;
    case "random": {
      const noise = new Random(BigInt.asUintN(64, permutation.seed + index)).u128();
      return (noise & ~INDEX_MASK) | (index << INDEX_SHIFT);
    }
  }
}

/** The index of an id that {@link idOfIndex} has made. */
export function indexOfId(permutation: IdPermutation, id: bigint): bigint {
  switch (permutation.kind) {
    case "identity":
      return id;
    case "inversion":
      return U128_MAX - id;
    case "zigzag":
      return id % 2n === 0n ? id : U128_MAX - id - 1n;
    case "random":
      return (id & INDEX_MASK) >> INDEX_SHIFT;
  }
}

/** One of the four, with equal chances. */
export function drawPermutation(random: Random): IdPermutation {
  const kinds = ["identity", "inversion", "zigzag", "random"] as const;
  const kind = kinds[random.index(kinds.length)] ?? "identity";
  return kind === "random" ? { kind, seed: random.u64() } : { kind };
}
