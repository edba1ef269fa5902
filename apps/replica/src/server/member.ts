/**
 * Whose data file it is, which must be known before anything that depends on it is made.
 */
import type { DataFile } from "@stagbeetle/io-linux";
import { memberIndex, selectQuorum } from "@stagbeetle/vsr-protocol";
import type { Config } from "@stagbeetle/vsr-protocol";

import { DataFileReader } from "../inspect/data-file-reader.ts";

/**
 * The index among replicas and standbys of whose data file it is, or null if the superblock does not say: then the replica
 * finds out why, and refuses. Reads the superblock and nothing else.
 */
export async function memberOf(config: Config, file: DataFile): Promise<number | null> {
  const copies = await new DataFileReader(config, file).superblockCopies();
  const quorum = selectQuorum(config, copies, "open");
  if (quorum.kind === "fault") return null;
  const { image } = quorum;
  return memberIndex(image.members(), image.vsrState.replicaId);
}
