/**
 * A connection between a client and a server that can be cut in one direction, for tests.
 */
import { once } from "node:events";
import { connect, createServer } from "node:net";
import type { AddressInfo, Server, Socket } from "node:net";

import { Command, Header, HEADER_SIZE_BYTES, RequestHeader } from "@stagbeetle/vsr-protocol";

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
    let pending: Buffer = Buffer.alloc(0);
    let cut = false;
    client.on("data", (bytes: Buffer) => {
      pending = Buffer.concat([pending, bytes]);
      for (let message = firstMessage(pending); message !== null; message = firstMessage(pending)) {
        pending = pending.subarray(message.length);
        cut ||= requestNumber(message) > requests;
        if (!cut || silent === "server") server.write(message);
      }
    });
    server.on("data", (bytes: Buffer) => {
      if (!cut || silent === "client") client.write(bytes);
    });
    client.on("close", () => server.destroy()).on("error", () => server.destroy());
    server.on("close", () => client.destroy()).on("error", () => client.destroy());
  }
}

/** The message that begins the bytes; null if it is not whole yet. */
function firstMessage(bytes: Buffer): Buffer | null {
  if (bytes.length < HEADER_SIZE_BYTES) return null;
  const { size } = new Header(bytes);
  return bytes.length < size ? null : bytes.subarray(0, size);
}

/** The number of a request, however often it is sent; 0 for everything else. */
function requestNumber(message: Buffer): number {
  const { command, request } = new RequestHeader(message);
  return command === Command.request ? request : 0;
}
