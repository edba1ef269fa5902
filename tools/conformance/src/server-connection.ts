/**
 * A plain connection to a server: whole messages out, whole messages in.
 *
 * @module
 */
import { once } from "node:events";
import { connect, type Socket } from "node:net";

import { HEADER_SIZE_BYTES, PRODUCTION } from "@stagbeetle/vsr-protocol";

const ANSWER_TIMEOUT_MS = 30_000;
const SIZE_OFFSET = 96;

/** Sends messages and waits for answers. */
export class ServerConnection {
  readonly #socket: Socket;
  #received = Buffer.alloc(0);
  #failure: Error | null = null;

  private constructor(socket: Socket) {
    this.#socket = socket;
    socket.on("data", (chunk: Buffer) => {
      this.#received = Buffer.concat([this.#received, chunk]);
      socket.emit("received");
    });
    socket.on("error", (error) => this.#fail(error));
    socket.on("close", () => this.#fail(new Error("the server closed the connection")));
  }

  /** Connects to a port of this machine. */
  static async open(port: number): Promise<ServerConnection> {
    const socket = connect(port, "127.0.0.1");
    await once(socket, "connect");
    socket.setNoDelay(true);
    return new ServerConnection(socket);
  }

  send(message: Uint8Array): void {
    this.#socket.write(message);
  }

  /** The next message from the server. Throws if none comes within 30 s. */
  async receive(): Promise<Uint8Array> {
    const deadline = AbortSignal.timeout(ANSWER_TIMEOUT_MS);
    for (;;) {
      const message = this.#take();
      if (message !== null) return message;
      if (this.#failure !== null) throw this.#failure;
      await once(this.#socket, "received", { signal: deadline });
    }
  }

  close(): void {
    this.#socket.destroy();
  }

  #take(): Uint8Array | null {
    if (this.#received.length < HEADER_SIZE_BYTES) return null;
    const size = this.#received.readUInt32LE(SIZE_OFFSET);
    if (size < HEADER_SIZE_BYTES || size > PRODUCTION.cluster.messageSizeMax)
      throw new Error(`an answer of ${size} bytes`);
    if (this.#received.length < size) return null;
    const message = this.#received.subarray(0, size);
    this.#received = this.#received.subarray(size);
    return message;
  }

  #fail(error: Error): void {
    this.#failure ??= error;
    this.#socket.emit("received");
  }
}
