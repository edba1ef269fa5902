/**
 * Sending metrics to a StatsD server over UDP (spec 06 §8.3).
 *
 * Nobody confirms anything, and nothing waits for it: a replica must not care whether its metrics are heard.
 */
import { createSocket } from "node:dgram";
import type { Socket } from "node:dgram";

import { assert } from "@stagbeetle/kernels";
import { formatAddress } from "@stagbeetle/vsr-protocol";
import type { Address, Logger } from "@stagbeetle/vsr-protocol";

import { datagrams } from "./datagrams.ts";
import { statsdLines } from "./statsd-lines.ts";
import type { MetricsSample } from "./statsd-lines.ts";

/** `connecting` → `connected`, or → `unreachable` → `connecting`. UDP connects to whatever there is a way to. */
type State = "connecting" | "connected" | "unreachable";

/** Sends metrics to one server. */
export class StatsD {
  readonly #address: Address;
  readonly #socket: Socket;
  readonly #logger: Logger;
  #state: State = "connecting";
  /** Datagrams that the system has not taken yet. */
  #pending = 0;
  /** Errors since the last emission. A machine on which nobody listens answers each datagram with one. */
  #errors = 0;
  /** How many datagrams the last emission took. */
  #packets: number | null = null;

  /** Begins to find the way to the server. The process does not wait for the socket to be closed. */
  constructor(address: Address, logger: Logger) {
    assert(address.port > 0, "nobody can be reached on port 0");
    this.#address = address;
    this.#logger = logger;
    this.#socket = createSocket(address.family === 6 ? "udp6" : "udp4").unref();
    this.#socket.on("connect", () => (this.#state = "connected"));
    this.#socket.on("error", () => this.#onError());
    this.#connect();
  }

  /**
   * Sends a sample.
   *
   * @returns false if that is not possible now: there is no way to the server, or the datagrams of the last sample are still on
   * their way to the system. Then the counts of this sample are to be part of the next one.
   */
  emit(sample: Omit<MetricsSample, "packets">): boolean {
    if (this.#state !== "connected" || this.#pending > 0) {
      this.#refuse();
      return false;
    }
    if (this.#errors > 0) this.#logger.log("warn", "metrics were not heard by anybody", { errors: this.#errors });
    this.#errors = 0;
    const packed = datagrams(statsdLines({ ...sample, packets: this.#packets }));
    for (const datagram of packed) this.#send(datagram);
    this.#packets = packed.length;
    return true;
  }

  /** Sends no more. */
  close(): void {
    this.#socket.close();
  }

  #connect(): void {
    const { host, port } = this.#address;
    this.#state = "connecting";
    this.#socket.connect(port, host);
  }

  #refuse(): void {
    const because =
      this.#state === "connected" ? "the last ones are still being sent" : "there is no way to the server";
    this.#logger.log("error", `metrics are not sent: ${because}`, { server: formatAddress(this.#address) });
    if (this.#state === "unreachable") this.#connect();
  }

  #send(datagram: Buffer): void {
    this.#pending += 1;
    this.#socket.send(datagram, (error) => {
      this.#pending -= 1;
      if (error !== null) this.#errors += 1;
    });
  }

  #onError(): void {
    this.#errors += 1;
    if (this.#state === "connecting") this.#state = "unreachable";
  }
}
