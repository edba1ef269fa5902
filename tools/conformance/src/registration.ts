/**
 * What the registrations of clients say of the server that was recorded.
 *
 * @module
 */
import {
  Command,
  HEADER_SIZE_BYTES,
  Operation,
  PrepareHeader,
  PRODUCTION,
  RegisterRequest,
} from "@stagbeetle/vsr-protocol";

/** The `register` of a client in AOF recovery mode carries this timestamp (spec 01 §10.2). */
export const RECOVERY_REGISTER_TIMESTAMP = 1n;

/** Whether a message is the prepare of a registration. */
function isRegistration(bytes: Uint8Array): boolean {
  const { command, operation } = new PrepareHeader(bytes);
  return command === Command.prepare && operation === Operation.register;
}

/** What the server allowed its clients, in bytes, as the first registration among these messages says; else the most. */
export function batchSizeLimitOf(messages: Iterable<Uint8Array>): number {
  for (const bytes of messages) {
    if (isRegistration(bytes)) return new RegisterRequest(bytes.subarray(HEADER_SIZE_BYTES)).batchSizeLimit;
  }
  return PRODUCTION.derived.messageBodySizeMax;
}

/** Whether the prepares are those of a server in AOF recovery. */
export function clientsChooseTimestamps(log: readonly Uint8Array[]): boolean {
  return log.some(
    (bytes) => isRegistration(bytes) && new PrepareHeader(bytes).timestamp === RECOVERY_REGISTER_TIMESTAMP,
  );
}
