/**
 * A client of a server: one request after the other, byte for byte as asked.
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

import { RECORDED_RELEASE } from "./recorded-release.ts";
import { RECOVERY_REGISTER_TIMESTAMP } from "./registration.ts";
import type { ServerConnection } from "./server-connection.ts";

/** Who the client is. */
export interface ServerClientOptions {
  readonly cluster: bigint;
  readonly client: bigint;
  /** Whether the server is in AOF recovery, where clients choose the timestamps. */
  readonly aofRecovery: boolean;
}

/** One session. */
export class ServerClient {
  readonly #connection: ServerConnection;
  readonly #options: ServerClientOptions;
  readonly #checksums = new Checksums();
  #parent = 0n;
  #session = 0;
  #view = 0;
  #requestNumber = 0;

  constructor(connection: ServerConnection, options: ServerClientOptions) {
    this.#connection = connection;
    this.#options = options;
  }

  /** Opens the session. */
  async register(): Promise<void> {
    const body = new Uint8Array(REGISTER_REQUEST_SIZE_BYTES);
    const timestamp = this.#options.aofRecovery ? RECOVERY_REGISTER_TIMESTAMP : 0n;
    const reply = await this.request(Operation.register, body, timestamp);
    this.#session = new ReplyHeader(reply).commit;
  }

  /**
   * Sends a request and returns the reply, header and body. Throws if the answer is something else.
   *
   * @param timestamp of the prepare, in AOF recovery; 0 otherwise.
   */
  async request(operation: number, body: Uint8Array, timestamp: bigint): Promise<Uint8Array> {
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
