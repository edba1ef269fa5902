import { describe, expect, test } from "vitest";
import { Command, commandKnown, commandName } from "./command.ts";

/** Spec 01 §3.1. */
const TABLE: readonly (readonly [number, string, number])[] = [
  [Command.reserved, "reserved", 0],
  [Command.ping, "ping", 1],
  [Command.pong, "pong", 2],
  [Command.pingClient, "ping_client", 3],
  [Command.pongClient, "pong_client", 4],
  [Command.request, "request", 5],
  [Command.prepare, "prepare", 6],
  [Command.prepareOk, "prepare_ok", 7],
  [Command.reply, "reply", 8],
  [Command.commit, "commit", 9],
  [Command.exitView, "exit_view", 10],
  [Command.joinView, "join_view", 11],
  [Command.deprecated12, "deprecated_12", 12],
  [Command.getView, "get_view", 13],
  [Command.getHeaders, "get_headers", 14],
  [Command.getPrepare, "get_prepare", 15],
  [Command.getReply, "get_reply", 16],
  [Command.headers, "headers", 17],
  [Command.eviction, "eviction", 18],
  [Command.getBlocks, "get_blocks", 19],
  [Command.block, "block", 20],
  [Command.deprecated21, "deprecated_21", 21],
  [Command.deprecated22, "deprecated_22", 22],
  [Command.deprecated23, "deprecated_23", 23],
  [Command.view, "view", 24],
];

describe("commands", () => {
  test.each(TABLE)("%i is %s", (command, name, value) => {
    expect(command).toBe(value);
    expect(commandKnown(command)).toBe(true);
    expect(commandName(command)).toBe(name);
  });

  test("there are no others", () => {
    expect(Object.values(Command)).toHaveLength(TABLE.length);
    for (let command = 25; command <= 255; command += 1) expect(commandKnown(command)).toBe(false);
    expect(commandName(25)).toBe("unknown_25");
  });
});
