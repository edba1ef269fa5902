/**
 * The port to the network (spec 01 §8, §9.1).
 *
 * @module
 */
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
