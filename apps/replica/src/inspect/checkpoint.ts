/**
 * Which checkpoint of a data file is looked at.
 */
import { selectQuorum } from "@stagbeetle/vsr-protocol";
import type { SuperBlockImage } from "@stagbeetle/vsr-protocol";

import type { DataFileReader } from "./data-file-reader.ts";
import { InspectError } from "./inspect-error.ts";

/**
 * The superblock that a replica would start from; or, to see what a damaged or older copy refers to, that of one copy.
 *
 * @param copy the slot of a copy, or null.
 * @throws InspectError if there is none that can be believed.
 */
export async function chooseSuperBlock(reader: DataFileReader, copy: number | null): Promise<SuperBlockImage> {
  const { config } = reader;
  const copies = await reader.superblockCopies();
  if (copy !== null) return oneCopy(copies, copy);
  const quorum = selectQuorum(config, copies, "open");
  if (quorum.kind === "chosen") return quorum.image;
  throw new InspectError(
    `no superblock can be chosen: ${quorum.detail}; \`inspect superblock\` shows all copies, --superblock-copy takes one`,
  );
}

function oneCopy(copies: readonly SuperBlockImage[], copy: number): SuperBlockImage {
  const image = copies[copy];
  if (image === undefined) throw new InspectError(`there is no copy ${copy} of the superblock`);
  if (!image.checksumValid()) throw new InspectError(`copy ${copy} of the superblock is damaged`);
  return image;
}
