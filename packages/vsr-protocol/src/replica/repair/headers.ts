/**
 * Asking others for headers of the log, and answering them (spec 03 §20.3).
 *
 * @module
 */
import { assert } from "@stagbeetle/kernels";
import { Command } from "../../command.ts";
import type { Config } from "../../config/config.ts";
import { recordBytes } from "../../layout.ts";
import { HEADER_SIZE_BYTES } from "../../message/frame.ts";
import { GetHeadersHeader } from "../../message/get-headers.ts";
import { HeadersHeader } from "../../message/headers.ts";
import type { Message } from "../../message/message.ts";
import { PrepareHeader } from "../../message/prepare.ts";
import type { Journal, OpRange } from "../../ports/journal.ts";
import type { Logger } from "../../ports/logger.ts";
import type { Random } from "../../random.ts";
import type { Identity } from "../identity.ts";
import type { LogPosition } from "../log-position.ts";
import type { MessageBuilder } from "../message-builder.ts";
import type { Outbox } from "../outbox.ts";
import type { Roles } from "../roles.ts";
import type { Status } from "../status.ts";
import type { DurableView } from "../view-durable.ts";
import type { HeaderRepair } from "./header-repair.ts";
import { otherReplica } from "./other-replica.ts";
import { headersIgnored, repairRequestIgnored } from "./request-filter.ts";

/** What headers are exchanged with. */
export interface HeaderExchangeOptions {
  readonly config: Config;
  readonly identity: Pick<Identity, "replica" | "replicaCount" | "standby">;
  readonly status: Pick<Status, "current">;
  readonly roles: Pick<Roles, "ofPrimary">;
  readonly joinViewQuorum: () => boolean;
  readonly view: Pick<DurableView, "view">;
  readonly log: Pick<LogPosition, "op">;
  readonly journal: Pick<Journal, "headerWithOp" | "slotCount">;
  readonly messages: Pick<MessageBuilder, "header" | "message">;
  readonly outbox: Pick<Outbox, "sendToReplica">;
  readonly random: Random;
  readonly logger: Logger;
  readonly headerRepair: Pick<HeaderRepair, "repairHeader">;
  /** Runs when headers came that were missing: there may be more to repair now, or to execute. */
  readonly onHeaders: () => void;
}

/** Asks for headers, gives them, and takes them. */
export class HeaderExchange {
  readonly #options: HeaderExchangeOptions;

  constructor(options: HeaderExchangeOptions) {
    this.#options = options;
  }

  /** Asks a random other replica for the headers of these ops. */
  request({ opMin, opMax }: OpRange): void {
    const { identity, random, messages, outbox } = this.#options;
    assert(opMin <= opMax, () => `headers from op ${opMin} to ${opMax}`);
    const destination = otherReplica(identity, random);
    if (destination === null) return;
    const message = messages.header(GetHeadersHeader, Command.getHeaders, 0, (header) => {
      header.opMin = opMin;
      header.opMax = opMax;
    });
    outbox.sendToReplica(destination, message);
    message.release();
  }

  /** Answers with as many headers as fit a message, the highest ops first. Nothing if there are none. */
  onGetHeaders(message: Message): void {
    const { view, messages, outbox, logger } = this.#options;
    const { replica, opMin, opMax } = message.as(GetHeadersHeader);
    const because = repairRequestIgnored(message.header, this.#options);
    if (because !== null) return logger.log("debug", `on_get_headers: ignoring (${because})`, { replica });
    const headers = this.#headersBetween(opMin, opMax);
    if (headers.length === 0) return;
    const sizeBytes = headers.length * HEADER_SIZE_BYTES;
    const answer = messages.message(HeadersHeader, Command.headers, view.view, sizeBytes, (_, body) => {
      for (const [index, header] of headers.entries()) body.set(recordBytes(header), index * HEADER_SIZE_BYTES);
    });
    outbox.sendToReplica(replica, answer);
    answer.release();
  }

  /** Takes over what belongs into the log. The body was found valid: prepare headers, the highest op first. */
  onHeaders(message: Message): void {
    const { journal, headerRepair, logger, onHeaders } = this.#options;
    const { replica } = message.header;
    const because = headersIgnored(message.header, this.#options);
    if (because !== null) return logger.log("debug", `on_headers: ignoring (${because})`, { replica });
    const body = message.body();
    let learned = false;
    for (let at = 0; at < body.length; at += HEADER_SIZE_BYTES) {
      const header = new PrepareHeader(body, at);
      const known = journal.headerWithOp(header.op)?.checksum === header.checksum;
      if (headerRepair.repairHeader(header) && !known) learned = true;
    }
    // Else two replicas would ask and answer the same as fast as the network allows, until the youngest ops are here.
    if (learned) onHeaders();
  }

  /** Others may ask for any range: only the ops that the log can hold are looked at. */
  #headersBetween(opMin: number, opMax: number): readonly PrepareHeader[] {
    const { config, log, journal } = this.#options;
    const lowest = Math.max(opMin, log.op + 1 - journal.slotCount);
    const headers: PrepareHeader[] = [];
    for (let op = Math.min(opMax, log.op); op >= lowest; op -= 1) {
      const header = journal.headerWithOp(op);
      if (header === null) continue;
      headers.push(header);
      if (headers.length === config.derived.getHeadersMax) break;
    }
    return headers;
  }
}
