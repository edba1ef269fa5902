import { describe, expect, test } from "vitest";
import { fromHex } from "../test/messages.ts";
import { RECORDED_HEADERS } from "../test/recorded-headers.ts";
import { Command } from "./command.ts";
import { Header, HEADER_SIZE_BYTES } from "./message/frame.ts";
import { type Peer, peerOf, type PeerTransition, peerTransition, UNKNOWN_PEER } from "./peer.ts";

/** Spec 01 §4.25, for the headers that the reference sent. */
const CLASSES: { readonly [command: string]: Peer["kind"] } = {
  ping: "replica",
  pong: "replica",
  ping_client: "client",
  pong_client: "replica",
  request: "clientLikely",
  prepare: "unknown",
  prepare_ok: "replica",
  reply: "unknown",
  commit: "replica",
  exit_view: "replica",
  join_view: "replica",
  get_view: "replica",
  get_headers: "replica",
  get_prepare: "replica",
  get_reply: "replica",
  headers: "replica",
  eviction: "replica",
  get_blocks: "replica",
  block: "unknown",
  view: "replica",
};

describe("the class of a sender", () => {
  test.each(Object.entries(RECORDED_HEADERS))("follows from a %s", (name, hex) => {
    const header = new Header(fromHex(hex, HEADER_SIZE_BYTES));
    const peer = peerOf(header);
    expect(peer.kind).toBe(CLASSES[name]);
    if (peer.kind === "replica") expect(peer.replica).toBe(header.replica);
    if (peer.kind === "client") expect(peer.client).toBe(220_939_677_041_324_879_497_859_678_066_169_176_928n);
    if (peer.kind === "clientLikely") expect(peer.client).not.toBe(0n);
  });

  test.each([Command.reserved, 12, 21, 22, 23])("does not follow from command %i", (command) => {
    const header = new Header(new Uint8Array(HEADER_SIZE_BYTES));
    header.command = command;
    expect(peerOf(header)).toBe(UNKNOWN_PEER);
  });
});

describe("the class of a connection", () => {
  const unknown: Peer = UNKNOWN_PEER;
  const replica = (index: number): Peer => ({ kind: "replica", replica: index });
  const client = (id: bigint): Peer => ({ kind: "client", client: id });
  const likely = (id: bigint): Peer => ({ kind: "clientLikely", client: id });

  /** Spec 01 §8.5. */
  const table: readonly (readonly [Peer, Peer, PeerTransition])[] = [
    [unknown, unknown, "update"],
    [unknown, replica(1), "update"],
    [unknown, client(1n), "update"],
    [unknown, likely(1n), "update"],
    [likely(1n), unknown, "retain"],
    [likely(1n), replica(1), "update"],
    [likely(1n), client(1n), "update"],
    [likely(1n), client(2n), "reject"],
    [likely(1n), likely(1n), "retain"],
    [likely(1n), likely(2n), "retain"],
    [replica(1), unknown, "retain"],
    [replica(1), replica(1), "retain"],
    [replica(1), replica(2), "reject"],
    [replica(1), client(1n), "reject"],
    [replica(1), likely(1n), "retain"],
    [client(1n), unknown, "retain"],
    [client(1n), replica(1), "reject"],
    [client(1n), client(1n), "retain"],
    [client(1n), client(2n), "reject"],
    [client(1n), likely(1n), "retain"],
    [client(1n), likely(2n), "reject"],
  ];

  test.each(table)("%o and a message of %o: %s", (current, next, transition) => {
    expect(peerTransition(current, next)).toBe(transition);
  });
});
