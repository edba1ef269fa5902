/**
 * A client of a server in AOF recovery: it chooses the timestamps and sends one request after the other.
 *
 * @module
 */
import {
  Checksums,
  Command,
  HEADER_SIZE_BYTES,
  Header,
  initHeader,
  Operation,
  REGISTER_REQUEST_SIZE_BYTES,
  ReplyHeader,
  RequestHeader,
} from "@stagbeetle/vsr-protocol";

import type { ServerConnection } from "./server-connection.ts";
import { RECORDED_RELEASE } from "./hosted-replica.ts";

/** The timestamp of a registration in AOF recovery (spec 01 §10.2). */
const REGISTER_TIMESTAMP = 1n;

/** Who the client is. */
export interface RecoveryClientOptions {
  readonly cluster: bigint;
  readonly client: bigint;
}

/** One session. */
export class RecoveryClient {
  readonly #connection: ServerConnection;
  readonly #options: RecoveryClientOptions;
  readonly #checksums = new Checksums();
  #parent = 0n;
  #session = 0;
  #view = 0;
  #requestNumber = 0;

  constructor(connection: ServerConnection, options: RecoveryClientOptions) {
    this.#connection = connection;
    this.#options = options;
  }

  /** Opens the session. */
  async register(): Promise<void> {
    const reply = await this.request(
      Operation.register,
      REGISTER_TIMESTAMP,
      new Uint8Array(REGISTER_REQUEST_SIZE_BYTES),
    );
    this.#session = new ReplyHeader(reply).commit;
  }

  /** Sends a request and returns the reply, header and body. Throws if the answer is something else. */
  async request(operation: number, timestamp: bigint, body: Uint8Array): Promise<Uint8Array> {
    const message = new Uint8Array(HEADER_SIZE_BYTES + body.length);
    message.set(body, HEADER_SIZE_BYTES);
    const request = new RequestHeader(message);
    initHeader(request, Command.request, this.#options.cluster);
    request.size = message.length;
    request.view = this.#view;
    request.release = RECORDED_RELEASE;
    request.parent = this.#parent;
    request.client = this.#options.client;
    request.session = this.#session;
    request.timestamp = timestamp;
    request.request = this.#requestNumber;
    request.operation = operation;
    this.#checksums.setBody(request, body);
    this.#checksums.set(request);
    this.#requestNumber += 1;
    this.#connection.send(message);
    const answer = await this.#connection.receive();
    const { command } = new Header(answer);
    if (command !== Command.reply) throw new Error(`an answer of command ${command} to request ${request.request}`);
    const reply = new ReplyHeader(answer);
    this.#parent = reply.context;
    this.#view = Math.max(this.#view, reply.view);
    return answer;
  }
}
