import { Socket } from "node:net";
import { type Address, TEST_MIN } from "@stagbeetle/vsr-protocol";
import { expect, test, vi } from "vitest";
import { createMember } from "../testing/network.ts";
import { until } from "../testing/until.ts";
import { USER_TIMEOUT_MS } from "./socket-options.ts";

const sockets: Socket[] = [];

vi.mock("./sockets.ts", () => ({
  /** As if nobody answered, neither yes nor no. */
  dial: () => {
    const socket = new Socket();
    sockets.push(socket);
    return socket;
  },
}));

test("an attempt to connect that nobody answers is given up after 17 s, and repeated", async () => {
  const address: Address = { family: 4, host: "192.0.2.1", port: 1 };
  const receiver = { onMessages: () => undefined };
  const { bus } = createMember({ kind: "client" }, [address], receiver, { config: TEST_MIN });
  const tick = (): void => bus.tick();
  await until(() => sockets.length === 1, tick);
  const deadlineTicks = USER_TIMEOUT_MS / TEST_MIN.process.tickMs;
  for (let ticks = 1; ticks < deadlineTicks; ticks += 1) tick();
  expect(sockets[0]?.destroyed).toBe(false);
  tick();
  expect(sockets[0]?.destroyed).toBe(true);
  await until(() => sockets.length === 2, tick);
  await bus.close();
});
