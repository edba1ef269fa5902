/**
 * The messages of a scenario: those of the commands that are watched, as they arrive, one line each.
 *
 * @module
 */
import { type Command, commandName, Header, headerFields } from "@stagbeetle/vsr-protocol";

import type { Packet } from "../network/endpoint.ts";
import { commandOf } from "../network/rules.ts";
import type { Cast } from "./cast.ts";

/** What a line says of a message, by the names that headers have for it. */
const FIELDS: ReadonlySet<string> = new Set(
  "view log_view op op_min op_max commit commit_min commit_max checkpoint_op request".split(" "),
);

/** Collects lines about arriving messages. */
export class Watch {
  readonly #cast: Cast;
  #commands: ReadonlySet<Command> = new Set();
  #lines: { readonly text: string; times: number }[] = [];

  constructor(cast: Cast) {
    this.#cast = cast;
  }

  /** From now on messages of these commands, and no others, are watched. */
  set commands(commands: readonly Command[]) {
    this.#commands = new Set(commands);
  }

  /** A packet arrives. Equal messages that follow each other are one line. */
  onArrived(packet: Packet): void {
    if (!this.#commands.has(commandOf(packet))) return;
    const text = `${this.#nameOf(packet.from)} → ${this.#nameOf(packet.to)} ${describe(packet)}`;
    const last = this.#lines.at(-1);
    if (last?.text === text) last.times += 1;
    else this.#lines.push({ text, times: 1 });
  }

  /** The lines since the last call. */
  take(): readonly string[] {
    return this.#lines.splice(0).map(({ text, times }) => (times === 1 ? text : `${text} ×${times}`));
  }

  #nameOf(address: Packet["from"]): string {
    return typeof address === "number" ? this.#cast.nameOf(address) : "client";
  }
}

/** The command and the numbers that a story is told by. */
function describe(packet: Packet): string {
  const header = new Header(packet.bytes);
  const fields = headerFields(header).filter(([name]) => FIELDS.has(name));
  return [commandName(commandOf(packet)), ...fields.map(([name, value]) => `${name}=${value}`)].join(" ");
}
