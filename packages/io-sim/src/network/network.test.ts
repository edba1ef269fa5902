import { LinearMemory } from "@stagbeetle/kernels";
import { Checksums, MessagePool, type MessageBusReceiver, Random, TEST_MIN } from "@stagbeetle/vsr-protocol";
import { messageBusCompliance, type MessageBusNetwork, type NetworkMember } from "@stagbeetle/vsr-protocol/compliance";
import { describe, expect, test } from "vitest";

import type { Address, Packet } from "./endpoint.ts";
import { type NetworkFaults, NO_NETWORK_FAULTS, SimulatedNetwork } from "./network.ts";

const MESSAGES_MAX = 64;
const TURNS_MAX = 10_000;

function createPool(): MessagePool {
  const { messageSizeMax } = TEST_MIN.cluster;
  const memory = new LinearMemory({ sizeBytes: (MESSAGES_MAX + 1) * messageSizeMax + 65_536, shared: false });
  return new MessagePool({ memory, messageSizeMax, messagesMax: MESSAGES_MAX });
}

/** A network as the compliance suite drives it. */
class NetworkSubject implements MessageBusNetwork {
  readonly config: typeof TEST_MIN = TEST_MIN;
  readonly replicas: readonly NetworkMember[];
  readonly #network: SimulatedNetwork;

  constructor(receivers: readonly MessageBusReceiver[], faults: NetworkFaults) {
    const options = { config: TEST_MIN, checksums: new Checksums(), random: new Random(1) };
    this.#network = new SimulatedNetwork({ ...options, faults });
    this.replicas = receivers.map((receiver, index) => {
      const pool = createPool();
      return { pool, bus: this.#network.addReplica(index, { pool, receiver }) };
    });
  }

  async addClient(client: bigint, receiver: MessageBusReceiver): Promise<NetworkMember> {
    const pool = createPool();
    return Promise.resolve({ pool, bus: this.#network.addClient(client, { pool, receiver }) });
  }

  async until(condition: () => boolean): Promise<void> {
    for (let turns = 0; !condition(); turns += 1) {
      if (turns > TURNS_MAX) throw new Error("the condition does not come true");
      this.#network.tick();
      while (this.#network.step());
    }
    await Promise.resolve();
  }

  async close(): Promise<void> {
    await Promise.resolve();
  }
}

const FAULTS: NetworkFaults = {
  ...NO_NETWORK_FAULTS,
  delayMinTicks: 1,
  delayMeanTicks: 5,
  loss: { numerator: 1, denominator: 4 },
  repetition: { numerator: 1, denominator: 4 },
};

describe.each([
  ["at its best", NO_NETWORK_FAULTS],
  ["that delays", { ...NO_NETWORK_FAULTS, delayMinTicks: 1, delayMeanTicks: 5 }],
])("a simulated network %s", (_, faults) => {
  for (const { name, run } of messageBusCompliance) {
    test(name, () => run(async (receivers) => Promise.resolve(new NetworkSubject(receivers, faults))));
  }
});

describe("a network with faults", () => {
  function deliveries(seed: number): { readonly packets: readonly Packet[]; readonly network: SimulatedNetwork } {
    const packets: Packet[] = [];
    const receiver: MessageBusReceiver = {
      onMessages: (buffer) => {
        while (buffer.next() !== null) buffer.consume().release();
      },
    };
    const network = new SimulatedNetwork({
      config: TEST_MIN,
      checksums: new Checksums(),
      random: new Random(seed),
      faults: FAULTS,
      observer: { onSent: () => undefined, onDelivered: (packet) => packets.push(packet) },
    });
    const pool = createPool();
    const bus = network.addReplica(0, { pool, receiver });
    network.addReplica(1, { pool: createPool(), receiver });
    for (let sent = 0; sent < 200; sent += 1) {
      const message = pool.acquire();
      message.buffer.fill(0, 0, 256);
      message.header.size = 256;
      message.header.view = sent;
      new Checksums().setMessage(message);
      bus.sendMessageToReplica(1, message);
      message.release();
      network.tick();
      while (network.step());
    }
    expect(pool.available).toBe(pool.messagesMax);
    return { packets, network };
  }

  test("loses, repeats and reorders packets, and the same seed does so in the same way", () => {
    const { packets, network } = deliveries(1);
    const order = (delivered: readonly Packet[]): readonly [Address, number][] =>
      delivered.map(({ to, bytes }) => [to, new DataView(bytes.buffer, bytes.byteOffset).getUint32(104, true)]);
    expect(network.counts.lost).toBeGreaterThan(0);
    expect(network.counts.repeated).toBeGreaterThan(0);
    expect(packets.length).toBe(network.counts.delivered);
    const views = order(packets).map(([, view]) => view);
    expect(views).not.toEqual(views.toSorted((a, b) => a - b));
    expect(order(deliveries(1).packets)).toEqual(order(packets));
    expect(order(deliveries(2).packets)).not.toEqual(order(packets));
  });
});
