/**
 * Whether a header makes sense (spec 01 §4.4).
 *
 * @module
 */
import { Command } from "../command.ts";
import type { Config } from "../config/config.ts";
import { isSafeU64 } from "../layout.ts";
import { type CommandHeader, commandHeaderOf } from "./command-header.ts";
import { type Header, invalidFrame } from "./frame.ts";

/**
 * Why a header whose checksum is valid is invalid, or null if it is not: the first check that fails, in the order of the
 * specification. The reason is for the log; whatever it is, the message is dropped.
 *
 * A u64 that this implementation keeps as a number must be a safe integer. That is checked after the frame, before the
 * checks of the command.
 */
export function invalidHeader(header: Header, config: Config): string | null {
  const reason = invalidFrame(header, config);
  if (reason !== null) return reason;
  const command = commandHeaderOf(header.command);
  if (command === null) {
    return header.command === Command.reserved ? "command is reserved" : "command is deprecated";
  }
  return invalidU53(header, command) ?? command.invalid(header, config);
}

function invalidU53(header: Header, command: CommandHeader): string | null {
  for (const { name, offset } of command.u53) {
    if (!isSafeU64(header.dataView, header.offset + offset)) return `${name} is above 2^53 - 1`;
  }
  return null;
}
