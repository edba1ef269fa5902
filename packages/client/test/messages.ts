/**
 * What replicas send to clients, as bytes with right checksums.
 *
 * @module
 */
import {
  Checksums,
  Command,
  EvictionHeader,
  type EvictionReason,
  Header,
  HEADER_SIZE_BYTES,
  type HeaderOf,
  initHeader,
  type Layout,
  type RecordClass,
  REGISTER_RESULT_SIZE_BYTES,
  RegisterResult,
  releaseOf,
  ReplyHeader,
  type RequestHeader,
} from "@stagbeetle/vsr-protocol";

/** The release of both sides. */
export const RELEASE: number = releaseOf(0, 17, 9);

const VIEW = 1;

const checksums = new Checksums();

/**
 * A message of any command.
 *
 * @param fill sets the fields that make it differ from an empty one of that command
 */
export function buildMessage<Fields extends Layout>(
  header: RecordClass<Fields>,
  command: Command,
  cluster: bigint,
  body: Uint8Array,
  fill: (header: HeaderOf<Fields>) => void,
): Uint8Array {
  const bytes = new Uint8Array(HEADER_SIZE_BYTES + body.length);
  const record = new header(bytes) as HeaderOf<Fields>;
  initHeader(record, command, cluster);
  const frame = new Header(bytes);
  frame.size = bytes.length;
  frame.release = RELEASE;
  fill(record);
  bytes.set(body, HEADER_SIZE_BYTES);
  checksums.setBody(record, body);
  checksums.set(record);
  return bytes;
}

/** The answer to a request, which is the op two after its number. */
export function replyTo(
  request: RequestHeader,
  body: Uint8Array,
  fill: (reply: ReplyHeader) => void = () => undefined,
): Uint8Array {
  return buildMessage(ReplyHeader, Command.reply, request.cluster, body, (reply) => {
    reply.view = VIEW;
    reply.requestChecksum = request.checksum;
    reply.context = request.checksum ^ 0xffn;
    reply.client = request.client;
    reply.op = 2 + request.request;
    reply.commit = 2 + request.request;
    reply.timestamp = 5_000n;
    reply.request = request.request;
    reply.operation = request.operation;
    fill(reply);
  });
}

/** The end of a client's session. */
export function evictionOf(client: bigint, cluster: bigint, reason: EvictionReason): Uint8Array {
  return buildMessage(EvictionHeader, Command.eviction, cluster, new Uint8Array(0), (eviction) => {
    eviction.view = VIEW;
    eviction.client = client;
    eviction.reason = reason;
  });
}

/** The body that a registration is answered with. */
export function registerResult(batchSizeLimit: number): Uint8Array {
  const body = new Uint8Array(REGISTER_RESULT_SIZE_BYTES);
  new RegisterResult(body).batchSizeLimit = batchSizeLimit;
  return body;
}
