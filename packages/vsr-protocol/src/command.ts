/**
 * The kinds of messages (spec 01 §3.1).
 *
 * @module
 */

/** What a message is: the u8 at offset 114 of its header. */
export const Command = {
  reserved: 0,
  ping: 1,
  pong: 2,
  pingClient: 3,
  pongClient: 4,
  request: 5,
  prepare: 6,
  prepareOk: 7,
  reply: 8,
  commit: 9,
  exitView: 10,
  joinView: 11,
  deprecated12: 12,
  getView: 13,
  getHeaders: 14,
  getPrepare: 15,
  getReply: 16,
  headers: 17,
  eviction: 18,
  getBlocks: 19,
  block: 20,
  deprecated21: 21,
  deprecated22: 22,
  deprecated23: 23,
  view: 24,
} as const;
export type Command = (typeof Command)[keyof typeof Command];

const NAMES: readonly string[] = [
  "reserved",
  "ping",
  "pong",
  "ping_client",
  "pong_client",
  "request",
  "prepare",
  "prepare_ok",
  "reply",
  "commit",
  "exit_view",
  "join_view",
  "deprecated_12",
  "get_view",
  "get_headers",
  "get_prepare",
  "get_reply",
  "headers",
  "eviction",
  "get_blocks",
  "block",
  "deprecated_21",
  "deprecated_22",
  "deprecated_23",
  "view",
];

/**
 * Whether a command (u8) has a meaning in this version of the protocol, deprecated ones and `reserved` included.
 *
 * A message with a valid checksum and an unknown command comes from a newer, incompatible member: the receiver stops.
 */
export function commandKnown(command: number): command is Command {
  return command < NAMES.length;
}

/** The name of a command as logs and documents have it, for example `ping_client`; `unknown_25` for unknown ones. */
export function commandName(command: number): string {
  return NAMES[command] ?? `unknown_${command}`;
}
