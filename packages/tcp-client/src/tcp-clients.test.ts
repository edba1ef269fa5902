import { EvictionReason, PRODUCTION, releaseOf } from "@stagbeetle/vsr-protocol";
import { afterEach, beforeEach, expect, test } from "vitest";

import { FakeReplica } from "../test/fake-replica.ts";
import { EvictedError } from "./tcp-client.ts";
import { TcpClients } from "./tcp-clients.ts";

const OPERATION = 200;
const BODY = new Uint8Array([1, 2, 3]);

let replica: FakeReplica;
let clients: TcpClients;

beforeEach(async () => {
  replica = await new FakeReplica().start();
  clients = new TcpClients({
    count: 3,
    config: PRODUCTION,
    cluster: 0n,
    addresses: [{ family: 4, host: "127.0.0.1", port: replica.port }],
    release: releaseOf(0, 17, 9),
    tickMs: 1,
  });
});

afterEach(async () => {
  await clients.close();
  await replica.stop();
});

test("clients register and are answered, each with its own answer", async () => {
  await clients.register();
  expect(clients.bodySizeMax).toBe(32_512);
  const answers = await Promise.all(
    clients.all.map((client, index) => client.request(OPERATION, new Uint8Array([index]))),
  );
  expect(answers.map(({ body }) => [...body])).toEqual([[0], [1], [2]]);
  expect(answers.map(({ timestamp }) => timestamp)).toEqual([5000n, 5000n, 5000n]);
});

test("a client goes on with the next server at the same address", async () => {
  await clients.register();
  await replica.stop();
  const answer = clients.at(0).request(OPERATION, BODY);
  await replica.start();
  expect((await answer).body).toEqual(BODY);
});

test("the end of a session rejects what is under way, and whatever comes later", async () => {
  await clients.register();
  replica.onRequest = () => ({ evict: EvictionReason.noSession });
  await expect(clients.at(1).request(OPERATION, BODY)).rejects.toThrow(EvictedError);
  await expect(clients.at(1).request(OPERATION, BODY)).rejects.toThrow(EvictedError);
});

test("what looks at an answer may refuse it", async () => {
  await clients.register();
  const refuse = (): never => {
    throw new RangeError("too short");
  };
  await expect(clients.at(2).requestWith(OPERATION, BODY, refuse)).rejects.toThrow("too short");
});
