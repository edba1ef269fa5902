/**
 * The port to the network (spec 01 §8, §9.1).
 *
 * @module
 */
import type { Header } from "../message/frame.ts";
import type { Message } from "../message/message.ts";
import type { MessageBuffer } from "../message/message-buffer.ts";

/** Carries messages between replicas and clients. Delivery is best effort: every protocol retries on its own timeouts. */
export interface MessageBus {
  /** Called every tick: dials, accepts, reclaims. */
  tick(): void;
  /** Queues `message` for another replica or standby. Takes its own reference; drops it if there is no connection or the queue is full. */
  sendMessageToReplica(replica: number, message: Message): void;
  /** Queues `message` for a client. As above. */
  sendMessageToClient(client: bigint, message: Message): void;
  /** Offers suspended messages to the receiver again, on the next turn of the event loop. */
  resumeReceive(): void;
}

/** Who gets the messages: the replica or the client behind the bus. */
export interface MessageBusReceiver {
  /**
   * Called with a connection's receive buffer whenever it holds complete messages whose checksums are valid. Each one is
   * consumed or suspended, in order, or the buffer is invalidated, which ends the connection.
   */
  onMessages(buffer: MessageBuffer): void;
}

/**
 * Why a connection to a replica ended, or was never made.
 *
 * - `host_not_found`: its name has no address.
 * - `refused`: nothing listens there.
 * - `unreachable`: the network has no way to it, or it does not react.
 * - `closed`: the other side closed it.
 * - `invalid_bytes`: what came is not the protocol.
 * - `unknown_command`: a message of a newer protocol came.
 * - `wrong_cluster`: a message of another cluster came.
 * - `given_up`: this side ended it.
 */
export type ConnectionEndReason =
  | "host_not_found"
  | "refused"
  | "unreachable"
  | "closed"
  | "invalid_bytes"
  | "unknown_command"
  | "wrong_cluster"
  | "given_up";

/** The end of a connection. */
export interface ConnectionEnd {
  readonly reason: ConnectionEndReason;
  /** What the system or the connection said, for people. */
  readonly detail: string;
}

/**
 * Hears how the connections that a bus dials fare: for a client, which has to say why nobody answers. Nothing may be done
 * with the bus from within but sending.
 */
export interface ConnectionObserver {
  /** There is a connection to this replica: to this position in the list of addresses, whoever answers there. */
  onConnected(replica: number): void;
  /** A message came from there. It is offered to the receiver next; nothing but its checksums is known to be valid. */
  onMessage(replica: number, header: Header): void;
  /** The connection has ended, or could not be made. The next attempt comes by itself. */
  onDisconnected(replica: number, end: ConnectionEnd): void;
}
