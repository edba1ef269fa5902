/**
 * What `inspect` takes: a sub-command, its flags, and what it looks at (spec 06 §4.7).
 */
import {
  CommandLineError,
  optional,
  parseArguments,
  parseSeed,
  parseSize,
  parseText,
  parseUnsigned,
  required,
  subcommandRequired,
  suggestion,
  toggle,
  unknownSubcommand,
  unsigned,
  unsignedBig,
} from "@stagbeetle/command-line";
import type { ArgumentsDeclaration, Flag, FlagsOf, Size } from "@stagbeetle/command-line";
import type { TreeSchema } from "@stagbeetle/lsm";
import type { Config } from "@stagbeetle/vsr-protocol";

import { gridAddressMax } from "../inspect/data-file-reader.ts";
import { ledgerTrees } from "../inspect/trees.ts";

/** What is to be looked at. Null: not given. */
export type Inspected =
  | { readonly subject: "constants" | "metrics" }
  | { readonly subject: "op"; readonly op: number }
  | { readonly subject: "superblock"; readonly path: string }
  | { readonly subject: "wal"; readonly path: string; readonly slot: number | null }
  | { readonly subject: "manifest"; readonly path: string; readonly superblockCopy: number | null }
  | {
      readonly subject: "replies";
      readonly path: string;
      readonly superblockCopy: number | null;
      readonly slot: number | null;
    }
  | {
      readonly subject: "grid";
      readonly path: string;
      readonly superblockCopy: number | null;
      /** The address of a block. */
      readonly block: number | null;
    }
  | {
      readonly subject: "tables";
      readonly path: string;
      readonly superblockCopy: number | null;
      readonly tree: TreeSchema;
      readonly level: number | null;
    }
  | {
      readonly subject: "integrity";
      readonly path: string;
      /** A u64: where the tour of the grid begins; null for anywhere. */
      readonly seed: bigint | null;
      readonly skip: { readonly wal: boolean; readonly clientReplies: boolean; readonly grid: boolean };
      readonly logDebug: boolean;
    };

/** What is to be looked at, and how it is to be told. */
export interface InspectCommand {
  readonly inspected: Inspected;
  /** For programs, not for people. */
  readonly json: boolean;
}

interface PlainValues {
  readonly json: boolean;
}

interface CopyValues extends PlainValues {
  readonly "superblock-copy": number | null;
}

interface SlotValues {
  readonly slot: number | null;
}

interface BlockValues {
  readonly block: bigint | null;
}

interface TablesValues extends CopyValues {
  readonly tree: string;
  readonly level: number | null;
}

interface IntegrityValues extends PlainValues {
  readonly "log-debug": boolean;
  readonly "memory-lsm-manifest": Size | null;
  readonly seed: bigint | null;
  readonly "skip-wal": boolean;
  readonly "skip-client-replies": boolean;
  readonly "skip-grid": boolean;
}

const PLAIN: FlagsOf<PlainValues> = { json: toggle("print JSON") };

const COPY: FlagsOf<CopyValues> = {
  ...PLAIN,
  "superblock-copy": optional("index", unsigned(8), "look at what this copy refers to, 0 to 3"),
};

const SLOT: FlagsOf<SlotValues> = { slot: optional("index", unsigned(32), "all of one slot, with its body") };

const WAL: FlagsOf<PlainValues & SlotValues> = { ...PLAIN, ...SLOT };
const REPLIES: FlagsOf<CopyValues & SlotValues> = { ...COPY, ...SLOT };
const GRID: FlagsOf<CopyValues & BlockValues> = {
  ...COPY,
  block: optional("address", unsignedBig(64), "all of one block, by its address from 1 on"),
};

const TABLES: FlagsOf<TablesValues> = {
  ...COPY,
  tree: required("tree", parseText, "name or number of a tree, for example `transfers.id`"),
  level: optional("index", unsigned(8), "only this level, 0 to 6"),
};

const INTEGRITY: FlagsOf<IntegrityValues> = {
  ...PLAIN,
  "log-debug": toggle("also log debug lines"),
  seed: optional("integer", parseSeed, "where to begin; a commit's id will do"),
  "memory-lsm-manifest": optional("size", parseSize, "as for start (no effect: as much as is needed)"),
  "skip-wal": toggle("leave out the write-ahead log"),
  "skip-client-replies": toggle("leave out the client replies"),
  "skip-grid": toggle("leave out the grid"),
};

/** What each subject takes. */
interface InspectDeclarations extends Readonly<
  Record<"constants" | "metrics" | "op" | "superblock", ArgumentsDeclaration<PlainValues>>
> {
  readonly wal: ArgumentsDeclaration<PlainValues & SlotValues>;
  readonly replies: ArgumentsDeclaration<CopyValues & SlotValues>;
  readonly grid: ArgumentsDeclaration<CopyValues & BlockValues>;
  readonly manifest: ArgumentsDeclaration<CopyValues>;
  readonly tables: ArgumentsDeclaration<TablesValues>;
  readonly integrity: ArgumentsDeclaration<IntegrityValues>;
}

/** The subjects with their flags, in the order of the help. */
export const INSPECT: InspectDeclarations = {
  constants: { flags: PLAIN, positional: null },
  metrics: { flags: PLAIN, positional: null },
  op: { flags: PLAIN, positional: "op" },
  superblock: { flags: PLAIN, positional: "path" },
  wal: { flags: WAL, positional: "path" },
  replies: { flags: REPLIES, positional: "path" },
  grid: { flags: GRID, positional: "path" },
  manifest: { flags: COPY, positional: "path" },
  tables: { flags: TABLES, positional: "path" },
  integrity: { flags: INTEGRITY, positional: "path" },
};

