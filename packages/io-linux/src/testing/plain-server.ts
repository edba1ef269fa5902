/**
 * A listener that does with each connection what a test tells it.
 *
 * @module
 */
import { once } from "node:events";
import { createServer, type Server, type Socket } from "node:net";
import { assert } from "@stagbeetle/kernels";
import type { Address } from "@stagbeetle/vsr-protocol";

/** Listens on a port of the system's choice until the end of its block. */
export class PlainServer implements Disposable {
  readonly address: Address;
  readonly #server: Server;

  private constructor(server: Server, address: Address) {
    this.#server = server;
    this.address = address;
  }

  /** Starts to listen. */
  static async start(onConnection: (socket: Socket) => void): Promise<PlainServer> {
    const server = createServer((socket) => {
      socket.on("error", () => undefined);
      onConnection(socket);
    });
    server.listen(0, "127.0.0.1");
    await once(server, "listening");
    const address = server.address();
    assert(address !== null && typeof address === "object", "a TCP listener has a port");
    return new PlainServer(server, { family: 4, host: "127.0.0.1", port: address.port });
  }

  /** Stops listening; connections that there are go on until their ends close. */
  [Symbol.dispose](): void {
    this.#server.close();
  }
}
