/**
 * Damaged copies of recorded data files: `inspect integrity` names every place that was damaged, and nothing else.
 *
 * One bit is turned in a superblock, a prepare, a redundant header, a client reply and a block of values, all at once; and then,
 * since it hides the values behind it, in an index block.
 *
 * @module
 */
import { mkdtemp, open, rm } from "node:fs/promises";
import type { FileHandle } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { runProgram } from "@stagbeetle/processes";
import { Header, HEADER_SIZE_BYTES, PRODUCTION, zoneStart } from "@stagbeetle/vsr-protocol";

import { type Artefact, beyond, different, equal, type Kind, type Outcome } from "../artefact.ts";
import { streamDecompressed, withoutCompression } from "../containers/zstd.ts";
import { type RecordedBlock, readRecordedBlocks } from "../recorded-blocks.ts";
import { writeSparse } from "../sparse-file.ts";

interface DamagedFile {
  readonly dataFile: string;
  readonly blocks: string;
}

/** One turned bit. */
interface Damage {
  /** In the data file, in bytes. */
  readonly offset: number;
  /** How its line begins. */
  readonly line: string;
}

const { messageSizeMax, blockSize } = PRODUCTION.cluster;
/** Which copy of the superblock, prepare and redundant header are damaged: every file has them. */
const SUPERBLOCK_COPY = 2;
const PREPARE_SLOT = 5;
const HEADER_SLOT = 6;
/** Somewhere in a header. */
const OFFSET_IN_HEADER = 130;

/** A bit in the last byte of the last block of this type that is in use. */
function blockDamage(blocks: readonly RecordedBlock[], type: string): readonly Damage[] {
  const block = blocks.findLast((each) => each.type === type && each.ok && !each.released);
  if (block === undefined) return [];
  const { address, size } = block;
  const offset = zoneStart(PRODUCTION, "grid") + (address - 1) * blockSize + size - 1;
  return [{ offset, line: `block ${address} (${type}, tree ` }];
}

async function replyDamage(file: FileHandle): Promise<readonly Damage[]> {
  const offset = zoneStart(PRODUCTION, "clientReplies");
  const header = new Uint8Array(HEADER_SIZE_BYTES);
  await file.read(header, 0, header.length, offset);
  const { size } = new Header(header);
  return size === 0 ? [] : [{ offset: offset + size - 1, line: "client reply 0: damaged" }];
}

async function damageOf(file: FileHandle, blocks: readonly RecordedBlock[]): Promise<readonly Damage[]> {
  const superblock = zoneStart(PRODUCTION, "superblock") + SUPERBLOCK_COPY * PRODUCTION.derived.superblockCopySize;
  const prepare = zoneStart(PRODUCTION, "walPrepares") + PREPARE_SLOT * messageSizeMax;
  const header = zoneStart(PRODUCTION, "walHeaders") + HEADER_SLOT * HEADER_SIZE_BYTES;
  return [
    { offset: superblock + OFFSET_IN_HEADER, line: `superblock copy ${SUPERBLOCK_COPY}: damaged` },
    { offset: prepare + OFFSET_IN_HEADER, line: `wal slot ${PREPARE_SLOT}: the prepare is damaged` },
    { offset: header + OFFSET_IN_HEADER, line: `wal slot ${HEADER_SLOT}: the redundant header is damaged` },
    ...(await replyDamage(file)),
    ...blockDamage(blocks, "value"),
  ];
}

async function turnBit(file: FileHandle, { offset }: Damage): Promise<void> {
  const byte = new Uint8Array(1);
  await file.read(byte, 0, 1, offset);
  byte[0] = (byte[0] ?? 0) ^ 1;
  await file.write(byte, 0, 1, offset);
}

const ERROR = /^\S+ \S+Z error\(integrity\): /u;

/** What `integrity` does not say of the damage, or says beside it; or null. */
async function problemOf(path: string, damage: readonly Damage[]): Promise<string | null> {
  const { status, stderr } = await runProgram(["inspect", "integrity", "--seed=1", path]);
  if (status !== 1) return `inspect integrity ended with status ${status} on a damaged file: ${stderr.trim()}`;
  const lines = stderr.split("\n").filter((line) => ERROR.test(line));
  const named = lines.map((line) => line.replace(ERROR, ""));
  const missing = damage.find(({ line }) => !named.some((name) => name.startsWith(line)));
  if (missing !== undefined) return `not named: ${missing.line}`;
  return named.length === damage.length ? null : `${damage.length} places are damaged, named are: ${named.join("; ")}`;
}

async function check({ dataFile, blocks: blocksFile }: DamagedFile): Promise<Outcome> {
  const blocks = await readRecordedBlocks(blocksFile);
  const index = blockDamage(blocks, "index");
  if (blocks.some(({ ok, released }) => !ok && !released)) return beyond("blocks that are in use are not in the file");
  const directory = await mkdtemp(join(tmpdir(), "stagbeetle-conformance-"));
  try {
    const path = join(directory, "0_0.stagbeetle");
    await writeSparse(path, streamDecompressed(dataFile));
    const file = await open(path, "r+");
    try {
      let count = 0;
      for (const damage of [await damageOf(file, blocks), index]) {
        if (damage.length === 0) continue;
        for (const each of damage) await turnBit(file, each);
        const problem = await problemOf(path, damage);
        if (problem !== null) return different(problem);
        for (const each of damage) await turnBit(file, each);
        count += damage.length;
      }
      return equal(`${count} damaged places named`);
    } finally {
      await file.close();
    }
  } finally {
    await rm(directory, { recursive: true });
  }
}

export const damage: Kind = {
  name: "damage",
  discover(root, files) {
    const artefacts: Artefact[] = [];
    for (const file of files.filter((path) => withoutCompression(path).endsWith(".tigerbeetle"))) {
      const name = withoutCompression(file).slice(0, -".tigerbeetle".length);
      const blocks = files.find((other) => withoutCompression(other) === `${name}.blocks.jsonl`);
      if (blocks === undefined) continue;
      const run = { dataFile: join(root, file), blocks: join(root, blocks) };
      artefacts.push({ name, kind: "damage", check: () => check(run) });
    }
    return Promise.resolve(artefacts);
  },
};
