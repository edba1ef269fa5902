/**
 * One superblock in memory, with views of all its parts.
 *
 * @module
 */
import { assert, checksumOf } from "@stagbeetle/kernels";
import type { CheckpointIds } from "../checkpoint.ts";
import type { Config } from "../config/config.ts";
import { MEMBERS_MAX, SUPERBLOCK_HEADER_SIZE_BYTES } from "../config/derive.ts";
import { readU128, recordBytes, writeU128 } from "../layout.ts";
import type { Members } from "../members.ts";
import { HEADER_SIZE_BYTES } from "../message/frame.ts";
import { PrepareHeader } from "../message/prepare.ts";
import type { ViewChangeSlice } from "../view-headers.ts";
import {
  CheckpointState,
  SUPERBLOCK_CHECKSUMMED_OFFSET,
  SUPERBLOCK_LAYOUT,
  SuperBlockHeader,
  VSR_STATE_LAYOUT,
  VSRState,
} from "./layout.ts";

const VSR_STATE_OFFSET = SUPERBLOCK_LAYOUT.vsrState.offset;
const VIEW_HEADERS_OFFSET = SUPERBLOCK_LAYOUT.viewHeaders.offset;

/** The views of the 8192 bytes of a superblock copy. Makes no claim about their validity: they may be anything. */
export class SuperBlockImage {
  /** The whole copy: 8192 bytes. */
  readonly bytes: Uint8Array;
  readonly header: SuperBlockHeader;
  readonly vsrState: VSRState;
  readonly checkpoint: CheckpointState;
  /** The prepare at which the checkpoint was taken. */
  readonly checkpointHeader: PrepareHeader;
  readonly #viewHeaders: ViewChangeSlice;

  /** Views `bytes` (8192 of them); copies nothing. */
  constructor(config: Config, bytes: Uint8Array) {
    assert(bytes.length === SUPERBLOCK_HEADER_SIZE_BYTES, () => `a superblock copy of ${bytes.length} bytes`);
    this.bytes = bytes;
    this.header = new SuperBlockHeader(bytes);
    this.vsrState = new VSRState(bytes, VSR_STATE_OFFSET);
    this.checkpoint = new CheckpointState(bytes, VSR_STATE_OFFSET);
    this.checkpointHeader = new PrepareHeader(bytes, VSR_STATE_OFFSET);
    const viewHeaders: PrepareHeader[] = [];
    for (let index = 0; index < config.derived.viewHeadersMax; index++) {
      viewHeaders.push(new PrepareHeader(bytes, VIEW_HEADERS_OFFSET + index * HEADER_SIZE_BYTES));
    }
    this.#viewHeaders = viewHeaders;
  }

  /** The view headers that are in use, highest op first. At most `view_headers_max`, whatever the count says. */
  viewHeaders(): ViewChangeSlice {
    return this.#viewHeaders.slice(0, this.header.viewHeadersCount);
  }

  /** Replaces the view headers, whose bytes must not be this image's own, and zeroes the unused entries. */
  setViewHeaders(headers: ViewChangeSlice): void {
    assert(headers.length <= this.#viewHeaders.length, () => `${headers.length} view headers`);
    this.bytes.fill(0, VIEW_HEADERS_OFFSET);
    for (const [index, header] of headers.entries()) {
      assert(header.buffer !== this.bytes, "view headers are copied from elsewhere");
      this.bytes.set(recordBytes(header), VIEW_HEADERS_OFFSET + index * HEADER_SIZE_BYTES);
    }
    this.header.viewHeadersCount = headers.length;
  }

  /** The 12 ids. */
  members(): Members {
    const members: bigint[] = [];
    for (let index = 0; index < MEMBERS_MAX; index++) {
      members.push(readU128(this.vsrState.dataView, memberOffset(index)));
    }
    return members;
  }

  /** Replaces the 12 ids. */
  setMembers(members: Members): void {
    assert(members.length === MEMBERS_MAX, () => `${members.length} members`);
    for (const [index, id] of members.entries()) writeU128(this.vsrState.dataView, memberOffset(index), id);
  }

  /** The id of the checkpoint: the checksum of its 1024 bytes. */
  checkpointId(): bigint {
    return checksumOf(recordBytes(this.checkpoint));
  }

  /** All that `checkpointIdForOp` asks for. */
  checkpointIds(): CheckpointIds {
    return {
      op: this.checkpointHeader.op,
      id: this.checkpointId(),
      parentId: this.checkpoint.parentCheckpointId,
      grandparentId: this.checkpoint.grandparentCheckpointId,
    };
  }

  /** The checksum that this content must have: of the bytes from 34 on. */
  computeChecksum(): bigint {
    return checksumOf(this.bytes.subarray(SUPERBLOCK_CHECKSUMMED_OFFSET));
  }

  /** Whether the content is what was once written, somewhere, as one copy of a superblock. */
  checksumValid(): boolean {
    return this.header.checksumPadding === 0n && this.header.checksum === this.computeChecksum();
  }

  /** Whether both have the same content, whatever their copy numbers. */
  contentEquals(other: SuperBlockImage): boolean {
    return bytesEqual(
      this.bytes.subarray(SUPERBLOCK_CHECKSUMMED_OFFSET),
      other.bytes.subarray(SUPERBLOCK_CHECKSUMMED_OFFSET),
    );
  }

  /** Whether both have the same checkpoint, byte for byte. */
  checkpointEquals(other: SuperBlockImage): boolean {
    return bytesEqual(this.vsrState.checkpoint, other.vsrState.checkpoint);
  }

  /** Takes over all bytes of another image. */
  copyFrom(other: SuperBlockImage): void {
    this.bytes.set(other.bytes);
  }
}

function memberOffset(index: number): number {
  return VSR_STATE_OFFSET + VSR_STATE_LAYOUT.members.offset + index * 16;
}

/** Whether two byte ranges of one size are equal. */
export function bytesEqual(left: Uint8Array, right: Uint8Array): boolean {
  assert(left.length === right.length, () => `${left.length} and ${right.length} bytes`);
  return left.every((byte, index) => byte === right[index]);
}
