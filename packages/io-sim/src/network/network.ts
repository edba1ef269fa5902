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
import { chance, NEVER, type Ratio } from "../faults/storage-faults.ts";
import { type Address, Endpoint, type Packet } from "./endpoint.ts";
import { SimulatedMessageBus } from "./message-bus.ts";
import { NO_PARTITIONS, type PartitionFaults, Partitions } from "./partitions.ts";
import { commandOf, keyOf, Rules } from "./rules.ts";

/** How a network misbehaves. */
export interface NetworkFaults {
  /** How long a packet travels: the minimum and an exponential draw, in ticks of 10 ms. */
  readonly delayMinTicks: number;
  readonly delayMeanTicks: number;
  /** A packet is lost at the end of its way. */
  readonly loss: Ratio;
  /** A packet arrives, and once more, later. */
  readonly repetition: Ratio;
  /** How many packets a link has under way at most; of more, a random one is lost. */
  readonly linkCapacity: number;
  /** A link carries nothing for a while: the chance in each tick, and how long on average, in ticks. */
  readonly clog: Ratio;
  readonly clogMeanTicks: number;
  readonly partitions: PartitionFaults;
}

/** A network that delivers everything within the next tick. */
export const NO_NETWORK_FAULTS: NetworkFaults = {
  delayMinTicks: 0,
  delayMeanTicks: 0,
  loss: NEVER,
  repetition: NEVER,
  linkCapacity: Number.POSITIVE_INFINITY,
  clog: NEVER,
  clogMeanTicks: 0,
  partitions: NO_PARTITIONS,
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
  /** Lost by a partition, a rule or a full link. */
  cut: number;
}

/** What a network is made of. */
export interface SimulatedNetworkOptions {
  readonly config: Config;
  readonly checksums: Checksums;
  /** Its own generator, so that its draws disturb nobody else's. */
  readonly random: Random;
  readonly faults?: NetworkFaults;
  readonly observer?: NetworkObserver;
  /** How many nodes partitions divide: replicas and standbys. */
  readonly nodeCount?: number;
  /** How long a packet travels from one address to another, in ticks, if it depends on where they are. */
  readonly delayTicks?: (from: Address, to: Address) => number;
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
  readonly counts: NetworkCounts = { delivered: 0, lost: 0, repeated: 0, cut: 0 };
  /** What a test has the network lose. */
  readonly rules: Rules = new Rules();
  readonly partitions: Partitions;
  readonly #options: SimulatedNetworkOptions;
  readonly #endpoints: Map<Address, Endpoint> = new Map();
  /** Those whose machines stand still: what is for them waits. */
  readonly #paused: Set<Address> = new Set();
  /** Until when links carry nothing, by their names. */
  readonly #cloggedTick: Map<string, number> = new Map();
  readonly #recording: Packet[] = [];
  #faults: NetworkFaults;
  /** In the order of arrival. */
  #travelling: Travelling[] = [];
  #ticks = 0;
  #sequence = 0;

