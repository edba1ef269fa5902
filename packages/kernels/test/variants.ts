/** The four builds of the kernels, for tests that hold each of them against the same truth. */

import { createKernels, LinearMemory } from "@stagbeetle/kernels";
import type { Kernels, Simd } from "@stagbeetle/kernels";

interface Variant {
  readonly name: string;
  readonly shared: boolean;
  readonly simd: Simd;
}

export const variants: readonly Variant[] = [
  { name: "shared memory, relaxed SIMD", shared: true, simd: "relaxed" },
  { name: "shared memory, plain SIMD", shared: true, simd: "plain" },
  { name: "unshared memory, relaxed SIMD", shared: false, simd: "relaxed" },
  { name: "unshared memory, plain SIMD", shared: false, simd: "plain" },
];

export function kernelsOf({ shared, simd }: Omit<Variant, "name">, sizeBytes: number = 1 << 20): Kernels {
  return createKernels({ memory: new LinearMemory({ sizeBytes, shared }), simd });
}

export function hex(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString("hex");
}
