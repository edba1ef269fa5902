/**
 * Data files for tests: made with any release, damaged, and compared.
 */
import { closeSync, openSync, readSync, statSync, writeSync } from "node:fs";

import { FileStorage, openDataFile } from "@stagbeetle/io-linux";
import { checksumOf, LinearMemory } from "@stagbeetle/kernels";
import { formatDataFile, PRODUCTION, SILENT_LOGGER, zoneStart } from "@stagbeetle/vsr-protocol";
import type { Release } from "@stagbeetle/vsr-protocol";

/** What a data file is made for. */
export interface FormatWith {
  readonly release: Release;
  readonly replica: number;
  readonly replicaCount: number;
}

/** Formats a data file of cluster 0 as another release would. */
export async function formatWith(path: string, { release, replica, replicaCount }: FormatWith): Promise<void> {
  const file = await openDataFile({ path, purpose: "format", config: PRODUCTION, directIo: "optional" });
  const storage = new FileStorage({ config: PRODUCTION, file });
  const { promise, resolve } = Promise.withResolvers<void>();
  formatDataFile(
    {
      cluster: 0n,
      release,
      replica,
      replicaCount,
      view: 0,
      config: PRODUCTION,
      storage,
      memory: new LinearMemory({ sizeBytes: 2 ** 20 }),
      logger: SILENT_LOGGER,
    },
    resolve,
  );
  await promise;
  file.close();
}

/** Flips one byte in the middle of every copy of the superblock. */
export function damageSuperBlock(path: string): void {
  const file = openSync(path, "r+");
  const byte = new Uint8Array(1);
  for (let copy = 0; copy < PRODUCTION.cluster.superblockCopies; copy++) {
    const position = copy * PRODUCTION.derived.superblockCopySize + 1000;
    readSync(file, byte, 0, 1, position);
    byte[0] = (byte[0] ?? 0) ^ 1;
    writeSync(file, byte, 0, 1, position);
  }
  closeSync(file);
}

/** What changes when anything writes to the file: its time, its size, and what is in its superblock and header ring. */
export function fingerprint(path: string): string {
  const { size, mtimeNs } = statSync(path, { bigint: true });
  const bytes = new Uint8Array(zoneStart(PRODUCTION, "walPrepares"));
  const file = openSync(path, "r");
  readSync(file, bytes, 0, bytes.length, 0);
  closeSync(file);
  return `${size} ${mtimeNs} ${checksumOf(bytes)}`;
}
