/**
 * `inspect replies`: the client sessions of the checkpoint, and the replies that are stored for them (spec 06 §6.7).
 */
import { lines } from "@stagbeetle/command-line";
import { assert } from "@stagbeetle/kernels";
import {
  BlockType,
  clientSessionsEncodeSize,
  clientSessionsTrailer,
  Command,
  describeHeader,
  Header,
  headerFields,
  HEADER_SIZE_BYTES,
  SECTOR_SIZE_BYTES,
} from "@stagbeetle/vsr-protocol";
import type { CheckpointState, Checksums, Config } from "@stagbeetle/vsr-protocol";

import type { DataFileReader } from "./data-file-reader.ts";
import { groupCopies } from "./groups.ts";
import { InspectError } from "./inspect-error.ts";
import { underscored } from "./text.ts";
import { readTrailer } from "./trailer.ts";

const SESSION_SIZE_BYTES = 8;

/** One header, and where it is: in the session, in front of the reply, or both. */
export interface ReplyEntry {
  readonly marks: string;
  /** In the reference's form. */
  readonly header: string;
  readonly fields: Readonly<Record<string, string>>;
}

/** One slot of the table of sessions. The replies are newer than the sessions if ops were executed since the checkpoint. */
export interface ReplySlot {
  readonly slot: number;
  /** The op that opened the session; 0 if there is none. */
  readonly session: bigint;
  readonly entries: readonly ReplyEntry[];
}

/** All slots; none if there is no checkpoint yet. */
export interface RepliesReport {
  readonly slots: readonly ReplySlot[];
}

/**
 * @param sessions the encoded table of sessions; empty if there is no checkpoint.
 * @param replies the header of what is stored for each slot: 256 bytes each.
 */
export function repliesReport(
  config: Config,
  sessions: Uint8Array,
  replies: readonly Uint8Array[],
  checksums: Checksums,
): RepliesReport {
  if (sessions.length === 0) return { slots: [] };
  const { clientsMax } = config.cluster;
  assert(sessions.length === clientSessionsEncodeSize(config), () => `${sessions.length} bytes of sessions`);
  assert(replies.length === clientsMax, () => `${replies.length} replies`);
  const view = new DataView(sessions.buffer, sessions.byteOffset, sessions.length);
  const slots = replies.map((reply, slot) => {
    const session = view.getBigUint64(clientsMax * HEADER_SIZE_BYTES + slot * SESSION_SIZE_BYTES, true);
    const copies = [sessions.slice(slot * HEADER_SIZE_BYTES, (slot + 1) * HEADER_SIZE_BYTES), reply];
    const groups = groupCopies(copies.map((bytes) => ({ bytes, valid: checksums.valid(new Header(bytes)) })));
    return { slot, session, entries: groups.map(({ marks, bytes }) => replyEntry(marks, bytes)) };
  });
  return { slots };
}

/** As the reference prints it. */
export function repliesText({ slots }: RepliesReport): string {
  return lines(
    slots.flatMap(({ slot, session, entries }) => {
      const place = underscored(slot, SLOT_WIDTH);
      return [
        `${place}     session=${session}`,
        ...entries.map(({ marks, header }) => `${place}: ${marks} header=${header}`),
      ];
    }),
  );
}

const SLOT_WIDTH = 2;

function replyEntry(marks: string, bytes: Uint8Array): ReplyEntry {
  const header = new Header(bytes);
  const fields = Object.fromEntries(headerFields(header, Command.reply));
  return { marks, header: describeHeader(header, Command.reply), fields };
}

/** Reads the sessions of a checkpoint and the replies. @throws InspectError if the sessions cannot be read. */
export async function readReplies(reader: DataFileReader, checkpoint: CheckpointState): Promise<RepliesReport> {
  const { config, checksums } = reader;
  const trailer = await readTrailer(reader, clientSessionsTrailer(checkpoint), BlockType.clientSessions);
  if (trailer.fault !== null) throw new InspectError(`client sessions: ${trailer.fault}`);
  const size = trailer.bytes.length;
  if (size !== 0 && size !== clientSessionsEncodeSize(config)) throw new InspectError(`client sessions: ${size} bytes`);
  const replies: Uint8Array[] = [];
  for (let slot = 0; slot < config.cluster.clientsMax; slot += 1) {
    const sector = await reader.read("clientReplies", slot * config.cluster.messageSizeMax, SECTOR_SIZE_BYTES);
    replies.push(sector.slice(0, HEADER_SIZE_BYTES));
  }
  return repliesReport(config, trailer.bytes, replies, checksums);
}
