/**
 * The checksum of 1 MiB, beside a copy of as much memory.
 */
import { createKernels, LinearMemory } from "@stagbeetle/kernels";

import { bestNs } from "./latencies.ts";

const SIZE_BYTES = 1 << 20;

/** What a copy of memory achieves here, in GB/s: what no work on every byte can exceed. */
export function copyGigabytesPerSecond(): number {
  const source = new Uint8Array(SIZE_BYTES).fill(1);
  const target = new Uint8Array(SIZE_BYTES);
  return SIZE_BYTES / bestNs(() => target.set(source));
}

/** Prints the speed of the checksum. */
export function benchChecksum(): void {
  const memory = new LinearMemory({ sizeBytes: 4 * SIZE_BYTES });
  const kernels = createKernels({ memory });
  const result = memory.allocate(16, 16);
  const data = memory.allocate(SIZE_BYTES, 4096);
  memory.bytes.fill(7, data, data + SIZE_BYTES);
  const speed = SIZE_BYTES / bestNs(() => kernels.checksum(data, SIZE_BYTES, result));
  const copy = copyGigabytesPerSecond();
  const share = ((100 * speed) / copy).toFixed(0);
  console.log(
    `checksum of 1 MiB (${kernels.simd} SIMD): ${speed.toFixed(2)} GB/s; a copy does ${copy.toFixed(1)} GB/s, it is ${share} % of that`,
  );
}
