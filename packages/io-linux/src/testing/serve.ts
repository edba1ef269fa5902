/**
 * A replica's bus that takes every message and drops it. Prints its port.
 *
 * @module
 */
import { TEST_MIN } from "@stagbeetle/vsr-protocol";
import { EventLoop } from "../event-loop.ts";
import { exitOnFatal } from "../fatal-exit.ts";
import { createMember } from "./network.ts";

exitOnFatal({ enabled: () => true, log: (level, message) => console.error(`${level}: ${message}`) });
const { bus } = createMember(
  { kind: "replica", replica: 0, clientsLimit: 8 },
  [{ family: 4, host: "127.0.0.1", port: 0 }],
  {
    onMessages: (buffer) => {
      while (buffer.next() !== null) buffer.consume().release();
    },
  },
);
const { port } = await bus.listen();
new EventLoop({ tickMs: TEST_MIN.process.tickMs, ticking: [bus] }).start();
console.log(port);
