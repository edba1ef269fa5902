/**
 * The way out: every message that this replica sends passes here (spec 03 §10.1, §10.4).
 *
 * @module
 */
import { assert } from "@stagbeetle/kernels";
import type { Config } from "../config/config.ts";
import { invalidHeader } from "../message/invalid.ts";
import type { Message } from "../message/message.ts";
import type { MessageBus } from "../ports/message-bus.ts";
import type { MessageCounters } from "./metrics.ts";

/** Hands messages to the bus and counts them. */
export class Outbox {
  readonly #config: Config;
  readonly #bus: MessageBus;
  readonly #counters: MessageCounters;

  constructor(config: Config, bus: MessageBus, counters: MessageCounters) {
    this.#config = config;
    this.#bus = bus;
    this.#counters = counters;
  }

  /** Sends a finished message to a client. The caller keeps its reference. */
  sendToClient(client: bigint, message: Message): void {
    const invalid = invalidHeader(message.header, this.#config);
    assert(invalid === null, () => `a message to client ${client} is invalid: ${invalid ?? ""}`);
    this.#counters.count(message.header.command);
    this.#bus.sendMessageToClient(client, message);
  }
}
