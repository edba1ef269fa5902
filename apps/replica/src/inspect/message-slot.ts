/**
 * `inspect wal --slot` and `inspect replies --slot`: all that one slot holds (spec 06 §6.6, §6.7).
 */
import { lines } from "@stagbeetle/command-line";
import {
  BlockType,
  clientSessionsTrailer,
  Command,
  describeHeader,
  Header,
  headerFields,
  HEADER_SIZE_BYTES,
  PrepareHeader,
  ReplyHeader,
  SECTOR_SIZE_BYTES,
  sectorFloor,
} from "@stagbeetle/vsr-protocol";
import type { CheckpointState } from "@stagbeetle/vsr-protocol";

import { messageValid } from "./data-file-reader.ts";
import type { DataFileReader } from "./data-file-reader.ts";
import { groupCopies } from "./groups.ts";
import type { Copy } from "./groups.ts";
import { InspectError } from "./inspect-error.ts";
import { bodyLines, bodyReport } from "./message-body.ts";
import type { BodyKind, BodyReport } from "./message-body.ts";
import { readTrailer } from "./trailer.ts";

/** One header of a slot, and which of its two places have it. */
export interface SlotHeader {
  readonly marks: string;
  /** In the reference's form. */
  readonly header: string;
  readonly fields: Readonly<Record<string, string>>;
}

/** One slot. */
export interface MessageSlotReport {
  readonly slot: number;
  readonly headers: readonly SlotHeader[];
  /** What the body is of. */
  readonly kind: BodyKind;
  readonly body: BodyReport;
  /** Whether the message is what was once written. */
  readonly valid: boolean;
}

/** One slot of the write-ahead log: the redundant header, the prepare, and its events. */
export async function walSlotReport(reader: DataFileReader, slot: number): Promise<MessageSlotReport> {
  const { checksums } = reader;
  const offset = slot * HEADER_SIZE_BYTES;
  const sector = await reader.read("walHeaders", sectorFloor(offset), SECTOR_SIZE_BYTES);
  const redundant = sector.slice(offset % SECTOR_SIZE_BYTES, (offset % SECTOR_SIZE_BYTES) + HEADER_SIZE_BYTES);
  const prepare = await reader.readMessage("walPrepares", slot, PrepareHeader);
  const first = { bytes: redundant, valid: checksums.valid(new PrepareHeader(redundant)) };
  return slotReport(reader, slot, first, prepare, "events");
}

/**
 * One slot of the client replies: the header in the checkpoint's session, the reply, and its results.
 *
 * @throws InspectError if the sessions cannot be read, or if there are none.
 */
export async function replySlotReport(
  reader: DataFileReader,
  checkpoint: CheckpointState,
  slot: number,
): Promise<MessageSlotReport> {
  const sessions = await readTrailer(reader, clientSessionsTrailer(checkpoint), BlockType.clientSessions);
  if (sessions.fault !== null) throw new InspectError(`client sessions: ${sessions.fault}`);
  if (sessions.bytes.length === 0) throw new InspectError("no client sessions");
  const session = sessions.bytes.slice(slot * HEADER_SIZE_BYTES, (slot + 1) * HEADER_SIZE_BYTES);
  const reply = await reader.readMessage("clientReplies", slot, ReplyHeader);
  const first = { bytes: session, valid: reader.checksums.valid(new Header(session)) };
  return slotReport(reader, slot, first, reply, "results");
}

function slotReport(
  { checksums }: DataFileReader,
  slot: number,
  first: Copy,
  message: Uint8Array,
  kind: BodyKind,
): MessageSlotReport {
  const command = kind === "events" ? Command.prepare : Command.reply;
  const header = kind === "events" ? new PrepareHeader(message) : new ReplyHeader(message);
  const valid = messageValid(header, message, checksums);
  const groups = groupCopies([first, { bytes: message.slice(0, HEADER_SIZE_BYTES), valid }]);
  // A damaged header can claim any size.
  const end = Math.max(HEADER_SIZE_BYTES, Math.min(header.size, message.length));
  return {
    slot,
    headers: groups.map(({ marks, bytes }) => ({
      marks,
      header: describeHeader(new Header(bytes), command),
      fields: Object.fromEntries(headerFields(new Header(bytes), command)),
    })),
    kind,
    body: bodyReport(kind, header.operation, message.subarray(HEADER_SIZE_BYTES, end)),
    valid,
  };
}

/** As the reference prints it. */
export function messageSlotText({ headers, kind, body, valid }: MessageSlotReport): string {
  const invalid = `error: invalid ${kind === "events" ? "prepare" : "reply"} body!`;
  return lines([
    ...headers.map(({ marks, header }) => `${marks}=${header}`),
    ...bodyLines(kind, body),
    ...(valid ? [] : [invalid]),
  ]);
}
