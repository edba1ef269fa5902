import { Command, FRAME_LAYOUT, Random } from "@stagbeetle/vsr-protocol";
import { describe, expect, test } from "vitest";

import type { Ratio } from "../faults/storage-faults.ts";
import type { Packet } from "./endpoint.ts";
import { NO_PARTITIONS, type PartitionFaults, type PartitionMode, Partitions } from "./partitions.ts";
import { Rules } from "./rules.ts";

const ALWAYS: Ratio = { numerator: 1, denominator: 1 };

function packet(from: number, to: number, command: Command): Packet {
  const bytes = new Uint8Array(256);
  bytes[FRAME_LAYOUT.command.offset] = command;
  return { from, to, bytes };
}

describe("rules of links", () => {
  const link = { from: 0, to: 1 };
  const loses = (rules: Rules, command: Command, from = 0, to = 1): boolean =>
    rules.loses(packet(from, to, command), command);

  test("lose what they name, in one direction", () => {
    const rules = new Rules();
    rules.drop(link, { command: Command.prepare });
    expect(loses(rules, Command.prepare)).toBe(true);
    expect(loses(rules, Command.prepareOk)).toBe(false);
    expect(loses(rules, Command.prepare, 1, 0)).toBe(false);
  });

  test("let one command pass when all are lost", () => {
    const rules = new Rules();
    rules.drop(link, { command: "all" });
    rules.pass(link, { command: Command.ping });
    expect(loses(rules, Command.ping)).toBe(false);
    expect(loses(rules, Command.pong)).toBe(true);
    rules.pass(link, { command: "all" });
    expect(loses(rules, Command.pong)).toBe(false);
  });

  test("lose only what their condition holds for", () => {
    const rules = new Rules();
    rules.drop(link, { command: Command.prepare, where: ({ bytes }) => bytes[200] === 7 });
    expect(loses(rules, Command.prepare)).toBe(false);
    const seven = packet(0, 1, Command.prepare);
    seven.bytes[200] = 7;
    expect(rules.loses(seven, Command.prepare)).toBe(true);
  });
});

describe("partitions", () => {
  function cut(mode: PartitionMode, changes: Partial<PartitionFaults> = {}, seed = 1): Partitions {
    const partitions = new Partitions(new Random(seed), 4);
    partitions.tick({ ...NO_PARTITIONS, mode, begin: ALWAYS, end: ALWAYS, ...changes });
    return partitions;
  }

  /** For each node, from how many others nothing comes. */
  function unheard(partitions: Partitions): readonly number[] {
    const nodes = [0, 1, 2, 3];
    return nodes.map((to) => nodes.filter((from) => from !== to && partitions.cuts(from, to)).length);
  }

  test("isolate one node, or divide all into two", () => {
    expect(unheard(cut("isolateSingle")).toSorted((a, b) => a - b)).toEqual([1, 1, 1, 3]);
    for (let seed = 0; seed < 10; seed += 1) {
      const counts = unheard(cut("uniformSize", {}, seed)).toSorted((a, b) => a - b);
      expect([
        [1, 1, 1, 3],
        [2, 2, 2, 2],
      ]).toContainEqual(counts);
    }
  });

  test("that are asymmetric let one side be heard", () => {
    const counts = unheard(cut("isolateSingle", { symmetry: "asymmetric" })).toSorted((a, b) => a - b);
    expect([
      [0, 0, 0, 3],
      [0, 1, 1, 1],
    ]).toContainEqual(counts);
  });

  test("never cut off clients", () => {
    const partitions = cut("isolateSingle");
    for (const node of [0, 1, 2, 3]) {
      expect(partitions.cuts(node, 99n) || partitions.cuts(99n, node)).toBe(false);
    }
  });

  test("last as long as they must, and the network stays whole as long as it must", () => {
    const faults: PartitionFaults = {
      ...NO_PARTITIONS,
      mode: "isolateSingle",
      begin: ALWAYS,
      end: ALWAYS,
      stabilityTicks: 2,
      wholeTicks: 1,
    };
    const partitions = new Partitions(new Random(1), 4);
    const active = Array.from({ length: 7 }, () => {
      partitions.tick(faults);
      return partitions.active;
    });
    expect(active).toEqual([true, true, true, false, false, true, true]);
  });
});
