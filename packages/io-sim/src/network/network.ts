/**
 * A network in memory: packets that are delayed, lost, repeated and overtaken as one seed says (spec 07 §9).
 *
 * It has the behaviour of connections that the message bus port promises: bounded send queues, framing by
 * {@link MessageBuffer}, back-pressure by suspended messages, clients that can be answered only once they were heard of.
 *
 * @module
 */
import { assert } from "@stagbeetle/kernels";
import {
  type Checksums,
  type Config,
  type MessageBusReceiver,
  type MessagePool,
  type Random,
} from "@stagbeetle/vsr-protocol";

import { exponential } from "../exponential.ts";
import { NEVER, type Ratio } from "../faults/storage-faults.ts";
import { type Address, Endpoint, type Packet } from "./endpoint.ts";
import { SimulatedMessageBus } from "./message-bus.ts";

/** How a network misbehaves. */
export interface NetworkFaults {
  /** How long a packet travels: the minimum and an exponential draw, in ticks of 10 ms. */
  readonly delayMinTicks: number;
  readonly delayMeanTicks: number;
  /** A packet never arrives. */
  readonly loss: Ratio;
  /** A packet arrives twice. */
  readonly repetition: Ratio;
}

/** A network that delivers everything within the next tick. */
export const NO_NETWORK_FAULTS: NetworkFaults = {
  delayMinTicks: 0,
  delayMeanTicks: 0,
  loss: NEVER,
  repetition: NEVER,
};

/** Sees every packet, before loss and after arrival. */
export interface NetworkObserver {
  onSent(packet: Packet): void;
  onDelivered(packet: Packet): void;
}

/** How often something happened. */
export interface NetworkCounts {
  delivered: number;
  lost: number;
  repeated: number;
}

/** What a network is made of. */
export interface SimulatedNetworkOptions {
  readonly config: Config;
  readonly checksums: Checksums;
  /** Its own generator, so that its draws disturb nobody else's. */
  readonly random: Random;
  readonly faults?: NetworkFaults;
  readonly observer?: NetworkObserver;
}

/** Who joins, and where its messages come from and go back to. */
export interface Joining {
  readonly pool: MessagePool;
  readonly receiver: MessageBusReceiver;
}

/** A packet on its way. */
interface Travelling {
  readonly packet: Packet;
  readonly arrivalTick: number;
  readonly sequence: number;
}

/**
 * Connects replicas and clients. Nothing happens by itself: `tick` lets 10 ms pass, `step` does at most one thing that is
 * due.
 */
export class SimulatedNetwork {
  readonly counts: NetworkCounts = { delivered: 0, lost: 0, repeated: 0 };
  readonly #options: SimulatedNetworkOptions;
  readonly #endpoints: Map<Address, Endpoint> = new Map();
  #faults: NetworkFaults;
  #travelling: Travelling[] = [];
  #ticks = 0;
  #sequence = 0;

  constructor(options: SimulatedNetworkOptions) {
    this.#options = options;
    this.#faults = options.faults ?? NO_NETWORK_FAULTS;
  }

  /** Changes what may go wrong from now on. What is on its way stays. */
  set faults(faults: NetworkFaults) {
    this.#faults = faults;
  }

  /** Connects a replica that has started. */
  addReplica(replica: number, joining: Joining): SimulatedMessageBus {
    return this.#add(replica, joining, this.#options.config.derived.connectionSendQueueMaxReplica);
  }

  /** Connects a client. It reaches every replica; a replica reaches it once it has heard of it. */
  addClient(client: bigint, joining: Joining): SimulatedMessageBus {
    return this.#add(client, joining, this.#options.config.derived.connectionSendQueueMaxClient);
  }

  /**
   * Cuts somebody off who has stopped: its queues are lost and all its messages given back. What has left it still arrives;
   * what is on its way to it does not.
   */
  remove(address: Address): void {
    const endpoint = this.#endpoints.get(address);
    assert(endpoint !== undefined, () => `${address} is not connected`);
    endpoint.close();
    this.#endpoints.delete(address);
    for (const other of this.#endpoints.values()) other.forget(address);
    this.#travelling = this.#travelling.filter(({ packet }) => packet.to !== address);
  }

  /** Lets 10 ms pass. Delivers nothing. */
  tick(): void {
    this.#ticks += 1;
  }

  /** Sends what is queued, then delivers the packet that is due first, if any. Returns whether anything happened. */
  step(): boolean {
    let progressed = false;
    for (const endpoint of this.#endpoints.values()) {
      if (endpoint.transmit((packet) => this.#transmit(packet))) progressed = true;
      if (endpoint.offerSuspended()) progressed = true;
    }
    const arrived = this.#takeDue();
    if (arrived === null) return progressed;
    this.counts.delivered += 1;
    const endpoint = this.#endpoints.get(arrived.to);
    // Whoever it is for may have left.
    if (endpoint === undefined) return true;
    this.#options.observer?.onDelivered(arrived);
    endpoint.receive(arrived);
    return true;
  }

  #add(address: Address, joining: Joining, sendQueueMax: number): SimulatedMessageBus {
    assert(!this.#endpoints.has(address), () => `${address} is connected already`);
    const { checksums } = this.#options;
    const endpoint = new Endpoint({ ...joining, address, checksums, sendQueueMax });
    this.#endpoints.set(address, endpoint);
    return new SimulatedMessageBus(endpoint);
  }

  #transmit(packet: Packet): void {
    const { loss, repetition } = this.#faults;
    const { random, observer } = this.#options;
    observer?.onSent(packet);
    if (chance(random, loss)) {
      this.counts.lost += 1;
      return;
    }
    this.#launch(packet);
    if (!chance(random, repetition)) return;
    this.counts.repeated += 1;
    this.#launch(packet);
  }

  #launch(packet: Packet): void {
    const { delayMinTicks, delayMeanTicks } = this.#faults;
    const delay = delayMinTicks + exponential(this.#options.random, delayMeanTicks);
    this.#sequence += 1;
    this.#travelling.push({ packet, arrivalTick: this.#ticks + delay, sequence: this.#sequence });
  }

  /** The first packet that is due and whose receiver takes packets. */
  #takeDue(): Packet | null {
    let first: Travelling | null = null;
    for (const travelling of this.#travelling) {
      if (travelling.arrivalTick > this.#ticks) continue;
      const { from, to } = travelling.packet;
      if (this.#endpoints.get(to)?.holdsBack(from) === true) continue;
      if (first === null || earlier(travelling, first)) first = travelling;
    }
    if (first === null) return null;
    this.#travelling.splice(this.#travelling.indexOf(first), 1);
    return first.packet;
  }
}

function earlier(a: Travelling, b: Travelling): boolean {
  return a.arrivalTick === b.arrivalTick ? a.sequence < b.sequence : a.arrivalTick < b.arrivalTick;
}

function chance(random: Random, { numerator, denominator }: Ratio): boolean {
  return numerator > 0 && random.chance(numerator, denominator);
}
