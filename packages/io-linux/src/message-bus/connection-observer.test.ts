import {
  type Address,
  type ConnectionEnd,
  type ConnectionObserver,
  type Endpoint,
  type MessageBuffer,
  type MessageBusReceiver,
} from "@stagbeetle/vsr-protocol";
import { describe, expect, test } from "vitest";

import { createMember } from "../testing/network.ts";
import { PlainServer } from "../testing/plain-server.ts";
import { messageBytes, NO_BODY, ping } from "../testing/raw-peer.ts";
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

/** Where somebody listened a moment ago. */
async function addressOfNobody(): Promise<Address> {
  using server = await PlainServer.start(() => undefined);
  return server.address;
}

/** Dials until something ended, and says what the observer heard until then. */
async function observe(endpoint: Endpoint): Promise<Recorder> {
  const recorder = new Recorder();
  const { bus } = createMember({ kind: "client" }, [endpoint], RECEIVER, { observer: recorder });
  await until(
    () => recorder.ends.length > 0,
    () => bus.tick(),
  );
  await bus.close();
  return recorder;
}

describe("the observer of a client's connections hears", () => {
  test("of a message before it is offered, and of the end", async () => {
    using server = await PlainServer.start((socket) => socket.end(ping(0)));
    const { events } = await observe(server.address);
    expect(events.slice(0, 3)).toEqual(["connected 0", "command 1 from 0", "disconnected 0: closed"]);
  });

  test("that nothing listens", async () => {
    const { events, ends } = await observe(await addressOfNobody());
    expect(events[0]).toBe("disconnected 0: refused");
    expect(ends[0]?.detail).toContain("ECONNREFUSED");
  });

  test("that a name has no address", async () => {
    const { events } = await observe({ family: "name", host: "ledger.invalid", port: 3000 });
    expect(events[0]).toBe("disconnected 0: host_not_found");
  });

  test("that somebody speaks another protocol", async () => {
    using server = await PlainServer.start((socket) => socket.write(`HTTP/1.1 400 Bad Request\r\n${" ".repeat(256)}`));
    const { events } = await observe(server.address);
    expect(events.slice(0, 2)).toEqual(["connected 0", "disconnected 0: invalid_bytes"]);
  });

  test.each([
    ["alone", NO_BODY],
    ["behind another message", ping(0)],
  ])("that a command is unknown, %s, which ends the connection and not the process", async (_, before) => {
    const unknown = messageBytes(UNKNOWN_COMMAND, NO_BODY);
    using server = await PlainServer.start((socket) => socket.write(Buffer.concat([before, unknown])));
    const { ends } = await observe(server.address);
    expect(ends[0]?.reason).toBe("unknown_command");
    expect(ends[0]?.detail).toContain(`command ${UNKNOWN_COMMAND}`);
  });
});

test("a name leads to whoever has it", async () => {
  using server = await PlainServer.start((socket) => socket.end(ping(0)));
  const { events } = await observe({ family: "name", host: "localhost", port: server.address.port });
  expect(events).toContain("command 1 from 0");
});
