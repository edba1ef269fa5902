/**
 * Damage to disks that a scenario asks for (spec 07 §17.1): `prepare 27..31`, `header 2`, `reply *`, `grid`.
 *
 * @module
 */
import { zoneStart } from "@stagbeetle/vsr-protocol";

import type { Machine } from "../cluster/machine.ts";
import type { World } from "./world.ts";

/** What can be damaged. */
export const PLACES = ["prepare", "header", "reply", "grid"] as const;
export type Place = (typeof PLACES)[number];

/** The sectors of the disk, in bytes, where these things of a node begin. @param which `7`, `27..31` or `*`. */
function sectorsOf(world: World, node: number, place: Place, which: string): readonly number[] {
  const { config, cluster } = world;
  const { messageSizeMax, clientsMax, journalSlotCount } = config.cluster;
  const machine = cluster.machineAt(node);
  const { logOnDisk } = machine;
  switch (place) {
    case "prepare":
      return numbers(which, journalSlotCount).map((slot) => logOnDisk.prepareOffset(slot));
    case "header":
      return numbers(which, journalSlotCount).map((slot) => logOnDisk.headerSectorOffset(slot));
    case "reply":
      return numbers(which, clientsMax).map((slot) => zoneStart(config, "clientReplies") + slot * messageSizeMax);
    case "grid":
      return writtenBlocks(world, machine).map((address) => machine.blockOffset(address));
  }
}

/** Damages things of a node. Headers share a sector: one byte of the header itself is changed instead. */
export function damage(world: World, node: number, place: Place, which: string): void {
  const { disk, logOnDisk } = world.cluster.machineAt(node);
  if (place === "header") {
    for (const slot of numbers(which, world.config.cluster.journalSlotCount)) logOnDisk.changeHeader(slot);
    return;
  }
  for (const sector of sectorsOf(world, node, place, which)) disk.corrupt(sector, "sector");
}

/** Undoes damage that was not written over yet. */
export function heal(world: World, node: number, place: Place, which: string): void {
  const { disk } = world.cluster.machineAt(node);
  for (const sector of sectorsOf(world, node, place, which)) disk.cure(sector);
}

/** Whether nothing that is named is damaged. */
export function intact(world: World, node: number, place: Place, which: string): boolean {
  const { disk } = world.cluster.machineAt(node);
  return sectorsOf(world, node, place, which).every((sector) => !disk.isCorrupt(sector));
}

/** Damages the grid of all nodes so that of each block one node, and no other, has a good copy. */
export function damageGridHelically(world: World, nodes: readonly number[]): void {
  for (const [place, node] of nodes.entries()) {
    const machine = world.cluster.machineAt(node);
    for (const address of writtenBlocks(world, machine)) {
      if (address % nodes.length !== place) machine.disk.corrupt(machine.blockOffset(address), "sector");
    }
  }
}

/** The addresses of all blocks that were ever written, ascending. */
function writtenBlocks({ config }: World, machine: Machine): readonly number[] {
  const { disk } = machine;
  const sizeBytes = disk.writtenEnd - zoneStart(config, "grid");
  const count = Math.max(0, Math.ceil(sizeBytes / config.cluster.blockSize));
  return Array.from({ length: count }, (_, index) => index + 1).filter((address) =>
    disk.isWritten(machine.blockOffset(address)),
  );
}

/** `7`, `27..31`, or `*` for all from 0 to `count` − 1. */
function numbers(which: string, count: number): readonly number[] {
  if (which === "*") return Array.from({ length: count }, (_, index) => index);
  const [, first, last = first] = /^(\d+)(?:\.\.(\d+))?$/.exec(which) ?? [];
  if (first === undefined) throw new TypeError(`'${which}' is not a number, a range or *`);
  return Array.from({ length: Number(last) - Number(first) + 1 }, (_, index) => Number(first) + index);
}
