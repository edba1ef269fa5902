/**
 * A connection between a client and a server that can be cut in one direction, for tests.
 */
import { once } from "node:events";
import { connect, createServer } from "node:net";
import type { AddressInfo, Server, Socket } from "node:net";

import { HEADER_SIZE_BYTES } from "@stagbeetle/vsr-protocol";

/** Requests of one account each have this size. */
const REQUEST_SIZE_BYTES = HEADER_SIZE_BYTES + 128;
/** A client sends a ping and a registration (256 bytes of body) before its first request. */
const BEFORE_REQUESTS_SIZE_BYTES = HEADER_SIZE_BYTES + 2 * HEADER_SIZE_BYTES;

/** Passes on what is said until the line is cut: from then on one of the two is not heard any more. */
export class CutLine {
  readonly #server: Server;
  readonly #sockets: Socket[] = [];

  private constructor(server: Server) {
    this.#server = server;
  }

  /**
   * Begins to listen.
   *
   * @param requests after how many requests the line is cut.
   * @param silent who is not heard then: the `client` before its next request, or the `server` before its next answer.
   */
  static async start(port: number, requests: number, silent: "client" | "server"): Promise<CutLine> {
    const line = new CutLine(createServer((client) => line.#accepted(client, port, requests, silent)));
    line.#server.listen(0, "127.0.0.1");
    await once(line.#server, "listening");
    return line;
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  close(): void {
    for (const socket of this.#sockets) socket.destroy();
    this.#server.close();
  }

  #accepted(client: Socket, port: number, requests: number, silent: "client" | "server"): void {
    const server = connect(port, "127.0.0.1");
    this.#sockets.push(client, server);
    let heard = 0;
    const cutAt = BEFORE_REQUESTS_SIZE_BYTES + requests * REQUEST_SIZE_BYTES;
    client.on("data", (bytes: Buffer) => {
      const left = cutAt - heard;
      heard += bytes.length;
      if (silent === "server" || bytes.length <= left) server.write(bytes);
      else if (left > 0) server.write(bytes.subarray(0, left));
    });
    server.on("data", (bytes: Buffer) => {
      if (silent === "client" || heard <= cutAt) client.write(bytes);
    });
    for (const [from, to] of [
      [client, server],
      [server, client],
    ] as const) {
      from.on("close", () => to.destroy()).on("error", () => to.destroy());
    }
  }
}
