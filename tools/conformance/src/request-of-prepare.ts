/**
 * The request that a recorded prepare came from, made again.
 *
 * @module
 */
import {
  Checksums,
  Command,
  HEADER_SIZE_BYTES,
  initHeader,
  Operation,
  operationOfCluster,
  PrepareHeader,
  REGISTER_REQUEST_SIZE_BYTES,
  RequestHeader,
} from "@stagbeetle/vsr-protocol";

/** What a client remembers between its requests. */
export interface ClientMemory {
  /** The context of the last reply; 0 before the first. */
  readonly parent: bigint;
  /** The session's number; 0 before `register`. */
  readonly session: number;
  /** The highest view seen in a reply; 0 before the first. */
  readonly view: number;
}

const checksums = new Checksums();

function build(prepare: Uint8Array, memory: ClientMemory, view: number): Uint8Array {
  const recorded = new PrepareHeader(prepare);
  const register = recorded.operation === Operation.register;
  // The primary writes its limit into the body of a registration; the client sends zeros.
  const body = register ? new Uint8Array(REGISTER_REQUEST_SIZE_BYTES) : prepare.subarray(HEADER_SIZE_BYTES);
  const message = new Uint8Array(HEADER_SIZE_BYTES + body.length);
  message.set(body, HEADER_SIZE_BYTES);
  const request = new RequestHeader(message);
  initHeader(request, Command.request, recorded.cluster);
  const ofCluster = operationOfCluster(recorded.operation);
  request.size = message.length;
  request.view = view;
  request.release = recorded.release;
  request.parent = ofCluster ? 0n : memory.parent;
  request.client = recorded.client;
  request.session = ofCluster ? 0 : memory.session;
  request.timestamp = recorded.timestamp;
  request.request = recorded.request;
  request.operation = recorded.operation;
  checksums.setBody(request, body);
  checksums.set(request);
  return message;
}

/**
 * The request of a prepare from a server in AOF recovery, where requests carry their timestamps. The prepare holds the
 * request's checksum, so a wrong guess cannot go unnoticed.
 *
 * @returns null if the request cannot be made from the prepare and what the client remembers.
 */
export function requestOfPrepare(prepare: Uint8Array, memory: ClientMemory): Uint8Array | null {
  const { requestChecksum } = new PrepareHeader(prepare);
  for (const view of [memory.view, 0]) {
    const message = build(prepare, memory, view);
    if (new RequestHeader(message).checksum === requestChecksum) return message;
  }
  return null;
}
