/**
 * The command `expect`: facts that the specification asks for. They are never rewritten.
 *
 * ```text
 * expect R* status=normal commit=4 head>=4    of nodes
 * expect C0 evicted=no_session                of clients; `evicted=no`
 * expect equal view log_view of R1 R2
 * expect log "sync started"                   since `forget log`; `expect no log …`
 * expect R0 intact prepare 0                  not damaged any more
 * expect R2 synced                            has all that a state sync has to fetch
 * expect grids equal                          the same blocks in use, in the same bytes
 * ```
 *
 * @module
 */
import { evictionReasonName } from "@stagbeetle/vsr-protocol";

import { intact, type Place, PLACES } from "./damage.ts";
import { contradiction, factsOf } from "./facts.ts";
import type { World } from "./world.ts";

/** Returns what is otherwise than expected. @throws TypeError if the words make no sense. */
export function checkExpectation(world: World, words: readonly string[]): readonly string[] {
  const [first = "", ...rest] = words;
  switch (first) {
    case "log":
      return expectLog(world, rest, true);
    case "no":
      return expectLog(world, rest.slice(1), false);
    case "equal":
      return expectEqual(world, rest);
    case "grids":
      return expectGridsEqual(world);
    default:
      return world.cast.isClient(first) ? expectClients(world, words) : expectNodes(world, words);
  }
}

function expectLog({ logLines }: World, [text = ""]: readonly string[], expected: boolean): readonly string[] {
  const logged = logLines.some((line) => line.includes(text));
  if (logged === expected) return [];
  return [expected ? `nobody logged "${text}"` : `somebody logged "${text}"`];
}

function expectEqual(world: World, words: readonly string[]): readonly string[] {
  const of = words.indexOf("of");
  const nodes = world.cast.nodes(words.slice(of + 1));
  return words.slice(0, of).flatMap((name) => {
    const values = nodes.map((node) => ({ ...factsOf(world, node) })[name as keyof ReturnType<typeof factsOf>]);
    return new Set(values).size === 1 ? [] : [`${name} is ${values.join(", ")}`];
  });
}

function expectNodes(world: World, words: readonly string[]): readonly string[] {
  const names = words.filter((word) => /^(?:[RSAB][\d*]+|\*)$/.test(word));
  const nodes = world.cast.nodes(names);
  const rest = words.slice(names.length);
  const [what, place, which = "*"] = rest;
  if (nodes.length === 0 || what === undefined) throw new TypeError(`'${words.join(" ")}' expects nothing`);
  if (what === "intact") return nodes.flatMap((node) => expectIntact(world, node, place, which));
  if (what === "synced") return nodes.flatMap((node) => expectSynced(world, node));
  return nodes.flatMap((node) => rest.flatMap((fact) => contradiction(world, node, fact) ?? []));
}

function expectIntact(world: World, node: number, name: string | undefined, which: string): readonly string[] {
  const place = PLACES.find((known) => known === name);
  if (place === undefined) throw new TypeError(`there is no place '${name}'`);
  return intactWhereUsed(world, node, place, which)
    ? []
    : [`${world.cast.nameOf(node)} has a damaged ${place} ${which}`];
}

/** Of the grid only the blocks that the checkpoint refers to are repaired. */
function intactWhereUsed(world: World, node: number, place: Place, which: string): boolean {
  if (place !== "grid") return intact(world, node, place, which);
  const machine = world.cluster.machineAt(node);
  return world.cluster.storageChecker.blocks(machine).every((address) => world.blockIntact(node, address));
}

function expectSynced(world: World, node: number): readonly string[] {
  const { syncStage, syncContentDone } = world.cluster.machineAt(node).replica.state;
  if (syncStage === "idle" && syncContentDone) return [];
  return [`${world.cast.nameOf(node)} still has content to fetch (sync stage ${syncStage})`];
}

function expectGridsEqual(world: World): readonly string[] {
  const machines = world.cluster.machines.filter(({ up }) => up);
  const digests = machines.map((machine) => world.cluster.storageChecker.gridDigest(machine));
  return new Set(digests).size === 1 ? [] : ["the grids are not equal"];
}

function expectClients(world: World, words: readonly string[]): readonly string[] {
  const names = words.filter((word) => world.cast.isClient(word));
  return words.slice(names.length).flatMap((fact) => {
    const [, expected] = /^evicted=(\w+)$/.exec(fact) ?? [];
    if (expected === undefined) throw new TypeError(`'${fact}' is not a fact about clients`);
    return world.cast.clients(names).flatMap((index) => {
      const eviction = world.cluster.clients[index]?.eviction ?? null;
      const actual = eviction === null ? "no" : evictionReasonName(eviction);
      return actual === expected ? [] : [`C${index} has evicted=${actual}`];
    });
  });
}
