/**
 * A process with a checksum thread, for tests of how both end: `computes`, prints and has nothing more to do; `closes` its
 * thread before; `dies`, the thread, of a body that is not in the memory.
 *
 * @module
 */
import { assert, createKernels, LinearMemory } from "@stagbeetle/kernels";
import { ChecksumRequest, Checksums } from "@stagbeetle/vsr-protocol";
import { ChecksumThread } from "../checksum-thread/checksum-thread.ts";
import { exitOnFatal } from "../fatal-exit.ts";

const SIZE_BYTES = 100_000;

exitOnFatal({ enabled: () => true, log: (level, message) => console.error(`${level}: ${message}`) });

const [, , how] = process.argv;
const memory = new LinearMemory({ sizeBytes: 2 ** 20 });
const checksums = new Checksums(createKernels({ memory }));
const thread = new ChecksumThread({ memory, checksums });
const pointer = memory.allocate(SIZE_BYTES, 64, "body");
const body = memory.bytes.subarray(pointer, pointer + SIZE_BYTES).fill(7);
// Nothing else keeps the process alive while the thread works.
const alive = setInterval(() => undefined, 1000);
const request = new ChecksumRequest("deferred", ({ checksum }) => {
  assert(checksum === checksums.of(body), "the checksum is that of the body");
  console.log("computed");
  clearInterval(alive);
  if (how === "closes") void thread.close().then(() => console.log("closed"));
});
thread.start();
// The first bytes of a memory are the kernels' own.
thread.compute(request, how === "dies" ? memory.bytes.subarray(0, SIZE_BYTES) : body);
