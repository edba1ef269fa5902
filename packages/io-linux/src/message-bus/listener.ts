/**
 * The listening socket of a replica (spec 01 §8.2, §8.9).
 *
 * @module
 */
import { createServer, type Server, type Socket } from "node:net";
import { assert } from "@stagbeetle/kernels";
import { type Address, formatAddress, type Logger } from "@stagbeetle/vsr-protocol";
import { systemErrorCode } from "../data-file-error.ts";
import { bindSocket, LISTEN_BACKLOG, SERVER_OPTIONS } from "./socket-options.ts";

/** Why a replica cannot listen. Stable: to be matched on. */
export type ListenErrorCode =
  /** Another process listens there. */
  | "address_in_use"
  /** The machine does not have the address. */
  | "address_not_available"
  /** The process may not use the port. */
  | "access_denied"
  /** Anything else that the system reported. */
  | "input_output";

/** The address of the replica cannot be listened on: one line that says what is wrong and what to do. */
export class ListenError extends Error {
  override readonly name = "ListenError";
  readonly code: ListenErrorCode;
  /** The status to exit with (spec 06 §1.4). */
  readonly exitStatus = 1;

  constructor(code: ListenErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
  }
}

/** Listens on one address and hands every connection over, paused. */
export class Listener {
  readonly #server: Server;
  readonly #logger: Logger;

  /** @param onConnection gets sockets that were not read from yet. */
  constructor(onConnection: (socket: Socket) => void, logger: Logger) {
    this.#logger = logger;
    this.#server = createServer(SERVER_OPTIONS, onConnection);
  }

  /**
   * Begins to listen.
   *
   * @returns the address with the port that was chosen, if `address` has port 0.
   * @throws ListenError
   */
  async listen(address: Address, sendBufferSizeBytes: number): Promise<Address> {
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    this.#server.once("error", reject);
    try {
      const bound = bindSocket(address, sendBufferSizeBytes);
      const options = { backlog: LISTEN_BACKLOG, exclusive: true };
      if (bound !== null) this.#server.listen({ ...options, handle: bound }, resolve);
      else this.#server.listen({ ...options, host: address.host, port: address.port }, resolve);
      await promise;
    } catch (error) {
      throw listenError(address, error);
    } finally {
      this.#server.removeListener("error", reject);
    }
    this.#server.on("error", (error) => this.#logger.log("warn", "accepting failed", { error: error.message }));
    const actual = this.#server.address();
    assert(actual !== null && typeof actual === "object", "a TCP server without a port");
    return { ...address, port: actual.port };
  }

  /** Stops listening. Connections that were handed over stay. */
  close(): void {
    if (this.#server.listening) this.#server.close();
  }
}

function listenError(address: Address, error: unknown): ListenError {
  const place = formatAddress(address);
  const fail = (code: ListenErrorCode, reason: string): ListenError =>
    new ListenError(code, `cannot listen on ${place}: ${reason}`, { cause: error });
  switch (systemErrorCode(error)) {
    case "EADDRINUSE":
      return fail("address_in_use", "the port is taken by another process; stop it or choose another port");
    case "EADDRNOTAVAIL":
      return fail("address_not_available", "this machine does not have the address");
    case "EACCES":
      return fail("access_denied", "permission denied; ports below 1024 need a privilege");
    default:
      return fail("input_output", error instanceof Error ? error.message : String(error));
  }
}