  constructor(options: SimulatedNetworkOptions) {
    this.#options = options;
    this.#faults = options.faults ?? NO_NETWORK_FAULTS;
    this.partitions = new Partitions(options.random, options.nodeCount ?? 1);
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
   * what is on its way to it reaches whoever has its address by then, if anybody.
   */
  remove(address: Address): void {
    const endpoint = this.#endpoints.get(address);
    assert(endpoint !== undefined, () => `${address} is not connected`);
    endpoint.close();
    this.#endpoints.delete(address);
    this.#paused.delete(address);
    for (const other of this.#endpoints.values()) other.forget(address);
  }

  /** Loses all that is on its way to somebody. */
  discard(to: Address): void {
    this.#travelling = this.#travelling.filter(({ packet }) => packet.to !== to);
  }

  /** Lets all that is for somebody wait, because its machine stands still. */
  pause(address: Address): void {
    this.#paused.add(address);
  }

  /** Delivers what had to wait. */
  unpause(address: Address): void {
    this.#paused.delete(address);
  }

  /** Sends what was recorded once more, the last packet first, and records no more. Returns how many packets. */
  replayRecorded(): number {
    this.rules.recordNothing();
    const recorded = this.#recording.splice(0).toReversed();
    for (const packet of recorded) this.#launch(packet);
    return recorded.length;
  }

  /** Lets 10 ms pass. Delivers nothing. */
  tick(): void {
    this.#ticks += 1;
    this.partitions.tick(this.#faults.partitions);
    if (this.#faults.clog.numerator > 0) this.#clog();
  }

  /** Sends what is queued, then delivers the packet that is due first, if any. Returns whether anything happened. */
  step(): boolean {
    let progressed = false;
    for (const endpoint of this.#endpoints.values()) {
      if (endpoint.transmit((packet) => this.#transmit(packet))) progressed = true;
      if (!this.#paused.has(endpoint.address) && endpoint.offerSuspended()) progressed = true;
    }
    const arrived = this.#takeDue();
    if (arrived === null) return progressed;
    this.#arrive(arrived);
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
    this.#options.observer?.onSent(packet);
    if (this.rules.records(packet, commandOf(packet))) this.#recording.push(packet);
    this.#launch(packet);
  }

  #launch(packet: Packet): void {
    this.#makeRoom(packet);
    const { delayMinTicks, delayMeanTicks } = this.#faults;
    const { random, delayTicks } = this.#options;
    const distance = delayTicks?.(packet.from, packet.to) ?? 0;
    const arrivalTick = this.#ticks + distance + delayMinTicks + exponential(random, delayMeanTicks);
    this.#sequence += 1;
    const travelling = { packet, arrivalTick, sequence: this.#sequence };
    const after = this.#travelling.findLastIndex((other) => other.arrivalTick <= arrivalTick);
    this.#travelling.splice(after + 1, 0, travelling);
  }

  /** Loses a random one of the packets under way on the same link, if it is full. */
  #makeRoom({ from, to }: Packet): void {
    const { linkCapacity } = this.#faults;
    if (this.#travelling.length < linkCapacity) return;
    const onLink = this.#travelling.filter(({ packet }) => packet.from === from && packet.to === to);
    if (onLink.length < linkCapacity) return;
    const lost = onLink[this.#options.random.index(onLink.length)];
    this.#travelling = this.#travelling.filter((travelling) => travelling !== lost);
    this.counts.cut += 1;
  }

  #clog(): void {
    const { clog, clogMeanTicks } = this.#faults;
    const { random } = this.#options;
    const addresses = [...this.#endpoints.keys()];
    // One draw for all links that lead away from somebody: a draw for each of them would take most of a run's time.
    const numerator = Math.min(clog.numerator * addresses.length, clog.denominator);
    for (const from of addresses) {
      if (!chance(random, { numerator, denominator: clog.denominator })) continue;
      const to = addresses[random.index(addresses.length)];
      assert(to !== undefined, "a link leads somewhere");
      this.#cloggedTick.set(keyOf({ from, to }), this.#ticks + exponential(random, clogMeanTicks));
    }
  }

  /** The first packet that is due, on a link that carries packets, and whose receiver takes packets. */
  #takeDue(): Packet | null {
    for (const [index, { packet, arrivalTick }] of this.#travelling.entries()) {
      if (arrivalTick > this.#ticks) return null;
      if (this.#waits(packet)) continue;
      this.#travelling.splice(index, 1);
      return packet;
    }
    return null;
  }

  #waits(packet: Packet): boolean {
    const { from, to } = packet;
    if (this.#paused.has(to) || this.#endpoints.get(to)?.holdsBack(from) === true) return true;
    if (this.#cloggedTick.size === 0) return false;
    return (this.#cloggedTick.get(keyOf(packet)) ?? 0) > this.#ticks;
  }

  /** A packet is at the end of its way. It may be lost there, arrive, or arrive and come once more. */
  #arrive(packet: Packet): void {
    const { random, observer } = this.#options;
    const { loss, repetition } = this.#faults;
    if (this.partitions.cuts(packet.from, packet.to) || this.rules.loses(packet, commandOf(packet))) {
      this.counts.cut += 1;
      return;
    }
    if (chance(random, loss)) {
      this.counts.lost += 1;
      return;
    }
    if (chance(random, repetition)) {
      this.counts.repeated += 1;
      this.#launch(packet);
    }
    this.counts.delivered += 1;
    const endpoint = this.#endpoints.get(packet.to);
    // Whoever it is for may have left.
    if (endpoint === undefined) return;
    observer?.onDelivered(packet);
    endpoint.receive(packet);
  }
}
