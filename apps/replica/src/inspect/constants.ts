/**
 * `inspect constants`: what the configuration fixes (spec 06 §6.2).
 */
import { lines, snakeCase } from "@stagbeetle/command-line";
import { TreeSchema, treesOf } from "@stagbeetle/lsm";
import { HEADER_SIZE_BYTES, SECTOR_SIZE_BYTES, zoneSize, ZONES } from "@stagbeetle/vsr-protocol";
import type { Config, Zone } from "@stagbeetle/vsr-protocol";

import { sizeText } from "./text.ts";
import { ledgerGrooves } from "./trees.ts";

/** One line: a name, and what it is. */
export interface Constant {
  readonly name: string;
  /** How deep it is nested: 0 for what a section consists of. */
  readonly depth: number;
  readonly text: string;
}

/** What belongs together. Groups are apart by an empty line. */
export interface ConstantSection {
  readonly title: string;
  readonly groups: readonly (readonly Constant[])[];
}

/** All of them. */
export interface ConstantsReport {
  readonly sections: readonly ConstantSection[];
}

/**
 * What the reference says of the memory of a free set for the largest data file. It follows from its own data structures,
 * of which ours differ.
 */
const FREE_SET_MEMORY_OF_REFERENCE = "32.29MiB";

/** What `inspect constants` says of a configuration. */
export function constantsReport(config: Config): ConstantsReport {
  const { cluster, derived, process } = config;
  const { pipelinePrepareQueueMax } = cluster;
  return {
    sections: [
      section("VSR", [
        constant("prepare_queue", pipelinePrepareQueueMax),
        constant("request_queue", derived.pipelineRequestQueueMax),
        constant("prepare_cache", pipelinePrepareQueueMax + derived.pipelineRequestQueueMax),
      ]),
      section("LSM", [
        constant("compaction_ops", cluster.lsmCompactionOps),
        constant("checkpoint_ops", derived.vsrCheckpointOps),
        constant("journal_slot_count", cluster.journalSlotCount),
      ]),
      { title: "Data File Layout", groups: ZONES.map((zone) => zoneGroup(config, zone)) },
      { title: "StateMachine", groups: grooveGroups(config) },
      section("Memory (approximate)", [
        constant("datafile (on disk)", sizeText(process.storageSizeLimitMax)),
        constant("free_set", FREE_SET_MEMORY_OF_REFERENCE),
      ]),
    ],
  };
}

const LABEL_WIDTH = 32;
const INDENT = "  ";

/** As the reference prints it. */
export function constantsText({ sections }: ConstantsReport): string {
  return sections.map(({ title, groups }) => `${title}:\n${groups.map(groupText).join("\n")}`).join("\n");
}

function groupText(group: readonly Constant[]): string {
  return lines(group.map(({ name, depth, text }) => (INDENT.repeat(depth) + name).padEnd(LABEL_WIDTH) + text));
}

function section(title: string, group: readonly Constant[]): ConstantSection {
  return { title, groups: [group] };
}

function constant(name: string, value: string | number, depth = 0): Constant {
  return { name, depth, text: String(value) };
}

/** A zone, what it consists of, and what that consists of. */
function zoneGroup(config: Config, zone: Zone): readonly Constant[] {
  const size = zoneSize(config, zone);
  const name = snakeCase(zone);
  const [element, part] = zoneElements(config, zone);
  const total = constant(name, Number.isFinite(size) ? sizeText(size) : "elastic");
  if (element === undefined) return [total];
  const elements = Number.isFinite(size) ? ` x${size / element.sizeBytes}` : "";
  const group = [total, constant(element.name, sizeText(element.sizeBytes) + elements, 1)];
  if (part === undefined) return group;
  return [...group, constant(part.name, `${sizeText(part.sizeBytes)} x${element.sizeBytes / part.sizeBytes}`, 2)];
}

interface ZoneElement {
  readonly name: string;
  readonly sizeBytes: number;
}

function zoneElements({ cluster, derived }: Config, zone: Zone): readonly ZoneElement[] {
  switch (zone) {
    case "superblock":
      return [{ name: "copy", sizeBytes: derived.superblockCopySize }];
    case "walHeaders":
      return [
        { name: "sector", sizeBytes: SECTOR_SIZE_BYTES },
        { name: "header", sizeBytes: HEADER_SIZE_BYTES },
      ];
    case "walPrepares":
      return [{ name: "prepare", sizeBytes: cluster.messageSizeMax }];
    case "clientReplies":
      return [{ name: "reply", sizeBytes: cluster.messageSizeMax }];
    case "gridPadding":
      return [];
    case "grid":
      return [{ name: "block", sizeBytes: cluster.blockSize }];
  }
}

/** The names that the reference gives the grooves here. */
const GROOVE_NAMES: Readonly<Record<string, string>> = {
  accounts: "Account",
  transfers: "Transfer",
  transfers_pending: "TransferPending",
  account_events: "AccountEvent",
};

/** A groove with what one of its objects takes in all its trees, then tree by tree. */
function grooveGroups(config: Config): readonly (readonly Constant[])[] {
  return ledgerGrooves(config).map((groove) => {
    const trees = treesOf([groove]).map((tree) => new TreeSchema(config, tree));
    const [objects, ...indexes] = trees;
    const totalBytes = trees.reduce((total, { layout }) => total + layout.sizeBytes, 0);
    const shape = `table=${objects?.valueCountMax} block=${objects?.valuesPerBlock}`;
    return [
      constant(GROOVE_NAMES[groove.name] ?? groove.name, `${totalBytes}B ${shape}`),
      constant("object", `${groove.sizeBytes}B`, 1),
      ...indexes.map(({ name, layout }) => constant(name.slice(groove.name.length + 1), `${layout.sizeBytes}B`, 1)),
    ];
  });
}
