import { createSocket } from "node:dgram";
import type { Socket } from "node:dgram";
import { once } from "node:events";

import type { Logger } from "@stagbeetle/vsr-protocol";
import { afterEach, beforeEach, expect, test } from "vitest";

import { metricsSample } from "../testing/metrics.ts";
import { StatsD } from "./statsd.ts";

const SAMPLE = metricsSample();

let server: Socket;
let statsd: StatsD | null = null;
let logged: string[] = [];
const logger: Logger = { enabled: () => true, log: (level, message) => logged.push(`${level}: ${message}`) };

beforeEach(async () => {
  logged = [];
  server = createSocket("udp4").bind(0, "127.0.0.1");
  await once(server, "listening");
});

afterEach(() => {
  statsd?.close();
  statsd = null;
  server.close();
});

function sender(): StatsD {
  statsd = new StatsD({ family: 4, host: "127.0.0.1", port: server.address().port }, logger);
  return statsd;
}

/** Tries until the way is found. */
async function emitted(to: StatsD): Promise<void> {
  while (!to.emit(SAMPLE)) await new Promise(setImmediate);
}

/** The text of the next datagrams, until one holds the last line of a sample. */
async function received(): Promise<string> {
  let text = "";
  while (!text.includes("message_bus_connections_max")) {
    const [datagram] = (await once(server, "message")) as [Buffer];
    text += datagram.toString();
  }
  return text;
}

test("a sample arrives, and the next one says how many datagrams it took", async () => {
  const to = sender();
  const first = received();
  await emitted(to);
  expect(await first).toMatch(/^tb\.replica_start:0\|g\|#cluster:0{32},replica:0\ntb\.replica_status:0\|g\|/u);
  expect(await first).not.toContain("metrics_statsd_packets");
  const second = received();
  await emitted(to);
  expect(await second).toContain("tb.metrics_statsd_packets:2|g|");
});

test("what is sent while the last datagrams are on their way to the system is not taken", async () => {
  const to = sender();
  await emitted(to);
  logged = [];
  expect(to.emit(SAMPLE)).toBe(false);
  expect(logged).toEqual(["error: metrics are not sent: the last ones are still being sent"]);
});

test("what is sent before there is a way to the server is not taken", () => {
  expect(sender().emit(SAMPLE)).toBe(false);
  expect(logged).toEqual(["error: metrics are not sent: there is no way to the server"]);
});
