/**
 * Whether the append-only files of a cluster hold everything that it acknowledged.
 *
 * The file of a replica that was killed has repeats, and may have a torn end in its middle; that of one that was recovered
 * or fetched a checkpoint has gaps. Together they are the whole log.
 */
import { inspect } from "node:util";

import { AOFEntry, aofMerge, type ReadableFile } from "@stagbeetle/aof";
import { openReadableFile } from "@stagbeetle/io-linux";
import { PRODUCTION } from "@stagbeetle/vsr-protocol";

import { digestOf } from "./acknowledged.ts";

/** The same as {@link assertMerged}, of files on the disk. @throws Error also if one of them is missing. */
export function assertRecorded(paths: readonly string[], digests: ReadonlyMap<bigint, string>): number {
  const inputs = paths.map((path) => openReadableFile(path));
  try {
    return assertMerged(inputs, digests);
  } finally {
    for (const input of inputs) input.close();
  }
}

/**
 * Merges the files, and holds every acknowledged request against the log that they are.
 *
 * @param digests what was acknowledged: `digestOf` each request, by the timestamp at which it was executed (ns).
 * @returns how many ops the log has.
 * @throws Error if the log has a gap, or an acknowledged request is not in it, or is another one there.
 */
export function assertMerged(inputs: readonly ReadableFile[], digests: ReadonlyMap<bigint, string>): number {
  const missing = new Map(digests);
  const append = ([bytes = new Uint8Array(0)]: readonly Uint8Array[]): void => {
    const { header, body } = new AOFEntry(bytes);
    const { timestamp, operation, op } = header;
    const digest = missing.get(timestamp);
    if (digest === undefined) return;
    if (digest !== digestOf(operation, body)) throw new Error(`op ${op} of ${timestamp} is not what was acknowledged`);
    missing.delete(timestamp);
  };
  const { entries, opFirst, problems } = aofMerge({ config: PRODUCTION, inputs, output: { append } });
  const [problem] = problems;
  if (problem !== undefined) throw new Error(`the append-only files are no log: ${inspect(problem)}`);
  if (opFirst !== 1) throw new Error(`the append-only files begin with op ${opFirst}`);
  const [first] = missing.keys();
  if (first !== undefined) {
    throw new Error(`${missing.size} acknowledged requests are in no append-only file, the first of ${first}`);
  }
  return entries;
}
