/**
 * What a test lets the network lose, link by link and command by command (spec 07 §9.1, §9.7).
 *
 * @module
 */
import { type Command, FRAME_LAYOUT } from "@stagbeetle/vsr-protocol";

import type { Address, Packet } from "./endpoint.ts";

/** One direction between two addresses. */
export interface Link {
  readonly from: Address;
  readonly to: Address;
}

/** Which packets of a link are meant: of one command or of all, and if so said only those that the predicate holds for. */
export interface Traffic {
  readonly command: Command | "all";
  readonly where?: (packet: Packet) => boolean;
}

/** The rules of one link. */
interface LinkRules {
  lost: readonly Traffic[];
  recorded: readonly Traffic[];
}

/** What is lost and what is recorded. Rules are asked when a packet arrives: what is under way is not safe from them. */
export class Rules {
  readonly #links: Map<string, LinkRules> = new Map();

  /** From now on the link loses such packets. */
  drop(link: Link, traffic: Traffic): void {
    const rules = this.#rules(link);
    rules.lost = [...rules.lost, traffic];
  }

  /** From now on the link carries such packets. One command passes even if all are lost otherwise. */
  pass(link: Link, { command }: Traffic): void {
    const rules = this.#rules(link);
    rules.lost = command === "all" ? [] : rules.lost.flatMap((lost) => without(lost, command));
  }

  /** From now on such packets are recorded when they are sent. */
  record(link: Link, traffic: Traffic): void {
    const rules = this.#rules(link);
    rules.recorded = [...rules.recorded, traffic];
  }

  /** Nothing is recorded any more. */
  recordNothing(): void {
    for (const rules of this.#links.values()) rules.recorded = [];
  }

  loses(packet: Packet, command: Command): boolean {
    return matches(this.#links.get(keyOf(packet))?.lost, packet, command);
  }

  records(packet: Packet, command: Command): boolean {
    return matches(this.#links.get(keyOf(packet))?.recorded, packet, command);
  }

  #rules(link: Link): LinkRules {
    const key = keyOf(link);
    let rules = this.#links.get(key);
    if (rules === undefined) {
      rules = { lost: [], recorded: [] };
      this.#links.set(key, rules);
    }
    return rules;
  }
}

function matches(rules: readonly Traffic[] | undefined, packet: Packet, command: Command): boolean {
  return (
    rules?.some(
      (traffic) => (traffic.command === "all" || traffic.command === command) && (traffic.where?.(packet) ?? true),
    ) === true
  );
}

/** What is lost of this traffic if one command passes. */
function without(lost: Traffic, command: Command): readonly Traffic[] {
  if (lost.command === command) return [];
  if (lost.command !== "all") return [lost];
  const { where } = lost;
  const others = (packet: Packet): boolean => commandOf(packet) !== command && (where?.(packet) ?? true);
  return [{ command: "all", where: others }];
}

/** The command in the header of a packet. */
export function commandOf({ bytes }: Pick<Packet, "bytes">): Command {
  return bytes[FRAME_LAYOUT.command.offset] as Command;
}

/** The name of a link. Addresses of replicas are small numbers, ids of clients are not. */
export function keyOf({ from, to }: Link): string {
  return `${from}>${to}`;
}
