/**
 * A connection in the middle: passes on what a client and a server say, and keeps what the server says.
 *
 * @module
 */
import { once } from "node:events";
import { connect, createServer, type AddressInfo, type Server, type Socket } from "node:net";

import { messages } from "./containers/messages.ts";

/** Listens on a port of its own, and connects to a server for each client. */
export class RecordingProxy {
  readonly #server: Server;
  readonly #sockets: Socket[] = [];
  readonly #received: Buffer[] = [];

  private constructor(port: number) {
    this.#server = createServer((client) => this.#accepted(client, connect(port, "127.0.0.1")));
  }

  /** Begins to listen for clients of the server on `port` of this machine. */
  static async start(port: number): Promise<RecordingProxy> {
    const proxy = new RecordingProxy(port);
    proxy.#server.listen(0, "127.0.0.1");
    await once(proxy.#server, "listening");
    return proxy;
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  /** Every message from the server, of one client at a time, in order. */
  received(): readonly Uint8Array[] {
    return [...messages(Buffer.concat(this.#received))];
  }

  close(): void {
    for (const socket of this.#sockets) socket.destroy();
    this.#server.close();
  }

  #accepted(client: Socket, server: Socket): void {
    this.#sockets.push(client, server);
    client.on("data", (bytes: Buffer) => server.write(bytes));
    server.on("data", (bytes: Buffer) => {
      this.#received.push(bytes);
      client.write(bytes);
    });
    client.on("close", () => server.destroy()).on("error", () => server.destroy());
    server.on("close", () => client.destroy()).on("error", () => client.destroy());
  }
}
