/**
 * A groove with an index of every kind, for tests of whatever implements grooves: its declaration, and its objects in memory.
 */
import type { LinearMemory, Pointer } from "@stagbeetle/kernels";
import type { GrooveDeclaration } from "../src/groove/declaration.ts";

/** Objects of 48 bytes: id u128, owner u128, timestamp u64, color u32, due u32. */
export interface Thing {
  readonly id: bigint;
  readonly owner: bigint;
  readonly timestamp: bigint;
  readonly color: number;
  readonly due: number;
}

export const THING_SIZE_BYTES = 48;

const COLOR_LANE = 10;
const DUE_LANE = 11;

/** The groove in the trees 1 to 6, for ops that insert or update so many things at most. */
export function thingsGroove(thingsPerOpMax: number): GrooveDeclaration {
  return {
    name: "things",
    treeId: 1,
    sizeBytes: THING_SIZE_BYTES,
    timestampOffset: 32,
    primaryKey: { index: "id" },
    orphans: true,
    objectCache: true,
    valuesPerBatch: 2 * thingsPerOpMax,
    indexes: [
      {
        name: "id",
        treeId: 2,
        kind: "unique",
        source: { from: "field", offset: 0, sizeBytes: 16, zero: "indexed" },
        valuesPerBatch: thingsPerOpMax,
      },
      {
        name: "owner",
        treeId: 3,
        kind: "u128",
        source: { from: "field", offset: 16, sizeBytes: 16, zero: "indexed" },
        valuesPerBatch: 2 * thingsPerOpMax,
      },
      {
        name: "color",
        treeId: 4,
        kind: "u64",
        source: { from: "field", offset: 40, sizeBytes: 4, zero: "absent" },
        valuesPerBatch: 2 * thingsPerOpMax,
      },
      {
        name: "red",
        treeId: 5,
        kind: "void",
        source: { from: "derived", lanes: [COLOR_LANE], write: (lanes, at) => lanes[at + COLOR_LANE] === 1 },
        valuesPerBatch: 2 * thingsPerOpMax,
      },
      {
        name: "due",
        treeId: 6,
        kind: "u64",
        source: {
          from: "derived",
          lanes: [DUE_LANE],
          write: (lanes, at, out) => {
            out.fill(0);
            out[0] = lanes[at + DUE_LANE] as number;
            return out[0] !== 0;
          },
        },
        valuesPerBatch: 2 * thingsPerOpMax,
      },
    ],
  };
}

/** Memory in lanes of 32 bits: the object at a pointer begins at lane `pointer / 4`. */
type Lanes = Pick<LinearMemory, "u32">;

export function writeThing({ u32 }: Lanes, pointer: Pointer, thing: Thing): void {
  const lane = pointer / 4;
  u32.set(lanesOf(thing.id), lane);
  u32.set(lanesOf(thing.owner), lane + 4);
  u32.set(lanesOf(thing.timestamp).subarray(0, 2), lane + 8);
  u32[lane + COLOR_LANE] = thing.color;
  u32[lane + DUE_LANE] = thing.due;
}

export function readThing({ u32 }: Lanes, pointer: Pointer): Thing {
  const lane = pointer / 4;
  return {
    id: integerOf(u32.subarray(lane, lane + 4)),
    owner: integerOf(u32.subarray(lane + 4, lane + 8)),
    timestamp: integerOf(u32.subarray(lane + 8, lane + 10)),
    color: u32[lane + COLOR_LANE] as number,
    due: u32[lane + DUE_LANE] as number,
  };
}

/** The four lanes of an integer of 128 bits. */
export function lanesOf(value: bigint): Uint32Array {
  return Uint32Array.from([0n, 32n, 64n, 96n], (shift) => Number((value >> shift) & 0xffff_ffffn));
}

/** The integer in lanes, the least significant one first. */
function integerOf(lanes: Uint32Array): bigint {
  return lanes.reduceRight((value, lane) => (value << 32n) | BigInt(lane), 0n);
}
