/**
 * Which member of its cluster a data file belongs to. The message bus has to know before anything else: it decides where the
 * replica listens, and whom it dials.
 */
import type { DataFile } from "@stagbeetle/io-linux";
import { fatal, FatalReason, memberIndex, selectQuorum } from "@stagbeetle/vsr-protocol";
import type { Config } from "@stagbeetle/vsr-protocol";

import { DataFileReader } from "../inspect/data-file-reader.ts";

/**
 * The index of the file's replica or standby, below `addressCount`. A superblock that cannot be believed gives 0: opening it
 * says what is wrong with it.
 *
 * @throws FatalError (status 1) if the operator gave too few addresses.
 */
export async function memberOf(config: Config, file: DataFile, addressCount: number): Promise<number> {
  const quorum = selectQuorum(config, await DataFileReader.of(config, file).superblockCopies(), "open");
  if (quorum.kind === "fault") return 0;
  const { image } = quorum;
  const index = memberIndex(image.members(), image.vsrState.replicaId) ?? 0;
  if (index < addressCount) return index;
  return fatal(
    FatalReason.cli,
    `all addresses must be provided: the cluster has ${image.vsrState.replicaCount} replicas, this is number ${index}, there are ${addressCount} addresses`,
  );
}
