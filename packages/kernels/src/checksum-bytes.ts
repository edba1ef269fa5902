/**
 * Checksums of bytes that are not in a kernel memory, for clients, tools and tests: copied through a small memory of
 * this module's own, made at the first call. Where there are many bytes, put them in a {@link LinearMemory} instead.
 */

import { assert } from "./assert.ts";
import { ChecksumStream } from "./checksum-stream.ts";
import { checksumSizeBytes, createKernels } from "./kernels.ts";
import { LinearMemory, pageSizeBytes } from "./linear-memory.ts";
import type { Pointer } from "./linear-memory.ts";

/** The checksum of no bytes: the body checksum of every message that has no body. */
export const checksumOfNothing: bigint = 0x49f174618255402de6e7e3c40d60cc83n;

/** Bytes copied at once: they stay in the processor's second-level cache until they are read. */
const chunkSizeBytes = pageSizeBytes;

interface Workspace {
  readonly memory: LinearMemory;
  readonly stream: ChecksumStream;
  readonly chunk: Pointer;
  readonly result: Pointer;
}

let workspace: Workspace | undefined;

function createWorkspace(): Workspace {
  const memory = new LinearMemory({ sizeBytes: chunkSizeBytes + pageSizeBytes, shared: false });
  const stream = new ChecksumStream(createKernels({ memory }));
  const result = memory.allocate(checksumSizeBytes, 16, "checksum");
  const chunk = memory.allocate(chunkSizeBytes, 64, "chunk");
  return { memory, stream, chunk, result };
}

function digest(bytes: Uint8Array): Workspace {
  workspace ??= createWorkspace();
  const { memory, stream, chunk, result } = workspace;
  stream.begin();
  for (let offset = 0; offset < bytes.length; offset += chunkSizeBytes) {
    const piece = bytes.subarray(offset, offset + chunkSizeBytes);
    memory.bytes.set(piece, chunk);
    stream.update(chunk, piece.length);
  }
  stream.finish(result);
  return workspace;
}

/**
 * The checksum of `bytes` as an integer: 16 bytes read as a little-endian u128.
 *
 * @example
 * checksumOf(new TextEncoder().encode("TigerBeetle")) === 0x8596037bf901d4908dc24e823374abdcn;
 */
export function checksumOf(bytes: Uint8Array): bigint {
  const { memory, result } = digest(bytes);
  return (memory.view.getBigUint64(result + 8, true) << 64n) | memory.view.getBigUint64(result, true);
}

/** Writes the checksum of `bytes` to `out`, which has exactly 16 bytes and may be part of `bytes`. */
export function checksumInto(bytes: Uint8Array, out: Uint8Array): void {
  assert(out.length === checksumSizeBytes, () => `checksum into ${out.length} bytes: expected ${checksumSizeBytes}`);
  const { memory, result } = digest(bytes);
  out.set(memory.bytes.subarray(result, result + checksumSizeBytes));
}
