/**
 * The other end of a connection, byte by byte, for tests.
 *
 * @module
 */
import { once } from "node:events";
import { connect, type Socket } from "node:net";
import {
  type Address,
  Checksums,
  Command,
  Header,
  HEADER_SIZE_BYTES,
  initHeader,
  PingClientHeader,
  RequestHeader,
} from "@stagbeetle/vsr-protocol";

const CLUSTER = 7n;

const checksums = new Checksums();

/** The body of a message without one. */
export const NO_BODY: Uint8Array = new Uint8Array(0);

/** A body whose bytes differ from each other and, for another `seed`, from those of its like. */
export function bodyOf(sizeBytes: number, seed = 0): Uint8Array {
  return Uint8Array.from({ length: sizeBytes }, (_, index) => (index * 31 + seed) & 0xff);
}

/** A message with right checksums. `fill` sets the fields of its command. */
export function messageBytes(
  command: number,
  body: Uint8Array,
  fill: (header: Header) => void = () => undefined,
): Uint8Array {
  const bytes = new Uint8Array(HEADER_SIZE_BYTES + body.length);
  bytes.set(body, HEADER_SIZE_BYTES);
  const header = new Header(bytes);
  initHeader(header, Command.reserved, CLUSTER);
  header.command = command;
  header.size = bytes.length;
  fill(header);
  checksums.setBody(header, body);
  checksums.set(header);
  return bytes;
}

/** A `ping_client`. */
export function pingClient(client: bigint): Uint8Array {
  return messageBytes(Command.pingClient, NO_BODY, (header) => {
    new PingClientHeader(header.buffer).client = client;
  });
}

/** A `request` with a body. */
export function request(client: bigint, body: Uint8Array = NO_BODY, requestNumber = 1): Uint8Array {
  return messageBytes(Command.request, body, (header) => {
    const view = new RequestHeader(header.buffer);
    view.client = client;
    view.request = requestNumber;
  });
}

/** A `ping` of a replica. */
export function ping(replica: number): Uint8Array {
  return messageBytes(Command.ping, NO_BODY, (header) => {
    header.replica = replica;
  });
}

/** A plain TCP connection that keeps all that it gets. */
export class RawPeer {
  readonly socket: Socket;
  readonly #chunks: Uint8Array[] = [];
  #ended = false;

  private constructor(socket: Socket) {
    this.socket = socket;
    socket.on("data", (chunk: Uint8Array) => this.#chunks.push(chunk));
    socket.on("error", () => undefined);
    socket.on("close", () => {
      this.#ended = true;
    });
  }

  static async connect({ host, port }: Address): Promise<RawPeer> {
    const socket = connect({ host, port, noDelay: true });
    await once(socket, "connect");
    return new RawPeer(socket);
  }

  /** Whether the connection is closed. */
  get ended(): boolean {
    return this.#ended;
  }

  /** What was received. */
  get received(): Uint8Array {
    return Buffer.concat(this.#chunks);
  }

  send(...messages: readonly Uint8Array[]): void {
    this.socket.write(Buffer.concat(messages));
  }

  close(): void {
    this.socket.destroy();
  }
}
