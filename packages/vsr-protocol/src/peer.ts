/**
 * Who is at the other end of a connection, as far as its messages tell (spec 01 §3.7, §4.25, §8.5).
 *
 * @module
 */
import { Command } from "./command.ts";
import type { Header } from "./message/frame.ts";
import { PingClientHeader } from "./message/ping-client.ts";
import { RequestHeader } from "./message/request.ts";

/**
 * The class of a connection. A request proves only that its client *may* be at the other end, because replicas forward
 * requests: hence `clientLikely`.
 */
export type Peer =
  | { readonly kind: "unknown" }
  | { readonly kind: "replica"; readonly replica: number }
  | { readonly kind: "client"; readonly client: bigint }
  | { readonly kind: "clientLikely"; readonly client: bigint };

/** The class of a connection of which nothing is known yet. */
export const UNKNOWN_PEER: Peer = { kind: "unknown" };

/** What a replica concludes of the sender from the header of a message alone. */
export function peerOf(header: Header): Peer {
  switch (header.command) {
    case Command.pingClient:
      return { kind: "client", client: new PingClientHeader(header.buffer, header.offset).client };
    case Command.request:
      return { kind: "clientLikely", client: new RequestHeader(header.buffer, header.offset).client };
    // Sent by more than their author: whoever has a prepare, a reply or a block passes it on unchanged.
    case Command.prepare:
    case Command.reply:
    case Command.block:
    case Command.reserved:
    case Command.deprecated12:
    case Command.deprecated21:
    case Command.deprecated22:
    case Command.deprecated23:
      return UNKNOWN_PEER;
    default:
      return { kind: "replica", replica: header.replica };
  }
}

/** What a message does to the class of its connection: nothing, a new class, or the end of the connection. */
export type PeerTransition = "retain" | "update" | "reject";

/** The transition when a connection of class `current` brings a message of class `next`. */
export function peerTransition(current: Peer, next: Peer): PeerTransition {
  switch (current.kind) {
    case "unknown":
      return "update";
    case "clientLikely":
      if (next.kind === "replica") return "update";
      if (next.kind === "client") return next.client === current.client ? "update" : "reject";
      return "retain";
    case "replica":
      if (next.kind === "replica") return next.replica === current.replica ? "retain" : "reject";
      return next.kind === "client" ? "reject" : "retain";
    case "client":
      if (next.kind === "unknown") return "retain";
      return next.kind !== "replica" && next.client === current.client ? "retain" : "reject";
  }
}
