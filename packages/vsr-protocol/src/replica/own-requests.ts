/**
 * Requests of the primary to itself: pulses and upgrades (spec 03 §13.6, §24.2).
 *
 * @module
 */
import { Command } from "../command.ts";
import type { Message } from "../message/message.ts";
import { RequestHeader } from "../message/request.ts";
import type { Operation } from "../operation.ts";
import type { Release } from "../release.ts";
import type { MessageBuilder } from "./message-builder.ts";
import type { DurableView } from "./view-durable.ts";

/** What such requests are made with. */
export interface OwnRequestsOptions {
  readonly release: Release;
  readonly view: Pick<DurableView, "view">;
  readonly messages: MessageBuilder;
  /** Takes the request like one from a client. The reference stays the caller's. */
  readonly onRequest: (request: Message) => void;
}

/** Makes requests of client 0. */
export class OwnRequests {
  readonly #options: OwnRequestsOptions;

  constructor(options: OwnRequestsOptions) {
    this.#options = options;
  }

  /** Asks this replica for an operation. Nobody sees the request, but its checksum is part of the prepare. */
  send(operation: Operation, bodySizeBytes: number, fillBody: (body: Uint8Array) => void): void {
    const { release, view, messages, onRequest } = this.#options;
    const message = messages.message(RequestHeader, Command.request, view.view, bodySizeBytes, (header, body) => {
      header.release = release;
      header.operation = operation;
      fillBody(body);
    });
    onRequest(message);
    message.release();
  }
}