/** All flags of all sub-commands, for the help. */
export const INSPECT_FLAGS: Readonly<Record<string, Flag<unknown>>> = {
  ...WAL,
  ...GRID,
  ...TABLES,
  ...INTEGRITY,
};

const SUBJECTS: readonly string[] = Object.keys(INSPECT);

/** @throws CommandLineError */
export function parseInspect(args: readonly string[], config: Config): InspectCommand {
  const [subject, ...rest] = args;
  switch (subject) {
    case "constants":
    case "metrics":
      return { inspected: { subject }, json: parseArguments(INSPECT[subject], rest).values.json };
    case "op": {
      const { values, positional } = parseArguments(INSPECT.op, rest);
      return { inspected: { subject, op: parseOp(positional) }, json: values.json };
    }
    case "superblock": {
      const { values, positional } = parseArguments(INSPECT.superblock, rest);
      return { inspected: { subject, path: positional }, json: values.json };
    }
    case "wal": {
      const { values, positional } = parseArguments(INSPECT.wal, rest);
      const slot = slotOf(values, config.cluster.journalSlotCount);
      return { inspected: { subject, path: positional, slot }, json: values.json };
    }
    case "replies":
      return parseReplies(rest, config);
    case "grid":
      return parseGrid(rest, config);
    case "manifest": {
      const { values, positional } = parseArguments(INSPECT.manifest, rest);
      return {
        inspected: { subject, path: positional, superblockCopy: superblockCopy(values, config) },
        json: values.json,
      };
    }
    case "tables":
      return parseTables(rest, config);
    case "integrity":
      return parseIntegrity(rest);
    case undefined:
      throw new CommandLineError(`inspect: ${subcommandRequired("stagbeetle inspect", SUBJECTS)}`);
    default:
      throw new CommandLineError(`inspect: ${unknownSubcommand(subject, SUBJECTS)}`);
  }
}

function parseReplies(args: readonly string[], config: Config): InspectCommand {
  const { values, positional } = parseArguments(INSPECT.replies, args);
  const slot = slotOf(values, config.cluster.clientsMax);
  const inspected = {
    subject: "replies",
    path: positional,
    superblockCopy: superblockCopy(values, config),
    slot,
  } as const;
  return { inspected, json: values.json };
}

function parseGrid(args: readonly string[], config: Config): InspectCommand {
  const { values, positional } = parseArguments(INSPECT.grid, args);
  const addressMax = gridAddressMax(config);
  if (values.block !== null && (values.block === 0n || values.block > BigInt(addressMax))) {
    throw new CommandLineError(`--block: addresses are from 1 to ${addressMax}: ${values.block}`);
  }
  const block = values.block === null ? null : Number(values.block);
  const inspected = {
    subject: "grid",
    path: positional,
    superblockCopy: superblockCopy(values, config),
    block,
  } as const;
  return { inspected, json: values.json };
}

function slotOf({ slot }: SlotValues, count: number): number | null {
  if (slot === null || slot < count) return slot;
  throw new CommandLineError(`--slot: slot exceeds ${count - 1}: ${slot}`);
}

function parseTables(args: readonly string[], config: Config): InspectCommand {
  const { values, positional } = parseArguments(INSPECT.tables, args);
  const { lsmLevels } = config.cluster;
  if (values.level !== null && values.level >= lsmLevels) {
    throw new CommandLineError(`--level: level exceeds ${lsmLevels - 1}: ${values.level}`);
  }
  return {
    inspected: {
      subject: "tables",
      path: positional,
      superblockCopy: superblockCopy(values, config),
      tree: findTree(values.tree, config),
      level: values.level,
    },
    json: values.json,
  };
}

function parseIntegrity(args: readonly string[]): InspectCommand {
  const { values, positional } = parseArguments(INSPECT.integrity, args);
  return {
    inspected: {
      subject: "integrity",
      path: positional,
      seed: values.seed,
      skip: { wal: values["skip-wal"], clientReplies: values["skip-client-replies"], grid: values["skip-grid"] },
      logDebug: values["log-debug"],
    },
    json: values.json,
  };
}

const OP_BITS = 64;
/** A checkpoint after it must be exact as well. */
const OP_MAX = 2n ** 53n - 2n ** 20n;

function parseOp(text: string): number {
  const parsed = parseUnsigned(text, OP_BITS);
  if ("error" in parsed) throw new CommandLineError(`<op>: ${parsed.error}`);
  if (parsed.value > OP_MAX) throw new CommandLineError(`<op>: no cluster reaches op ${parsed.value}`);
  return Number(parsed.value);
}

function superblockCopy(values: CopyValues, config: Config): number | null {
  const copy = values["superblock-copy"];
  const { superblockCopies } = config.cluster;
  if (copy === null || copy < superblockCopies) return copy;
  throw new CommandLineError(`--superblock-copy: copy exceeds ${superblockCopies - 1}: ${copy}`);
}

const TREE_ID = /^[0-9]+$/u;

function findTree(text: string, config: Config): TreeSchema {
  const trees = ledgerTrees(config);
  const isId = TREE_ID.test(text);
  const tree = trees.find(({ treeId, name }) => (isId ? String(treeId) : name) === text);
  if (tree !== undefined) return tree;
  const names = trees.map(({ name }) => name);
  const meant = isId ? null : suggestion(text, names);
  const hint =
    meant === null ? `; there are 1 to ${trees.length}, or names like 'transfers.id'` : `; did you mean '${meant}'?`;
  throw new CommandLineError(`--tree: invalid tree ${isId ? "id" : "name"}: '${text}'${hint}`);
}
