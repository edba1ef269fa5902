/**
 * Prepare headers that no client caused (spec 01 §4.26, 04 §5.2): the root of every log, an empty slot, a gap.
 *
 * @module
 */
import { assert, checksumOf } from "@stagbeetle/kernels";
import { Command } from "../command.ts";
import { Operation } from "../operation.ts";
import { CHECKSUM_EMPTY } from "./checksums.ts";
import { HEADER_SIZE_BYTES } from "./frame.ts";
import { PrepareHeader } from "./prepare.ts";

const CHECKSUMMED_OFFSET = 16;

/** Writes the prepare of op 0, the same in all replicas of a cluster. */
export function writeRootPrepare(header: PrepareHeader, cluster: bigint): void {
  writeEmptyPrepare(header, cluster, 0, Operation.root);
}

/** The header checksum of the prepare of op 0. */
export function rootPrepareChecksum(cluster: bigint): bigint {
  const header = new PrepareHeader(new Uint8Array(HEADER_SIZE_BYTES));
  writeRootPrepare(header, cluster);
  return header.checksum;
}

/** Writes what an empty slot of the write-ahead log holds. */
export function writeReservedPrepare(header: PrepareHeader, cluster: bigint, slot: number): void {
  writeEmptyPrepare(header, cluster, slot, Operation.reserved);
}

/** Writes the mark of a gap in view headers: an op and nothing else, not even a checksum. */
export function writeBlankPrepare(header: PrepareHeader, op: number): void {
  headerBytes(header).fill(0);
  header.size = HEADER_SIZE_BYTES;
  header.command = Command.prepare;
  header.op = op;
}

/** Whether all 256 bytes are those of a blank header for its own op. */
export function isBlankPrepare(header: PrepareHeader): boolean {
  const bytes = headerBytes(header);
  for (let index = 0; index < HEADER_SIZE_BYTES; index++) {
    if (isBlankVariable(index)) continue;
    if (bytes[index] !== 0) return false;
  }
  return header.size === HEADER_SIZE_BYTES && header.command === Command.prepare;
}

const SIZE_OFFSET = 96;
const COMMAND_OFFSET = 114;
const OP_OFFSET = 224;

/** Whether the byte belongs to size, command or op: all that a blank header says. */
function isBlankVariable(index: number): boolean {
  return (
    (index >= SIZE_OFFSET && index < SIZE_OFFSET + 4) ||
    index === COMMAND_OFFSET ||
    (index >= OP_OFFSET && index < OP_OFFSET + 8)
  );
}

function writeEmptyPrepare(header: PrepareHeader, cluster: bigint, op: number, operation: number): void {
  const bytes = headerBytes(header);
  bytes.fill(0);
  header.checksumBody = CHECKSUM_EMPTY;
  header.cluster = cluster;
  header.size = HEADER_SIZE_BYTES;
  header.command = Command.prepare;
  header.op = op;
  header.operation = operation;
  header.checksum = checksumOf(bytes.subarray(CHECKSUMMED_OFFSET));
  assert(header.checksum !== 0n, "a finished header has a checksum");
}

function headerBytes(header: PrepareHeader): Uint8Array {
  return header.buffer.subarray(header.offset, header.offset + HEADER_SIZE_BYTES);
}
