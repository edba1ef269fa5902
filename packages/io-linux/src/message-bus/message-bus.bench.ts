/**
 * Messages between a client's bus and a replica's over loopback, checksums included, both in this process.
 */
import {
  type Config,
  createConfig,
  Header,
  type Message,
  type MessageBuffer,
  PRODUCTION,
} from "@stagbeetle/vsr-protocol";
import type { Bench } from "tinybench";
import { type Member, Network } from "../testing/network.ts";
import { pingClient, request } from "../testing/raw-peer.ts";

const CLIENT = 5n;
const ROUND_TRIPS = 100;

const CONFIG: Config = createConfig(
  PRODUCTION.cluster,
  { ...PRODUCTION.process, connectionDelayMinMs: 0, connectionDelayMaxMs: 1 },
  "bench",
);

interface Pair {
  readonly replica: Member;
  readonly client: Member;
}

/** Whoever waits for the next answer. */
let answered: () => void = () => undefined;

function consumeAll(buffer: MessageBuffer, take: (message: Message) => void): void {
  while (buffer.next() !== null) {
    const message = buffer.consume();
    take(message);
    message.release();
  }
}

async function connectPair(): Promise<Pair> {
  // The replica sends every message back to the client.
  const members: Member[] = [];
  const network = await Network.start(
    [{ onMessages: (buffer) => consumeAll(buffer, (message) => members[0]?.bus.sendMessageToClient(CLIENT, message)) }],
    { config: CONFIG, clientsLimit: 1 },
  );
  members.push(...network.replicas);
  const client = network.addClient({ onMessages: (buffer) => consumeAll(buffer, () => answered()) });
  let introduced = false;
  answered = () => (introduced = true);
  const message = client.pool.acquire();
  message.buffer.set(pingClient(CLIENT));
  await network.until(() => {
    if (!introduced) client.bus.sendMessageToReplica(0, message);
    return introduced;
  });
  message.release();
  const [replica] = network.replicas;
  if (replica === undefined) throw new Error("there is no replica");
  return { replica, client };
}

/** Sends the message and waits for it to come back, a number of times, one after the other. */
async function roundTrips({ client }: Pair, bytes: Uint8Array, count: number): Promise<void> {
  const message = client.pool.acquire();
  message.buffer.set(bytes);
  await new Promise<void>((resolve) => {
    let left = count;
    answered = () => {
      left -= 1;
      if (left === 0) resolve();
      else client.bus.sendMessageToReplica(0, message);
    };
    client.bus.sendMessageToReplica(0, message);
  });
  message.release();
}

/** Adds the tasks. */
export default function addTasks(bench: Bench): void {
  const pair = connectPair();
  for (const bodySizeBytes of [0, 128 * 30, CONFIG.derived.messageBodySizeMax]) {
    const bytes = request(CLIENT, new Uint8Array(bodySizeBytes));
    const sizeBytes = new Header(bytes).size;
    bench.add(`${ROUND_TRIPS} round trips of ${sizeBytes} bytes`, async () => {
      await roundTrips(await pair, bytes, ROUND_TRIPS);
    });
  }
}
