/**
 * The commands of scenarios.
 *
 * @module
 */
import { AssertionError } from "@stagbeetle/kernels";
import { ZONES } from "@stagbeetle/vsr-protocol";

import { damage, damageGridHelically, heal, type Place, PLACES } from "./damage.ts";
import { checkExpectation } from "./expect.ts";
import { describeNode } from "./facts.ts";
import type { Step } from "./script.ts";
import { addressesOf, everybody, linksBetween, parseCommands, parseSelection } from "./traffic.ts";
import { World } from "./world.ts";

/** What came of a command. */
export interface Outcome {
  /** What is shown. */
  readonly output: readonly string[];
  /** What is otherwise than the command says. */
  readonly failures: readonly string[];
}

type Run = (world: World, step: Step) => Partial<Outcome> | void;

/** Makes the cluster of a scenario: `cluster replicas=3 standbys=1 clients=7 release=10 client-release=10`. */
export function createWorld({ name, words }: Step): World {
  if (name !== "cluster") throw new TypeError("a scenario begins with its cluster");
  const settings = new Map(words.map((word) => word.split("=", 2) as [string, string]));
  const setting = (key: string, byDefault: number): number => Number(settings.get(key) ?? byDefault);
  const releasePatch = setting("release", 10);
  return new World({
    replicaCount: setting("replicas", 3),
    standbyCount: setting("standbys", 0),
    clientCount: setting("clients", 7),
    releasePatch,
    clientReleasePatch: setting("client-release", releasePatch),
  });
}

/** Executes a command. A broken assertion of the system is a failure of the scenario, with its message. */
export function execute(world: World, step: Step): Outcome {
  const run = COMMANDS[step.name];
  if (run === undefined) throw new TypeError(`line ${step.line}: there is no command '${step.name}'`);
  try {
    const { output = [], failures = [] } = run(world, step) ?? {};
    return { output: [...world.watch.take(), ...output], failures };
  } catch (error) {
    if (!(error instanceof AssertionError)) throw error;
    return { output: world.watch.take(), failures: [`assertion: ${error.message}`] };
  }
}

