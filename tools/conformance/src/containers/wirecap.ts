/**
 * Recorded connections, frame by frame (fixtures `*.wirecap`; the container is described in their README).
 *
 * @module
 */
import { MalformedRecording } from "./messages.ts";

const MAGIC = "WIRECAP1";
const RECORD_HEADER_SIZE_BYTES = 16;

const KINDS = ["initiator", "acceptor", "opened", "closedByInitiator", "closedByAcceptor", "marker"] as const;

/** Who sent a frame, or what happened to the connection. */
export type WireEventKind = (typeof KINDS)[number];

/** One record of the capture. */
export interface WireEvent {
  readonly kind: WireEventKind;
  /** Index into the links of the recording's JSON; 255 for markers. */
  readonly link: number;
  /** Counted from 0 over the whole recording; 65535 for markers. */
  readonly connection: number;
  /** Microseconds since the recording began. */
  readonly timeMicroseconds: bigint;
  /** The whole message of a frame, the JSON of a marker, otherwise empty. */
  readonly bytes: Uint8Array;
}

/** All events in the order in which the recorder saw them. */
export function* wireEvents(capture: Uint8Array): Generator<WireEvent, void, undefined> {
  const magic = Buffer.from(capture.buffer, capture.byteOffset, Math.min(MAGIC.length, capture.length)).toString(
    "latin1",
  );
  if (magic !== MAGIC)
    throw new MalformedRecording(`a capture begins with ${MAGIC}, this file with ${JSON.stringify(magic)}`);
  const view = new DataView(capture.buffer, capture.byteOffset, capture.byteLength);
  for (let offset = MAGIC.length; offset < capture.length;) {
    if (offset + RECORD_HEADER_SIZE_BYTES > capture.length)
      throw new MalformedRecording(`the record at byte ${offset} is cut off`);
    const size = view.getUint32(offset + 12, true);
    const kind = KINDS[view.getUint8(offset)];
    const begin = offset + RECORD_HEADER_SIZE_BYTES;
    if (kind === undefined || begin + size > capture.length) {
      throw new MalformedRecording(`the record at byte ${offset} has kind ${view.getUint8(offset)} and ${size} bytes`);
    }
    yield {
      kind,
      link: view.getUint8(offset + 1),
      connection: view.getUint16(offset + 2, true),
      timeMicroseconds: view.getBigUint64(offset + 4, true),
      bytes: capture.subarray(begin, begin + size),
    };
    offset = begin + size;
  }
}
