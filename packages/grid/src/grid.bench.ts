/**
 * How long the parts of the grid take that run for every look-up, every block and every checkpoint.
 *
 * @module
 */
import { LinearMemory } from "@stagbeetle/kernels";
import type { Bench } from "tinybench";

import { GridHarness } from "../test/grid-harness.ts";
import { encodeEwah, ewahEncodeSizeMax } from "./ewah.ts";
import { FreeSet } from "./free-set/free-set.ts";
import { Hash64 } from "./hash64.ts";

const MIB = 1024 * 1024;
/** As many blocks as 16 TiB have room for. */
const BLOCKS_MAX = 33_550_000;

function addCache(bench: Bench): void {
  const grid = GridHarness.open();
  const references = Array.from({ length: 50 }, (_, index) => grid.written(index + 1));
  let next = 0;
  bench.add("readBlockFromCache: hit", () => {
    next = (next + 1) % references.length;
    const { address, checksum } = references[next] ?? { address: 1, checksum: 0n };
    grid.grid.readBlockFromCache(address, checksum);
  });
  bench.add("readBlockFromCache: miss", () => {
    next = (next + 1) % references.length;
    grid.grid.readBlockFromCache(next + 1000, 1n);
  });
  const hash = new Hash64();
  bench.add("hash of an address", () => {
    next += 1;
    hash.set(0, next);
  });
}

function addFreeSet(bench: Bench): void {
  const memory = new LinearMemory({ sizeBytes: 32 * MIB, shared: false });
  const set = new FreeSet({ memory, blocksMax: BLOCKS_MAX });
  const nothing = new Uint32Array(0);
  set.open({ acquired: nothing, released: nothing, acquiredTrailerAddresses: [], releasedTrailerAddresses: [] });
  set.markCheckpointDurable();
  const fill = set.reserve(1_000_000);
  if (fill === null) throw new Error("there is room");
  while (set.acquire(fill) !== null);
  set.forfeit(fill);
  for (let address = 1; address <= 1_000_000; address += 3) set.release(address);
  bench.add("reserve and forfeit 100 blocks behind 1 M acquired ones", () => {
    const reservation = set.reserve(100);
    if (reservation !== null) set.forfeit(reservation);
  });
  const target = new Uint32Array(ewahEncodeSizeMax(Math.ceil(BLOCKS_MAX / 64)) / 4);
  bench.add("encode 1 M acquired blocks (one run)", () => void set.encodeAcquired(target));
  bench.add("encode 333 k released blocks (all literals)", () => void set.encodeReleased(target));
  const words = new Uint32Array(2 * 16_384).map((_, index) => (index % 4 < 2 ? 0x5555_5555 : 0));
  bench.add("encode 16 k words, half of them zero", () => void encodeEwah(words, target));
}

/** Adds the measurements. */
export default function add(bench: Bench): void {
  addCache(bench);
  addFreeSet(bench);
}
