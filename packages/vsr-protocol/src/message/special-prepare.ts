/**
 * Prepare headers that stand for no request (spec 01 §4.26).
 *
 * @module
 */
import { assert } from "@stagbeetle/kernels";
import { Command } from "../command.ts";
import { recordBytes } from "../layout.ts";
import { Operation } from "../operation.ts";
import { Checksums } from "./checksums.ts";
import { HEADER_SIZE_BYTES, initHeader } from "./frame.ts";
import { PREPARE_LAYOUT, PrepareHeader } from "./prepare.ts";

/** Fills in the prepare of op 0, with which every log of the cluster begins. */
export function initRootPrepare(header: PrepareHeader, cluster: bigint, checksums: Checksums): void {
  initHeader(header, Command.prepare, cluster);
  header.operation = Operation.root;
  checksums.setEmptyBody(header);
}

/** The header checksum of the cluster's root prepare. */
export function rootPrepareChecksum(cluster: bigint): bigint {
  const header = new PrepareHeader(new Uint8Array(HEADER_SIZE_BYTES));
  initRootPrepare(header, cluster, new Checksums());
  return header.checksum;
}

/** Fills in the header of an unused slot of the journal. */
export function initReservedPrepare(header: PrepareHeader, cluster: bigint, slot: number, checksums: Checksums): void {
  initHeader(header, Command.prepare, cluster);
  header.op = slot;
  header.operation = Operation.reserved;
  checksums.setEmptyBody(header);
}

/**
 * Fills in the header that marks a gap at `op` in a list of headers: cluster and both checksums are 0, so it is not a
 * valid header of any cluster.
 */
export function initBlankPrepare(header: PrepareHeader, op: number): void {
  initHeader(header, Command.prepare, 0n);
  header.op = op;
}

const blankBytes = new Uint8Array(HEADER_SIZE_BYTES);
initBlankPrepare(new PrepareHeader(blankBytes), 0);

/** Whether all 256 bytes are those of the blank header of the op that they name. */
export function isBlankPrepare(header: PrepareHeader): boolean {
  const bytes = recordBytes(header);
  const opEnd = PREPARE_LAYOUT.op.offset + 8;
  assert(bytes.length === HEADER_SIZE_BYTES, () => `a header of ${bytes.length} bytes`);
  return bytes.every(
    (byte, index) => byte === blankBytes[index] || (index >= PREPARE_LAYOUT.op.offset && index < opEnd),
  );
}
