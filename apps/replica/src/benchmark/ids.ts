/**
 * The ids of accounts and transfers (spec 06 §7.2).
 */
import { randomBytes } from "node:crypto";

import { workload } from "@stagbeetle/state-machine";
import type { Random } from "@stagbeetle/vsr-protocol";

import type { IdOrder } from "../commands/benchmark-flags.ts";

/** Writes ids as four lanes of 32 bits, the lowest first. Indexes are from 0. */
export interface Ids {
  writeAccount(index: number, lanes: Uint32Array, at: number): void;
  writeTransfer(index: number, lanes: Uint32Array, at: number): void;
}

/** An account and a transfer of the same index share their id, unless ids are made by time. */
export function createIds(order: IdOrder, random: Random): Ids {
  switch (order) {
    case "sequential":
      return { writeAccount: writeSequential, writeTransfer: writeSequential };
    case "tbid":
      return new IdsByTime(random.u128());
    case "random":
      return permuted({ kind: "random", seed: random.u64() });
    case "reversed":
      return permuted({ kind: "inversion" });
  }
}

const LANE = 2 ** 32;

/** Without `bigint`: millions of them are made while a server waits. */
function writeSequential(index: number, lanes: Uint32Array, at: number): void {
  lanes[at] = index + 1;
  lanes[at + 1] = Math.floor((index + 1) / LANE);
  lanes[at + 2] = 0;
  lanes[at + 3] = 0;
}

function permuted(permutation: workload.IdPermutation): Ids {
  const write = (index: number, lanes: Uint32Array, at: number): void =>
    writeId(workload.idOfIndex(permutation, BigInt(index + 1)), lanes, at);
  return { writeAccount: write, writeTransfer: write };
}

const LANE_BITS = 32n;
const ID_BITS = 128;

function writeId(id: bigint, lanes: Uint32Array, at: number): void {
  for (let lane = 0; lane < 4; lane += 1) lanes[at + lane] = Number((id >> (LANE_BITS * BigInt(lane))) & 0xffff_ffffn);
}

const RANDOM_BITS = 80n;
const RANDOM_MAX = (1n << RANDOM_BITS) - 1n;
const RANDOM_SIZE_BYTES = 10;

/** Ids as clients make them: milliseconds since 1970, then 80 bits that are random, or follow those before. They ascend. */
class IdsByTime implements Ids {
  readonly #accountStart: bigint;
  #milliseconds = 0n;
  #random = 0n;

  constructor(accountStart: bigint) {
    this.#accountStart = accountStart;
  }

  writeAccount(index: number, lanes: Uint32Array, at: number): void {
    writeId(BigInt.asUintN(ID_BITS, this.#accountStart + BigInt(index)), lanes, at);
  }

  writeTransfer(_index: number, lanes: Uint32Array, at: number): void {
    const now = BigInt(Date.now());
    if (now > this.#milliseconds) this.#begin(now);
    else if (this.#random === RANDOM_MAX) this.#begin(this.#milliseconds + 1n);
    else this.#random += 1n;
    writeId((this.#milliseconds << RANDOM_BITS) | this.#random, lanes, at);
  }

  #begin(milliseconds: bigint): void {
    this.#milliseconds = milliseconds;
    this.#random = BigInt(`0x${randomBytes(RANDOM_SIZE_BYTES).toString("hex")}`);
  }
}
