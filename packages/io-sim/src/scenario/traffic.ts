/**
 * Which links and messages the words of a scenario mean.
 *
 * ```text
 * drop prepare_ok everywhere                  between all nodes, and to and from clients
 * drop view,ping to B2                        from anybody
 * drop join_view from R2 to R0
 * drop all with A0                            both ways, anybody
 * drop prepare to B1 where op<26
 * ```
 *
 * @module
 */
import { Command, commandName, PrepareHeader } from "@stagbeetle/vsr-protocol";

import type { Address, Packet } from "../network/endpoint.ts";
import type { Link, Traffic } from "../network/rules.ts";
import type { World } from "./world.ts";

/** Links, and what is meant of them. */
export interface Selection {
  readonly links: readonly Link[];
  readonly traffic: readonly Traffic[];
}

const PREPOSITIONS = ["from", "to", "with", "where"] as const;
type Preposition = (typeof PREPOSITIONS)[number];

/** Reads commands and links. @throws TypeError if the words make no sense. */
export function parseSelection(world: World, words: readonly string[]): Selection {
  const [commands = "", ...rest] = words;
  const phrases = parsePhrases(rest);
  const where = phrases.get("where")?.[0];
  const traffic = parseCommands(commands).map((command) => ({
    command,
    ...(where === undefined ? {} : { where: parseCondition(where) }),
  }));
  return { links: linksOf(world, phrases), traffic };
}

/** The commands in a list with commas, or `all`. */
export function parseCommands(list: string): readonly Traffic["command"][] {
  if (list === "all") return ["all"];
  return list.split(",").map((name) => {
    const command = Object.values(Command).find((candidate) => commandName(candidate) === name);
    if (command === undefined) throw new TypeError(`there is no command '${name}'`);
    return command;
  });
}

/** All links between everybody. */
export function linksBetween(froms: readonly Address[], tos: readonly Address[]): readonly Link[] {
  return froms.flatMap((from) => tos.filter((to) => to !== from).map((to) => ({ from, to })));
}

/** The addresses that words name: nodes and clients. */
export function addressesOf(world: World, words: readonly string[]): readonly Address[] {
  const { cast, cluster } = world;
  const clients = cast.clients(words.filter((word) => cast.isClient(word)));
  const nodes = cast.nodes(words.filter((word) => !cast.isClient(word)));
  return [...nodes, ...clients.flatMap((index) => cluster.clients[index]?.id ?? [])];
}

/** Everybody's addresses. */
export function everybody({ cluster }: World): readonly Address[] {
  return [...cluster.machines.map(({ index }) => index), ...cluster.clients.map(({ id }) => id)];
}

function linksOf(world: World, phrases: ReadonlyMap<Preposition, readonly string[]>): readonly Link[] {
  const named = (preposition: Preposition): readonly Address[] | null => {
    const words = phrases.get(preposition);
    return words === undefined ? null : addressesOf(world, words);
  };
  const all = everybody(world);
  const both = named("with");
  const [from, to] = [named("from"), named("to")];
  if (both === null) return linksBetween(from ?? all, to ?? all);
  const others = to ?? from ?? all;
  return [...linksBetween(both, others), ...linksBetween(others, both)];
}

function parsePhrases(words: readonly string[]): ReadonlyMap<Preposition, readonly string[]> {
  const phrases = new Map<Preposition, string[]>();
  let current: string[] | null = null;
  for (const word of words) {
    const preposition = PREPOSITIONS.find((known) => known === word);
    if (preposition !== undefined) {
      current = [];
      phrases.set(preposition, current);
    } else if (word !== "everywhere") {
      if (current === null) throw new TypeError(`'${word}' comes before any of ${PREPOSITIONS.join(", ")}`);
      current.push(word);
    }
  }
  if (phrases.size === 0 && !words.includes("everywhere")) throw new TypeError("no links are named");
  return phrases;
}

/** `op=5` or `op<26`: of prepares. */
function parseCondition(text: string): (packet: Packet) => boolean {
  const [, relation, digits] = /^op(=|<)(\d+)$/.exec(text) ?? [];
  if (digits === undefined) throw new TypeError(`'${text}' is not a condition`);
  const bound = Number(digits);
  return ({ bytes }) => {
    const { op } = new PrepareHeader(bytes);
    return relation === "<" ? op < bound : op === bound;
  };
}
