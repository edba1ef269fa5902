import { connectionsMax, EventLoop, MessageBus, type MessageBusRole } from "@stagbeetle/io-linux";
import { createKernels, LinearMemory } from "@stagbeetle/kernels";
import {
  Checksums,
  Command,
  commandName,
  initHeader,
  MessagePool,
  PingClientHeader,
  Random,
  TEST_MIN as config,
} from "@stagbeetle/vsr-protocol";

// A bus takes all its memory at start-up: some messages for each connection that it can have.
function parts(role: MessageBusRole) {
  const { messageSizeMax } = config.cluster;
  const messagesMax = 5 * connectionsMax(role, 1) + 1;
  const memory = new LinearMemory({ sizeBytes: messagesMax * messageSizeMax + 65_536 });
  const pool = new MessagePool({ memory, messageSizeMax, messagesMax });
  return { role, config, pool, checksums: new Checksums(createKernels({ memory })), random: new Random(1) };
}

// A replica's bus listens, and says what comes.
const { promise: heard, resolve: onHeard } = Promise.withResolvers<void>();
const replica = new MessageBus({
  ...parts({ kind: "replica", replica: 0, clientsLimit: 8 }),
  addresses: [{ family: 4, host: "127.0.0.1", port: 0 }],
  receiver: {
    onMessages(buffer) {
      for (let header = buffer.next(); header !== null; header = buffer.next()) {
        console.log(`received ${commandName(header.command)} of ${header.size} bytes`);
        buffer.consume().release();
        onHeard();
      }
    },
  },
});
const address = await replica.listen();

// A client's bus connects to every replica. This one sends a ping as soon as it is connected.
const { pool, checksums, ...clientParts } = parts({ kind: "client" });
const client = new MessageBus({
  ...clientParts,
  pool,
  checksums,
  addresses: [address],
  receiver: { onMessages: () => undefined },
  observer: {
    onConnected(index) {
      const ping = pool.acquire();
      const header = ping.as(PingClientHeader);
      initHeader(header, Command.pingClient, 0n);
      header.client = 7n;
      checksums.setEmptyBody(header);
      client.sendMessageToReplica(index, ping);
      ping.release();
    },
    onMessage: () => undefined,
    onDisconnected: () => undefined,
  },
});

// Connections are made as time passes.
const loop = new EventLoop({ tickMs: config.process.tickMs, ticking: [replica, client] });
loop.start();
await heard;
loop.stop();
await client.close();
await replica.close();