const COMMANDS: Readonly<Record<string, Run>> = {
  /** Gives out the parts A0, B1, B2 … */
  cast: (world) => ({ output: [world.cast.assign()] }),

  /** `requests 4 by C1..C6 => 4 replies`: in total since the beginning, by these clients; by all of them unless said. */
  requests: (world, { words, fact }) => {
    const [total = "", by, ...names] = words;
    const replies = world.request(by === "by" ? names : ["C*"], Number(total));
    return { failures: `${replies} replies` === fact ? [] : [`${replies} replies`] };
  },

  /** Lets time pass until nothing was committed for long; `run 3` does so three times. */
  run: (world, { words: [times = "1"] }) => {
    for (let count = 0; count < Number(times); count += 1) world.run();
  },

  /** `ticks 100`: lets a second pass. */
  ticks: (world, { words: [count = "1"] }) => {
    for (let ticks = 0; ticks < Number(count); ticks += 1) world.tick();
  },

  stop: (world, { words }) => {
    for (const node of world.cast.nodes(words)) world.stop(node);
  },

  /** `open R0 => WALCorrupt`: unless said, it opens. `open R0 releases 10,20`: these are installed from now on. */
  open: (world, { words, fact }) => {
    const at = words.indexOf("releases");
    const nodes = world.cast.nodes(at === -1 ? words : words.slice(0, at));
    const patches = at === -1 ? [] : (words[at + 1] ?? "").split(",").map(Number);
    if (patches.length > 0) for (const node of nodes) world.install(node, patches);
    const refusals = nodes.map((node) => world.open(node));
    const wrong = refusals.filter((refusal) => (fact === null ? refusal !== null : refusal?.includes(fact) !== true));
    return { failures: wrong.map((refusal) => refusal ?? "it opens") };
  },

  /** Replaces a replica whose disk is lost. It goes on by itself as time passes. */
  recover: (world, { words }) => {
    for (const node of world.cast.nodes(words)) world.recover(node);
  },

  /** Lets time pass until the scrubber finds nothing more to repair. */
  scrub: (world, { words }) => {
    for (const node of world.cast.nodes(words)) world.scrub(node);
  },

  /** `isolate B2`: from everybody; `isolate A0 from B1 B2`: from these. */
  isolate: (world, { words }) => {
    for (const link of linksOfCut(world, words, "from")) world.cluster.network.rules.drop(link, { command: "all" });
  },

  /** `reconnect B2 with A0`: nothing is lost between them any more. */
  reconnect: (world, { words }) => {
    for (const link of linksOfCut(world, words, "with")) world.cluster.network.rules.pass(link, { command: "all" });
  },

  drop: (world, { words }) => {
    const { links, traffic } = parseSelection(world, words);
    for (const link of links) for (const one of traffic) world.cluster.network.rules.drop(link, one);
  },

  pass: (world, { words }) => {
    const { links, traffic } = parseSelection(world, words);
    for (const link of links) for (const one of traffic) world.cluster.network.rules.pass(link, one);
  },

  /** Records such messages when they are sent, until `replay`. */
  record: (world, { words }) => {
    const { links, traffic } = parseSelection(world, words);
    for (const link of links) for (const one of traffic) world.cluster.network.rules.record(link, one);
  },

  /** Sends what was recorded once more, the last first. */
  replay: (world) => {
    const count = world.cluster.network.replayRecorded();
    return { failures: count > 0 ? [] : ["nothing was recorded"] };
  },

  /** `corrupt R0 prepare 27..31`; `corrupt R* grid helically`: one good copy of each block remains. */
  corrupt: (world, { words }) => {
    const { nodes, place, which } = parseDamage(world, words);
    if (which === "helically") damageGridHelically(world, nodes);
    else for (const node of nodes) damage(world, node, place, which);
  },

  heal: (world, { words }) => {
    const { nodes, place, which } = parseDamage(world, words);
    for (const node of nodes) heal(world, node, place, which);
  },

  /** `hang B2 superblock`: writes to this zone of the disk hang until the replica is started again. */
  hang: (world, { words }) => {
    const zone = ZONES.find((known) => known === words.at(-1));
    if (zone === undefined) throw new TypeError(`there is no zone '${words.at(-1)}'`);
    for (const node of world.cast.nodes(words.slice(0, -1))) world.cluster.machineAt(node).holdWrites(zone);
  },

  /** Lets replicas execute nothing until `resume`. */
  stall: (world, { words }) => {
    for (const node of world.cast.nodes(words)) world.cluster.machineAt(node).stallExecution();
  },

  resume: (world, { words }) => {
    for (const node of world.cast.nodes(words)) world.cluster.machineAt(node).resumeExecution();
  },

  expect: (world, { words }) => ({ failures: checkExpectation(world, words) }),

  /** `forget log`: what was logged up to now does not count. */
  forget: (world) => world.forgetLog(),

  /** `watch join_view,view`: shows such messages as they arrive; `watch nothing`. */
  watch: (world, { words: [list = "nothing"] }) => {
    const commands = list === "nothing" ? [] : parseCommands(list);
    world.watch.commands = commands.flatMap((command) => (command === "all" ? [] : [command]));
  },

  show: (world, { words }) => ({ output: world.cast.nodes(words).map((node) => describeNode(world, node)) }),

  /** `send register by C0 release=1 => client_release_too_low`: a register of 256 bytes, as ancient clients send it. */
  send: (world, { words, fact }) => {
    const [, , client = "", setting = ""] = words;
    const evictions = world.sendBareRegister(client, Number(setting.split("=")[1]));
    return { failures: evictions.length === 1 && evictions[0] === fact ? [] : [`evicted: ${evictions.join(", ")}`] };
  },
};

function linksOfCut(world: World, words: readonly string[], preposition: string): ReturnType<typeof linksBetween> {
  const at = words.indexOf(preposition);
  const inside = addressesOf(world, at === -1 ? words : words.slice(0, at));
  const outside = at === -1 ? everybody(world) : addressesOf(world, words.slice(at + 1));
  return [...linksBetween(inside, outside), ...linksBetween(outside, inside)];
}

function parseDamage(
  world: World,
  words: readonly string[],
): { readonly nodes: readonly number[]; readonly place: Place; readonly which: string } {
  const at = words.findIndex((word) => PLACES.some((place) => place === word));
  const place = PLACES.find((known) => known === words[at]);
  if (place === undefined) throw new TypeError(`'${words.join(" ")}' names no place`);
  return { nodes: world.cast.nodes(words.slice(0, at)), place, which: words[at + 1] ?? "*" };
}
