/**
 * Logs for tests: chains of prepares, and the entries of them.
 */
import {
  Checksums,
  Command,
  HEADER_SIZE_BYTES,
  initHeader,
  type Message,
  type MessagePool,
  PrepareHeader,
  releaseOf,
  rootPrepareChecksum,
} from "@stagbeetle/vsr-protocol";
import { AOF_MAGIC_NUMBER, AOF_MAGIC_SIZE_BYTES } from "../src/index.ts";

/** The release of the clients of a log, unless it says otherwise. */
export const RELEASE: number = releaseOf(0, 17, 9);

const CLUSTER = 7n;
const checksums = new Checksums();

/** What a prepare is made with. */
export interface PrepareFields {
  readonly op: number;
  readonly parent: bigint;
  readonly cluster?: bigint;
  readonly view?: number;
  readonly operation?: number;
  readonly timestamp?: bigint;
  readonly release?: number;
  readonly body?: Uint8Array;
}

/** A prepare, header and body, with checksums that are right. */
export function prepareOf(fields: PrepareFields): Uint8Array {
  const { op, parent, cluster = CLUSTER, view = 1, operation = 147, timestamp, release = RELEASE } = fields;
  const body = fields.body ?? Uint8Array.of(op & 0xff, view & 0xff);
  const bytes = new Uint8Array(HEADER_SIZE_BYTES + body.length);
  bytes.set(body, HEADER_SIZE_BYTES);
  const header = new PrepareHeader(bytes);
  initHeader(header, Command.prepare, cluster);
  // The cluster's own operations have no client, and only requests have a number.
  const request = operation >= 128 || operation === 6 ? op : 0;
  Object.assign(header, { size: bytes.length, view, release, parent, op, operation, request });
  header.client = operation === 4 || operation === 5 ? 0n : 0x51n;
  header.timestamp = timestamp ?? BigInt(op) * 1000n;
  header.commit = op - 1;
  checksums.setBody(header, body);
  checksums.set(header);
  return bytes;
}

/** A chain from op 1 on: one prepare for each of the fields, which may leave out what the place in the chain says. */
export function chain(all: readonly Partial<PrepareFields>[], cluster: bigint = CLUSTER): Uint8Array[] {
  let parent = rootPrepareChecksum(cluster);
  return all.map((fields, index) => {
    const prepare = prepareOf({ op: index + 1, parent, cluster, ...fields });
    parent = new PrepareHeader(prepare).checksum;
    return prepare;
  });
}

/** A chain of so many prepares. */
export function chainOf(count: number): Uint8Array[] {
  return chain(Array.from({ length: count }, () => ({})));
}

/** The entry of a prepare, made without the code under test. */
export function entryOf(prepare: Uint8Array): Uint8Array {
  const bytes = new Uint8Array(AOF_MAGIC_SIZE_BYTES + prepare.length);
  const view = new DataView(bytes.buffer);
  view.setBigUint64(0, BigInt.asUintN(64, AOF_MAGIC_NUMBER), true);
  view.setBigUint64(8, AOF_MAGIC_NUMBER >> 64n, true);
  bytes.set(prepare, AOF_MAGIC_SIZE_BYTES);
  return bytes;
}

/** Pieces of a file, one behind the other. */
export function joined(pieces: readonly Uint8Array[]): Uint8Array {
  const bytes = new Uint8Array(pieces.reduce((sum, piece) => sum + piece.length, 0));
  let at = 0;
  for (const piece of pieces) {
    bytes.set(piece, at);
    at += piece.length;
  }
  return bytes;
}

/** A file of prepares. */
export function fileOf(prepares: readonly Uint8Array[]): Uint8Array {
  return joined(prepares.map(entryOf));
}

/** A prepare as a message of a pool. */
export function messageOf(pool: MessagePool, prepare: Uint8Array): Message {
  const message = pool.acquire();
  message.buffer.set(prepare);
  return message;
}
