/**
 * Headers decoded and validated: the checksum, every check of the command, and the fields that a replica looks at.
 */
import { createKernels, LinearMemory } from "@stagbeetle/kernels";
import {
  Checksums,
  Command,
  HEADER_SIZE_BYTES,
  initHeader,
  invalidHeader,
  PRODUCTION,
  RequestHeader,
} from "@stagbeetle/vsr-protocol";

import { bestNs, whole } from "./latencies.ts";

const COUNT = 1024;
const OPERATION = 146;

/** Prints how many request headers a second. */
export function benchHeaders(): void {
  const memory = new LinearMemory({ sizeBytes: 1 << 20 });
  const checksums = new Checksums(createKernels({ memory }));
  const start = memory.allocate(COUNT * HEADER_SIZE_BYTES, HEADER_SIZE_BYTES);
  const header = new RequestHeader(memory.bytes, start);
  for (let index = 0; index < COUNT; index += 1) {
    header.moveTo(start + index * HEADER_SIZE_BYTES);
    initHeader(header, Command.request, 0n);
    Object.assign(header, { release: 4361, client: 1n, session: 1, request: index + 1, operation: OPERATION });
    checksums.setEmptyBody(header);
  }
  let sum = 0;
  const ns = bestNs(() => {
    for (let index = 0; index < COUNT; index += 1) {
      header.moveTo(start + index * HEADER_SIZE_BYTES);
      if (!checksums.valid(header)) throw new Error(`header ${index} has a wrong checksum`);
      const invalid = invalidHeader(header, PRODUCTION);
      if (invalid !== null) throw new Error(invalid);
      sum += header.size + header.request + header.session + header.operation;
    }
  });
  const perSecond = (COUNT * 1e9) / ns;
  console.log(`headers decoded and validated: ${whole(perSecond)} a second, ${(ns / COUNT).toFixed(0)} ns each`);
  if (sum === 0) throw new Error("what was read is used");
}
