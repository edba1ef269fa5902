/**
 * A receiver for tests.
 *
 * @module
 */
import { type MessageBuffer, type MessageBusReceiver, RequestHeader } from "@stagbeetle/vsr-protocol";

/** Keeps copies of what it consumes, and can be told to leave messages. */
export class Inbox implements MessageBusReceiver {
  /** What it consumed, in order. */
  readonly messages: Uint8Array[] = [];
  /** Whether it leaves what it is offered. */
  suspending = false;
  /** How often it was offered a message, those that it left included. */
  offered = 0;

  onMessages(buffer: MessageBuffer): void {
    while (buffer.next() !== null) {
      this.offered += 1;
      if (this.suspending) {
        buffer.suspend();
        continue;
      }
      const message = buffer.consume();
      this.messages.push(message.bytes().slice());
      message.release();
    }
  }

  /** The numbers of the requests that it consumed. */
  requestNumbers(): number[] {
    return this.messages.map((bytes) => new RequestHeader(bytes).request);
  }
}
