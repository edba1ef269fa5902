/**
 * The message bus port on the simulated network.
 *
 * @module
 */
import type { Message, MessageBus } from "@stagbeetle/vsr-protocol";

import type { Endpoint } from "./endpoint.ts";

/** The bus of one replica or client. Nothing is delivered but by steps of the network. */
export class SimulatedMessageBus implements MessageBus {
  readonly #endpoint: Endpoint;

  constructor(endpoint: Endpoint) {
    this.#endpoint = endpoint;
  }

  /** Connections need no time here: the network's own ticks make packets travel. */
  tick(): void {}

  /** Whether messages wait to be transmitted. */
  get queued(): boolean {
    return this.#endpoint.queued;
  }

  /** How many messages of the pool its connections hold: receive buffers and queues. */
  get messagesHeld(): number {
    return this.#endpoint.messagesHeld;
  }

  sendMessageToReplica(replica: number, message: Message): void {
    this.#endpoint.send(replica, message);
  }

  sendMessageToClient(client: bigint, message: Message): void {
    this.#endpoint.send(client, message);
  }

  resumeReceive(): void {
    this.#endpoint.resume();
  }
}
