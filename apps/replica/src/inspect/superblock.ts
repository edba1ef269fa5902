/**
 * `inspect superblock`: all copies of the superblock, field by field (spec 06 §6.5).
 */
import { lines } from "@stagbeetle/command-line";
import { assert } from "@stagbeetle/kernels";
import {
  CHECKPOINT_STATE_LAYOUT,
  Command,
  HEADER_SIZE_BYTES,
  MEMBERS_MAX,
  selectQuorum,
  SUPERBLOCK_LAYOUT,
  VSR_STATE_LAYOUT,
} from "@stagbeetle/vsr-protocol";
import type { Config, SuperBlockImage } from "@stagbeetle/vsr-protocol";

import { groupCopies } from "./groups.ts";
import { bytesLeaf, headerLeaf, layoutLeaves, u128Leaf } from "./leaves.ts";
import type { Leaf } from "./leaves.ts";

const MEMBER_SIZE_BYTES = 16;

/** One value of a field and the copies that have it. */
export interface SuperBlockValue {
  readonly marks: string;
  readonly field: string;
  readonly value: string;
}

/** All copies of the superblock. */
export interface SuperBlockReport {
  /** Why no superblock can be chosen among the copies, or null. */
  readonly fault: string | null;
  /** In the order of the fields; one entry a field where all copies agree. */
  readonly values: readonly SuperBlockValue[];
}

/** @param copies what was read from each slot: anything. */
export function superblockReport(config: Config, copies: readonly SuperBlockImage[]): SuperBlockReport {
  assert(copies.length === config.cluster.superblockCopies, () => `${copies.length} copies`);
  const quorum = selectQuorum(config, copies, "open");
  const valid = copies.map((copy) => copy.checksumValid());
  const values = superblockLeaves(config).flatMap(({ path, offset, sizeBytes, text }) => {
    const fields = copies.map(({ bytes }, copy) => ({
      bytes: bytes.subarray(offset, offset + sizeBytes),
      valid: valid[copy] ?? false,
    }));
    return groupCopies(fields).map(({ marks, bytes }) => ({ marks, field: path, value: text(bytes) }));
  });
  return { fault: quorum.kind === "fault" ? quorum.detail : null, values };
}

/** As the reference prints it. */
export function superblockText({ values }: SuperBlockReport): string {
  return lines(values.map(({ marks, field, value }) => `${marks} ${field}=${value}`));
}

function superblockLeaves(config: Config): readonly Leaf[] {
  return layoutLeaves(SUPERBLOCK_LAYOUT, "", 0, {
    vsrState: vsrStateLeaves,
    viewHeaders: (_, offset) => viewHeaderLeaves(config, offset),
  });
}

function vsrStateLeaves(path: string, offset: number): readonly Leaf[] {
  return layoutLeaves(VSR_STATE_LAYOUT, `${path}.`, offset, { checkpoint: checkpointLeaves, members: memberLeaves });
}

function checkpointLeaves(path: string, offset: number): readonly Leaf[] {
  return layoutLeaves(CHECKPOINT_STATE_LAYOUT, `${path}.`, offset, {
    header: (headerPath, headerOffset) => [headerLeaf(headerPath, headerOffset, Command.prepare)],
  });
}

function memberLeaves(path: string, offset: number): readonly Leaf[] {
  return Array.from({ length: MEMBERS_MAX }, (_, index) =>
    u128Leaf(`${path}[${index}]`, offset + index * MEMBER_SIZE_BYTES),
  );
}

/** As many headers as a view can need, then what is left of the field. */
function viewHeaderLeaves(config: Config, offset: number): readonly Leaf[] {
  const { viewHeadersMax } = config.derived;
  const headers = Array.from({ length: viewHeadersMax }, (_, index) =>
    headerLeaf(`view_headers_all[${index}]`, offset + index * HEADER_SIZE_BYTES, Command.prepare),
  );
  const usedBytes = viewHeadersMax * HEADER_SIZE_BYTES;
  const reserved = bytesLeaf(
    "view_headers_reserved",
    offset + usedBytes,
    SUPERBLOCK_LAYOUT.viewHeaders.size - usedBytes,
  );
  return [...headers, reserved];
}
