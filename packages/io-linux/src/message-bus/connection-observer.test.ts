import { once } from "node:events";
import { createServer, type Server, type Socket } from "node:net";

import {
  type Address,
  type ConnectionEnd,
  type ConnectionObserver,
  type Endpoint,
  type MessageBuffer,
  type MessageBusReceiver,
} from "@stagbeetle/vsr-protocol";
import { afterEach, describe, expect, test } from "vitest";

import { createMember, type Member } from "../testing/network.ts";
import { messageBytes, ping } from "../testing/raw-peer.ts";
import { until } from "../testing/until.ts";

const UNKNOWN_COMMAND = 25;

/** Takes every message. */
const RECEIVER: MessageBusReceiver = {
  onMessages: (buffer: MessageBuffer) => {
    while (buffer.next() !== null) buffer.consume().release();
  },
};

class Recorder implements ConnectionObserver {
  readonly events: string[] = [];
  readonly ends: ConnectionEnd[] = [];

  onConnected(replica: number): void {
    this.events.push(`connected ${replica}`);
  }

  onMessage(replica: number, { command }: { readonly command: number }): void {
    this.events.push(`command ${command} from ${replica}`);
  }

  onDisconnected(replica: number, end: ConnectionEnd): void {
    this.events.push(`disconnected ${replica}: ${end.reason}`);
    this.ends.push(end);
  }
}

let servers: Server[] = [];
let members: Member[] = [];

afterEach(async () => {
  for (const { bus } of members) await bus.close();
  for (const server of servers) server.close();
  servers = [];
  members = [];
});

async function listen(onSocket: (socket: Socket) => void): Promise<Address> {
  const server = createServer((socket) => {
    socket.on("error", () => undefined);
    onSocket(socket);
  });
  servers.push(server);
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const address = server.address();
  if (address === null || typeof address === "string") throw new Error("no port");
  return { family: 4, host: "127.0.0.1", port: address.port };
}

/** Dials until something ended, and says what the observer heard until then. */
async function observe(endpoint: Endpoint): Promise<Recorder> {
  const recorder = new Recorder();
  const member = createMember({ kind: "client" }, [endpoint], RECEIVER, { observer: recorder });
  members.push(member);
  await until(
    () => recorder.ends.length > 0,
    () => member.bus.tick(),
  );
  return recorder;
}

describe("the observer of a client's connections hears", () => {
  test("of a message before it is offered, and of the end", async () => {
    const address = await listen((socket) => socket.end(ping(0)));
    const { events } = await observe(address);
    expect(events.slice(0, 3)).toEqual(["connected 0", "command 1 from 0", "disconnected 0: closed"]);
  });

  test("that nothing listens", async () => {
    const address = await listen(() => undefined);
    for (const server of servers.splice(0)) await new Promise((resolve) => server.close(resolve));
    const { events, ends } = await observe(address);
    expect(events[0]).toBe("disconnected 0: refused");
    expect(ends[0]?.detail).toContain("ECONNREFUSED");
  });

  test("that a name has no address", async () => {
    const { events } = await observe({ family: "name", host: "ledger.invalid", port: 3000 });
    expect(events[0]).toBe("disconnected 0: host_not_found");
  });

  test("that somebody speaks another protocol", async () => {
    const address = await listen((socket) => socket.write(`HTTP/1.1 400 Bad Request\r\n${" ".repeat(256)}`));
    const { events } = await observe(address);
    expect(events.slice(0, 2)).toEqual(["connected 0", "disconnected 0: invalid_bytes"]);
  });

  test.each([
    ["alone", new Uint8Array(0)],
    ["behind another message", ping(0)],
  ])("that a command is unknown, %s, which ends the connection and not the process", async (_, before) => {
    const unknown = messageBytes(UNKNOWN_COMMAND, new Uint8Array(0));
    const address = await listen((socket) => socket.write(Buffer.concat([before, unknown])));
    const { ends } = await observe(address);
    expect(ends[0]?.reason).toBe("unknown_command");
    expect(ends[0]?.detail).toContain(`command ${UNKNOWN_COMMAND}`);
  });
});

test("a name leads to whoever has it", async () => {
  const { port } = await listen((socket) => socket.end(ping(0)));
  const { events } = await observe({ family: "name", host: "localhost", port });
  expect(events).toContain("command 1 from 0");
});
