/**
 * Hashes of the zones of a data file, as a recorder writes them down where the file itself was not kept.
 *
 * @module
 */
import { createHash } from "node:crypto";
import { open, stat } from "node:fs/promises";

import { PRODUCTION, type Zone, zoneStart, ZONES } from "@stagbeetle/vsr-protocol";

/** The zones as recorders name them. */
const NAMES: Readonly<Record<string, Zone>> = {
  superblock: "superblock",
  wal_headers: "walHeaders",
  wal_prepares: "walPrepares",
  replies: "clientReplies",
  client_replies: "clientReplies",
  grid_padding: "gridPadding",
  grid: "grid",
};

/** The first hexadecimal digits of the SHA-256 of each zone, by the recorder's name. */
export type ZoneHashes = Readonly<Record<string, string>>;

async function hashOf(path: string, zone: Zone, fileSizeBytes: number): Promise<string> {
  const file = await open(path, "r");
  try {
    const start = zoneStart(PRODUCTION, zone);
    const next = ZONES[ZONES.indexOf(zone) + 1];
    const end = next === undefined ? fileSizeBytes : zoneStart(PRODUCTION, next);
    const hash = createHash("sha256");
    const piece = Buffer.alloc(4 << 20);
    for (let offset = start; offset < end;) {
      const { bytesRead } = await file.read(piece, 0, Math.min(piece.length, end - offset), offset);
      if (bytesRead === 0) break;
      hash.update(piece.subarray(0, bytesRead));
      offset += bytesRead;
    }
    return hash.digest("hex");
  } finally {
    await file.close();
  }
}

/** Says which zone of a data file has another hash than recorded, or null. @param sizeBytes up to which it is looked at. */
export async function describeZoneDifference(
  path: string,
  recorded: ZoneHashes,
  sizeBytes?: number,
): Promise<string | null> {
  const fileSizeBytes = sizeBytes ?? (await stat(path)).size;
  for (const [name, digits] of Object.entries(recorded)) {
    const zone = NAMES[name];
    if (zone === undefined) return `the recording has a zone ${name}`;
    const hash = await hashOf(path, zone, fileSizeBytes);
    if (!hash.startsWith(digits)) return `${name} has SHA-256 ${hash.slice(0, digits.length)}…, recorded ${digits}…`;
  }
  return null;
}
