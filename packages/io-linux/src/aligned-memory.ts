/**
 * Memory that direct I/O accepts.
 *
 * @module
 */

const PAGE_SIZE_BYTES = 65_536;

/**
 * New zeroed memory, aligned to a sector. Buffers of Node are not aligned, and `O_DIRECT` refuses them with `EINVAL`.
 *
 * For opening files only: everything else works in the linear memory of the replica.
 */
export function alignedMemory(sizeBytes: number): Uint8Array {
  const pages = Math.ceil(sizeBytes / PAGE_SIZE_BYTES);
  return new Uint8Array(new WebAssembly.Memory({ initial: pages, maximum: pages }).buffer, 0, sizeBytes);
}
