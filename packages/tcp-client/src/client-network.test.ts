import { Session } from "@stagbeetle/client";
import { SystemTime } from "@stagbeetle/io-linux";
import { PRODUCTION, releaseOf } from "@stagbeetle/vsr-protocol";
import { afterEach, beforeEach, expect, test, vi } from "vitest";

import { FakeReplica } from "../test/fake-replica.ts";
import { randomClientId } from "./client-id.ts";
import { ClientNetwork, type ClientParts } from "./client-network.ts";

const release = releaseOf(0, 17, 9);

let replica: FakeReplica;

beforeEach(async () => {
  replica = await new FakeReplica().start();
});

afterEach(async () => {
  vi.restoreAllMocks();
  await replica.stop();
});

function network(clientsMax: number): ClientNetwork {
  const addresses = [{ family: 4, host: "127.0.0.1", port: replica.port }] as const;
  return new ClientNetwork({ config: PRODUCTION, cluster: 0n, addresses, clientsMax, time: new SystemTime() });
}

const session = (parts: ClientParts): Session => new Session({ ...parts, onEviction: () => undefined });

test("a session can open on what it is given", async () => {
  const { receiver, bus } = network(1).connect({ release, client: 7n }, session);
  const timer = setInterval(() => receiver.tick(), 1);
  await new Promise<void>((resolve) => receiver.register(resolve));
  clearInterval(timer);
  expect(receiver.state).toBe("idle");
  receiver.close();
  await bus.close();
});

test("what breaks while a message is looked at is told to whoever asked for it", async () => {
  const onBroken = vi.fn<(error: unknown) => void>();
  const broken = new Error("broken");
  const { receiver, bus } = network(1).connect({ release, onBroken }, session);
  vi.spyOn(receiver, "onMessages").mockImplementation(() => {
    throw broken;
  });
  const timer = setInterval(() => receiver.tick(), 1);
  receiver.register(() => expect.fail("nothing was understood"));
  await vi.waitFor(() => expect(onBroken).toHaveBeenCalledWith(broken), { timeout: 60_000 });
  clearInterval(timer);
  receiver.close();
  await bus.close();
});

test("no more clients connect than there are messages for", () => {
  const one = network(1);
  one.connect({ release }, session);
  expect(() => one.connect({ release }, session)).toThrow("more than 1 clients");
});

test("ids of clients are never the two that are not allowed", () => {
  const fill =
    (byte: number) =>
    <View extends ArrayBufferView | null>(view: View): View => {
      if (view !== null) new Uint8Array(view.buffer, view.byteOffset, view.byteLength).fill(byte);
      return view;
    };
  const random = vi.spyOn(crypto, "getRandomValues");
  for (const byte of [0x00, 0xff, 0x01]) random.mockImplementationOnce(fill(byte));
  expect(randomClientId()).toBe(0x01010101_01010101_01010101_01010101n);
});
