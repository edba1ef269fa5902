/**
 * The blocks of a recorded data file, as the recorder writes them down: a line of JSON for each.
 *
 * @module
 */
import { readDecompressed } from "./containers/zstd.ts";

/** One line of `*.blocks.jsonl`. */
export interface RecordedBlock {
  readonly address: number;
  readonly released: boolean;
  readonly type: string;
  /** Header and body, in bytes; 0 if the block is absent. */
  readonly size: number;
  /** Whether the file has the block. Those that a state sync skipped, because they were released, are absent. */
  readonly ok: boolean;
  /** Of the header, in hexadecimal. */
  readonly checksum: string;
  /** Of header and body. */
  readonly sha256_size: string;
  /** Of all 512 KiB on disk. */
  readonly sha256_block: string;
}

/** Reads such a file, which may be compressed. */
export async function readRecordedBlocks(path: string): Promise<readonly RecordedBlock[]> {
  const text = Buffer.from(await readDecompressed(path)).toString("utf8");
  const lines = text.split("\n").filter((line) => line.trim() !== "");
  return lines.map((line) => JSON.parse(line) as RecordedBlock);
}
