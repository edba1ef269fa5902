/**
 * Files that may be stored compressed with zstd.
 *
 * @module
 */
import { createReadStream } from "node:fs";
import { readFile } from "node:fs/promises";
import { createZstdDecompress, zstdDecompressSync, constants } from "node:zlib";

/** The recordings use windows of up to 128 MiB. */
const WINDOW_LOG_MAX = 27;

const zstdOptions = { params: { [constants.ZSTD_d_windowLogMax]: WINDOW_LOG_MAX } };

/** The path without `.zst`. */
export function withoutCompression(path: string): string {
  return path.endsWith(".zst") ? path.slice(0, -".zst".length) : path;
}

/** Reads a whole file, decompressed. For files that fit in memory. */
export async function readDecompressed(path: string): Promise<Uint8Array> {
  const stored = await readFile(path);
  return path.endsWith(".zst") ? zstdDecompressSync(stored, zstdOptions) : stored;
}

/** Reads a file piece by piece, decompressed. For data files, which expand to more than a gibibyte. */
export async function* streamDecompressed(path: string): AsyncGenerator<Uint8Array, void, undefined> {
  const stored = createReadStream(path, { highWaterMark: 1 << 20 });
  const stream = path.endsWith(".zst")
    ? stored.pipe(createZstdDecompress({ ...zstdOptions, chunkSize: 1 << 20 }))
    : stored;
  for await (const chunk of stream) yield chunk as Uint8Array;
}
