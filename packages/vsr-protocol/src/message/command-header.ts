/**
 * What is known of the headers of each command: the view of it and its checks.
 *
 * @module
 */
import { Command } from "../command.ts";
import type { Config } from "../config/config.ts";
import type { Field, Layout, RecordClass, RecordOf } from "../layout.ts";
import { BlockHeader, invalidBlock } from "./block.ts";
import { CommitHeader, invalidCommit } from "./commit.ts";
import { EvictionHeader, invalidEviction } from "./eviction.ts";
import { ExitViewHeader, invalidExitView } from "./exit-view.ts";
import type { Header } from "./frame.ts";
import { GetBlocksHeader, invalidGetBlocks } from "./get-blocks.ts";
import { GetHeadersHeader, invalidGetHeaders } from "./get-headers.ts";
import { GetPrepareHeader, invalidGetPrepare } from "./get-prepare.ts";
import { GetReplyHeader, invalidGetReply } from "./get-reply.ts";
import { GetViewHeader, invalidGetView } from "./get-view.ts";
import { HeadersHeader, invalidHeaders } from "./headers.ts";
import { invalidJoinView, JoinViewHeader } from "./join-view.ts";
import { invalidPingClient, PingClientHeader } from "./ping-client.ts";
import { invalidPing, PingHeader } from "./ping.ts";
import { invalidPongClient, PongClientHeader } from "./pong-client.ts";
import { invalidPong, PongHeader } from "./pong.ts";
import { invalidPrepareOk, PrepareOkHeader } from "./prepare-ok.ts";
import { invalidPrepare, PrepareHeader } from "./prepare.ts";
import { invalidReply, ReplyHeader } from "./reply.ts";
import { invalidRequest, RequestHeader } from "./request.ts";
import { invalidView, ViewHeader } from "./view.ts";

/** The headers of one command. */
export interface CommandHeader {
  /** The name of the header in logs, for example `PrepareOk`. */
  readonly name: string;
  /** All fields, the frame's too, by name, in offset order. */
  readonly layout: Layout;
  /** The fields of type u53, which may hold more than a safe integer in foreign bytes. */
  readonly u53: readonly { readonly name: string; readonly offset: number }[];
  /** The same header as a view with the fields of its command. */
  view(header: Header): Header;
  /** Why a header whose frame is valid is invalid, or null if it is not. */
  invalid(header: Header, config: Config): string | null;
}

function commandHeader<Fields extends Layout>(
  name: string,
  headerClass: RecordClass<Fields>,
  invalid: (header: RecordOf<Fields>, config: Config) => string | null,
): CommandHeader {
  const viewOf = (header: Header): RecordOf<Fields> => new headerClass(header.buffer, header.offset);
  return {
    name,
    layout: headerClass.layout,
    u53: Object.entries<Field>(headerClass.layout)
      .filter(([, { type }]) => type === "u53")
      .map(([field, { offset }]) => ({ name: field, offset })),
    // Every header class has the fields of the frame.
    view: (header) => viewOf(header) as unknown as Header,
    invalid: (header, config) => invalid(viewOf(header), config),
  };
}

/** By command; none for `reserved` and the deprecated ones, which are always invalid. */
const COMMAND_HEADERS: ReadonlyMap<number, CommandHeader> = new Map([
  [Command.ping, commandHeader("Ping", PingHeader, invalidPing)],
  [Command.pong, commandHeader("Pong", PongHeader, invalidPong)],
  [Command.pingClient, commandHeader("PingClient", PingClientHeader, invalidPingClient)],
  [Command.pongClient, commandHeader("PongClient", PongClientHeader, invalidPongClient)],
  [Command.request, commandHeader("Request", RequestHeader, invalidRequest)],
  [Command.prepare, commandHeader("Prepare", PrepareHeader, invalidPrepare)],
  [Command.prepareOk, commandHeader("PrepareOk", PrepareOkHeader, invalidPrepareOk)],
  [Command.reply, commandHeader("Reply", ReplyHeader, invalidReply)],
  [Command.commit, commandHeader("Commit", CommitHeader, invalidCommit)],
  [Command.exitView, commandHeader("ExitView", ExitViewHeader, invalidExitView)],
  [Command.joinView, commandHeader("JoinView", JoinViewHeader, invalidJoinView)],
  [Command.getView, commandHeader("GetView", GetViewHeader, invalidGetView)],
  [Command.getHeaders, commandHeader("GetHeaders", GetHeadersHeader, invalidGetHeaders)],
  [Command.getPrepare, commandHeader("GetPrepare", GetPrepareHeader, invalidGetPrepare)],
  [Command.getReply, commandHeader("GetReply", GetReplyHeader, invalidGetReply)],
  [Command.headers, commandHeader("Headers", HeadersHeader, invalidHeaders)],
  [Command.eviction, commandHeader("Eviction", EvictionHeader, invalidEviction)],
  [Command.getBlocks, commandHeader("GetBlocks", GetBlocksHeader, invalidGetBlocks)],
  [Command.block, commandHeader("Block", BlockHeader, invalidBlock)],
  [Command.view, commandHeader("View", ViewHeader, invalidView)],
]);

/** What is known of the headers of a command, or null for `reserved`, deprecated and unknown ones. */
export function commandHeaderOf(command: number): CommandHeader | null {
  return COMMAND_HEADERS.get(command) ?? null;
}
