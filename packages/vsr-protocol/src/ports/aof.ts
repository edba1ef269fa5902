/**
 * The port to the append-only file (spec 06 §2).
 *
 * @module
 */
import type { Message } from "../message/message.ts";

/** Records every prepare before it is executed. */
export interface AppendOnlyFile {
  /** Appends a prepare, synchronously, so that no client sees a reply whose prepare the file does not hold. */
  write(prepare: Message): void;
  /** Makes what was written durable. The callback runs once, never from inside the call. */
  checkpoint(callback: () => void): void;
  /** A state sync skips ops: nothing that was written so far needs to be made durable any more (spec 06 §2.6). */
  stateSynced(): void;
}
