/**
 * The log of a recorded cluster, out of the append-only files of its replicas.
 *
 * @module
 */
import { PrepareHeader } from "@stagbeetle/vsr-protocol";

import { prepares } from "./containers/aof.ts";
import { readDecompressed } from "./containers/zstd.ts";

/** The prepares of all files by op, from 1 without a gap. A restarted replica has some of them twice. */
export async function readLog(aofs: readonly string[]): Promise<readonly Uint8Array[]> {
  const byOp = new Map<number, Uint8Array>();
  for (const aof of aofs) {
    for (const bytes of prepares(await readDecompressed(aof))) byOp.set(new PrepareHeader(bytes).op, bytes);
  }
  return Array.from({ length: byOp.size }, (_, index) => {
    const prepare = byOp.get(index + 1);
    if (prepare === undefined) throw new Error(`op ${index + 1} is in none of the append-only files`);
    return prepare;
  });
}
