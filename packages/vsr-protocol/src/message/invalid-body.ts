/**
 * Whether the body of a message from another replica makes sense (spec 01 §4.5, §4.15, §4.20, §4.22, §4.24).
 *
 * The reference trusts its peers and asserts these; a peer that is wrong must not end this process, so here they are data.
 *
 * @module
 */
import { BLOCK_REQUEST_SIZE_BYTES, BlockRequest, blockRequestReservedZero } from "../body/block-request.ts";
import { RECONFIGURATION_REQUEST_SIZE_BYTES } from "../body/reconfiguration.ts";
import { REGISTER_REQUEST_SIZE_BYTES, RegisterRequest } from "../body/register.ts";
import { invalidUpgradeRequest, UPGRADE_REQUEST_SIZE_BYTES, UpgradeRequest } from "../body/upgrade-request.ts";
import { Command } from "../command.ts";
import type { Config } from "../config/config.ts";
import { isSafeU64 } from "../layout.ts";
import { Operation } from "../operation.ts";
import { readReleaseList, RELEASE_SIZE_BYTES, releaseListValid } from "../release.ts";
import type { Checksums } from "./checksums.ts";
import { type Header, HEADER_SIZE_BYTES } from "./frame.ts";
import { invalidHeader } from "./invalid.ts";
import type { Message } from "./message.ts";
import { PingHeader } from "./ping.ts";
import { PREPARE_LAYOUT, PrepareHeader } from "./prepare.ts";
import { isBlankPrepare } from "./special-prepares.ts";
import { CHECKPOINT_STATE_SIZE_BYTES } from "./view.ts";

/**
 * Why the body of a message whose header and checksums are valid is invalid, or null if it is not. Looks at the bodies that
 * replicas send each other about the protocol itself: lists of releases, headers and blocks, and the operations that replicas
 * execute themselves. All others pass.
 */
export function invalidBody(message: Message, config: Config, checksums: Checksums): string | null {
  switch (message.header.command) {
    case Command.ping:
      return invalidPingBody(message.as(PingHeader), message.body(), config);
    case Command.prepare:
      return invalidPrepareBody(message.as(PrepareHeader), message.body(), config);
    case Command.getBlocks:
      return invalidGetBlocksBody(message.body());
    case Command.headers:
      return invalidHeaderList(message, message.body(), config, checksums, config.derived.getHeadersMax, "gaps");
    case Command.joinView:
      return invalidHeaderList(message, message.body(), config, checksums, config.derived.viewHeadersMax, "blanks");
    case Command.view: {
      const headers = message.body().subarray(CHECKPOINT_STATE_SIZE_BYTES);
      return invalidHeaderList(message, headers, config, checksums, config.derived.viewHeadersMax, "gaps");
    }
    default:
      return null;
  }
}

function invalidPingBody(header: PingHeader, body: Uint8Array, config: Config): string | null {
  const releases = readReleaseList(body, header.releaseCount);
  if (!releaseListValid(releases, config.cluster.vsrReleasesMax)) return "the releases are not strictly increasing";
  if (!releases.includes(header.release)) return "the sender's release is not among its releases";
  if (body.subarray(header.releaseCount * RELEASE_SIZE_BYTES).some((byte) => byte !== 0)) {
    return "the bytes behind the releases are not zero";
  }
  return null;
}

/** The bodies that a replica reads when it executes the op: a header alone says nothing of their size. */
function invalidPrepareBody({ operation }: PrepareHeader, body: Uint8Array, config: Config): string | null {
  switch (operation) {
    case Operation.register:
      return invalidPreparedRegister(body, config);
    case Operation.reconfigure:
      return body.length === RECONFIGURATION_REQUEST_SIZE_BYTES ? null : "the body of reconfigure is not 256 bytes";
    case Operation.upgrade:
      if (body.length !== UPGRADE_REQUEST_SIZE_BYTES) return "the body of upgrade is not 16 bytes";
      return invalidUpgradeRequest(new UpgradeRequest(body));
    default:
      return null;
  }
}

/** The primary has filled in its limit, which is within what the cluster was made for (spec 01 §5.1). */
function invalidPreparedRegister(body: Uint8Array, config: Config): string | null {
  if (body.length !== REGISTER_REQUEST_SIZE_BYTES) return "the body of register is not 256 bytes";
  const { batchSizeLimit } = new RegisterRequest(body);
  if (batchSizeLimit === 0) return "batch_size_limit is 0";
  return batchSizeLimit > config.derived.messageBodySizeMax ? "batch_size_limit is more than a message holds" : null;
}

function invalidGetBlocksBody(body: Uint8Array): string | null {
  for (let at = 0; at < body.length; at += BLOCK_REQUEST_SIZE_BYTES) {
    const request = new BlockRequest(body, at);
    if (!blockRequestReservedZero(request)) return "the reserved bytes of a block request are not zero";
    if (!isSafeU64(request.dataView, request.offset + BlockRequest.layout.blockAddress.offset)) {
      return "block_address is above 2^53 - 1";
    }
  }
  return null;
}

/** How a list of headers says that a header is not there: it is skipped, or a blank one takes its place. */
type Missing = "gaps" | "blanks";

function invalidHeaderList(
  message: Message,
  list: Uint8Array,
  config: Config,
  checksums: Checksums,
  headersMax: number,
  missing: Missing,
): string | null {
  const count = list.length / HEADER_SIZE_BYTES;
  if (count < 1) return "there are no headers";
  if (count > headersMax) return "there are too many headers";
  let opAbove: number | null = null;
  for (let index = 0; index < count; index += 1) {
    const header = new PrepareHeader(list, index * HEADER_SIZE_BYTES);
    const reason = invalidListed(message.header, header, config, checksums, missing);
    if (reason !== null) return reason;
    if (opAbove !== null && header.op >= opAbove) return "the ops of the headers do not descend";
    if (opAbove !== null && missing === "blanks" && header.op + 1 !== opAbove) {
      return "the ops of the headers are not consecutive";
    }
    opAbove = header.op;
  }
  return null;
}

function invalidListed(
  carrier: Header,
  header: PrepareHeader,
  config: Config,
  checksums: Checksums,
  missing: Missing,
): string | null {
  if (missing === "blanks" && isBlankPrepare(header)) {
    const opSafe = isSafeU64(header.dataView, header.offset + PREPARE_LAYOUT.op.offset);
    return opSafe ? null : "op is above 2^53 - 1";
  }
  if (!checksums.valid(header)) return "the checksum of a header is wrong";
  if (header.command !== Command.prepare) return "a header is not that of a prepare";
  if (header.operation === Operation.reserved) return "a header is that of an unused slot";
  if (header.cluster !== carrier.cluster) return "a header is of another cluster";
  if (header.view > carrier.view) return "a header is of a newer view than the message";
  return invalidHeader(header, config);
}
