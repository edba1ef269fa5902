import { createKernels, LinearMemory } from "@stagbeetle/kernels";
import {
  Checksums,
  Command,
  commandName,
  initHeader,
  invalidHeader,
  MessageBuffer,
  MessagePool,
  Operation,
  PRODUCTION,
  releaseOf,
  RequestHeader,
} from "@stagbeetle/vsr-protocol";

// All memory is taken once. Messages are lent out by a pool and counted.
const memory = new LinearMemory({ sizeBytes: 16 << 20 });
const checksums = new Checksums(createKernels({ memory }));
const pool = new MessagePool({ memory, messageSizeMax: PRODUCTION.cluster.messageSizeMax, messagesMax: 4 });

// A header is a view of the message's bytes with the fields of its command.
const message = pool.acquire();
const request = message.as(RequestHeader);
initHeader(request, Command.request, 0n);
request.release = releaseOf(0, 17, 9);
request.client = 7n;
request.session = 2;
request.request = 1;
request.operation = Operation.noop;
checksums.setMessage(message);
const bytes = message.bytes().slice();
message.release();

// A connection's bytes come in pieces of any size; messages go out whole and verified.
const buffer = new MessageBuffer(pool, checksums);
for (const byte of bytes) buffer.receive(Uint8Array.of(byte));
while (buffer.next() !== null) {
  const received = buffer.consume();
  const { client, request: number } = received.as(RequestHeader);
  console.log(`${commandName(received.header.command)} ${number} of client ${client}`);
  console.log(`invalid: ${invalidHeader(received.header, PRODUCTION)}`); // null: every check of its command passed
  received.release();
}
buffer.close();

// One bit is wrong on the way: that ends the connection, and nothing else.
const broken = new MessageBuffer(pool, checksums);
bytes[200] = 1;
broken.receive(bytes);
console.log(broken.next(), broken.invalid);
broken.close();
