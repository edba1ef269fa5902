/**
 * The blocks of recorded data files: the free set names the same blocks as the recorder, and each block is what it wrote.
 *
 * @module
 */
import { createHash } from "node:crypto";
import { join } from "node:path";

import {
  Block,
  type BlockFault,
  BlockRead,
  CheckpointTrailer,
  decodeEwah,
  encodeEwah,
  ewahEncodeSizeMax,
  metadataInvalid,
} from "@stagbeetle/grid";
import {
  BlockType,
  blockTypeName,
  clientSessionsEncodeSize,
  clientSessionsTrailer,
  freeSetBlocksAcquiredTrailer,
  freeSetBlocksReleasedTrailer,
  PRODUCTION,
  type TrailerReference,
} from "@stagbeetle/vsr-protocol";

import { type Artefact, different, equal, type Kind, type Outcome } from "../artefact.ts";
import { streamDecompressed, withoutCompression } from "../containers/zstd.ts";
import { firstDifferingByte } from "../difference.ts";
import { type RecordedBlock, readRecordedBlocks } from "../recorded-blocks.ts";
import { loadDataFile, type OpenedDataFile, openDataFile } from "../recorded-data-file.ts";

/** More than the free set of a recorded file takes. */
const TRAILER_SIZE_MAX = 1 << 20;

const BLOCK_WORDS_MAX = 1 << 16;

function sha256(bytes: Uint8Array): string {
  return createHash("sha256").update(bytes).digest("hex");
}

/** Which addresses are acquired and released. The recorder left out the trailers of the free set itself. */
function freeSetDifference({ grid }: OpenedDataFile, recorded: readonly RecordedBlock[]): string | null {
  const { freeSet } = grid;
  const trailers = new Set(grid.freeSetTrailerAddresses);
  const acquired = [...freeSet.addressesAcquired()].filter((address) => !trailers.has(address));
  const expected = recorded.map(({ address }) => address).toSorted((a, b) => a - b);
  for (let at = 0; at < Math.max(acquired.length, expected.length); at += 1) {
    if (acquired[at] === expected[at]) continue;
    return `acquired address number ${at + 1} is ${acquired[at]}, recorded ${expected[at]}`;
  }
  for (const { address, released } of recorded) {
    if (freeSet.isReleased(address) !== released)
      return `block ${address} is ${released ? "not " : ""}released, recorded otherwise`;
  }
  return null;
}

function blockDifference(block: Block, recorded: RecordedBlock): string | null {
  const { header } = block;
  const type = blockTypeName(header.blockType);
  if (type !== recorded.type) return `is a ${type} block, recorded ${recorded.type}`;
  if (header.size !== recorded.size) return `has ${header.size} bytes, recorded ${recorded.size}`;
  if (sha256(block.bytes()) !== recorded.sha256_size) return "has other bytes";
  if (sha256(block.buffer) !== recorded.sha256_block) return "has other bytes behind its end";
  const invalid = metadataInvalid(header, PRODUCTION);
  return invalid === null ? null : `contradicts itself: ${invalid}`;
}

/** Reads one block from disk by address and checksum, as for another replica. */
function readDifference(file: OpenedDataFile, recorded: RecordedBlock): string | null {
  let difference: string | null = "is not read";
  const read = new BlockRead((_, result: Block | BlockFault) => {
    if (result instanceof Block) difference = recorded.ok ? blockDifference(result, recorded) : "is there";
    else difference = recorded.ok ? `is damaged: ${result}` : null;
  });
  const checksum = BigInt(`0x${recorded.checksum}`);
  const { address } = recorded;
  file.grid.readBlock(read, { address, checksum, source: "localStorage", cacheRead: false, cacheWrite: false });
  file.run();
  return difference === null ? null : `block ${address} ${difference}`;
}

/** The bytes of a trailer, read block by block. */
function readTrailer(file: OpenedDataFile, reference: TrailerReference, clientSessions: boolean): Uint8Array {
  const { grid, memory, checksums } = file;
  const trailer = new CheckpointTrailer({
    config: PRODUCTION,
    memory,
    checksums,
    grid,
    blockType: clientSessions ? BlockType.clientSessions : BlockType.freeSet,
    sizeMax: clientSessions ? clientSessionsEncodeSize(PRODUCTION) : TRAILER_SIZE_MAX,
    label: "trailer",
  });
  let opened = false;
  trailer.open(reference, () => (opened = true));
  file.run();
  if (!opened) throw new Error("a trailer is not read");
  return trailer.bytes;
}

/** Whether a trailer of the free set is the only encoding of what it says. */
function encodingDifference(name: string, trailer: Uint8Array): string | null {
  const encoded = new Uint32Array(trailer.slice().buffer);
  const bits = new Uint32Array(BLOCK_WORDS_MAX);
  const decoded = decodeEwah(encoded, bits);
  if (typeof decoded === "string") return `the ${name} blocks do not decode: ${decoded}`;
  const again = new Uint32Array(ewahEncodeSizeMax(bits.length / 2) / 4);
  const bytes = new Uint8Array(again.buffer, 0, encodeEwah(bits, again));
  const at = firstDifferingByte(bytes, trailer);
  return at === null ? null : `the ${name} blocks are encoded otherwise: byte ${at}`;
}

function trailersDifference(file: OpenedDataFile): string | null {
  const { checkpoint } = file.superblock.working;
  readTrailer(file, clientSessionsTrailer(checkpoint), true);
  const acquired = readTrailer(file, freeSetBlocksAcquiredTrailer(checkpoint), false);
  const released = readTrailer(file, freeSetBlocksReleasedTrailer(checkpoint), false);
  return encodingDifference("acquired", acquired) ?? encodingDifference("released", released);
}

async function check(dataFile: string, blocksFile: string): Promise<Outcome> {
  const recorded = await readRecordedBlocks(blocksFile);
  const file = openDataFile(await loadDataFile(streamDecompressed(dataFile)));
  const sets = freeSetDifference(file, recorded) ?? trailersDifference(file);
  if (sets !== null) return different(sets);
  for (const block of recorded) {
    const difference = readDifference(file, block);
    if (difference !== null) return different(difference);
  }
  const absent = recorded.filter(({ ok }) => !ok).length;
  const released = recorded.filter((block) => block.released).length;
  return equal(
    `${recorded.length} blocks acquired, ${released} of them released${absent === 0 ? "" : ` (${absent} absent, as recorded)`}, all read back`,
  );
}

export const blocks: Kind = {
  name: "blocks",
  discover(root, files) {
    const artefacts: Artefact[] = [];
    for (const blocksFile of files.filter((file) => withoutCompression(file).endsWith(".blocks.jsonl"))) {
      const name = withoutCompression(blocksFile).slice(0, -".blocks.jsonl".length);
      const dataFile = files.find((file) => withoutCompression(file) === `${name}.tigerbeetle`);
      // The blocks of a file that is too large to be recorded are for whoever makes the file again.
      if (dataFile === undefined) continue;
      artefacts.push({ name, kind: "blocks", check: () => check(join(root, dataFile), join(root, blocksFile)) });
    }
    return Promise.resolve(artefacts);
  },
};
