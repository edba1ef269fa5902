/**
 * One memory for many tests.
 */
import { LinearMemory } from "../src/linear-memory.ts";

const MEMORY_SIZE_BYTES = 64 * 1024 * 1024;
let shared: LinearMemory | null = null;
let sharedLeft = 0;

/** Linear memory with room for `sizeBytes`: one memory serves many tests, because address space is dear. */
export function testMemory(sizeBytes: number): LinearMemory {
  if (shared === null || sharedLeft < sizeBytes) {
    const size = Math.max(MEMORY_SIZE_BYTES, sizeBytes + 1024 * 1024);
    shared = new LinearMemory({ sizeBytes: size, shared: false });
    sharedLeft = size - 1024 * 1024;
  }
  sharedLeft -= sizeBytes + 4096;
  return shared;
}
