/**
 * What a scenario can say of a node: facts by their names, and one line with all of them.
 *
 * @module
 */
import type { ReplicaState } from "@stagbeetle/vsr-protocol";

import type { World } from "./world.ts";

/** Facts in the order in which they are shown. */
export interface Facts {
  /** `normal`, `view_change`, `recovering`, `recovering_head`; `down` or `reformatting` if no replica runs. */
  readonly status: string;
  readonly role: "primary" | "backup" | "standby" | "none";
  readonly view: number;
  readonly log_view: number;
  readonly head: number;
  readonly commit: number;
  readonly commit_max: number;
  readonly checkpoint: number;
  /** The patch of the release that runs: 10 of 0.18.10. */
  readonly release: number;
}

/** The facts of a node: as they are, or as they were when its replica stopped. */
export function factsOf(world: World, node: number): Facts {
  const machine = world.cluster.machineAt(node);
  const state = machine.up ? machine.replica.state : machine.stateBeforeCrash;
  if (state === null) return { ...NOTHING, status: downStatus(world, node) };
  return {
    status: machine.up ? statusName(state) : downStatus(world, node),
    role: machine.up ? roleOf(world, node, state) : "none",
    view: state.view,
    log_view: state.logView,
    head: state.op,
    commit: state.commitMin,
    commit_max: state.commitMax,
    checkpoint: state.opCheckpoint,
    release: machine.release & PATCH_MASK,
  };
}

/** One line about a node. */
export function describeNode(world: World, node: number): string {
  const {
    status,
    role,
    view,
    log_view: logView,
    head,
    commit,
    commit_max: commitMax,
    checkpoint,
  } = factsOf(world, node);
  const who = `${world.cast.nameOf(node)} ${role === "none" ? status : `${status} ${role}`}`;
  const views = view === logView ? `view=${view}` : `view=${view} log_view=${logView}`;
  return `${who} ${views} head=${head} commit=${commit}/${commitMax} checkpoint=${checkpoint}`;
}

/**
 * Holds a fact against a node: `name=value` or `name>=value`.
 *
 * @returns what is otherwise, or null.
 * @throws TypeError if the words are no fact.
 */
export function contradiction(world: World, node: number, fact: string): string | null {
  const [, name = "", relation, expected = ""] = /^([a-z_]+)(>=|=)(\w+)$/.exec(fact) ?? [];
  const facts: Readonly<Record<string, string | number>> = { ...factsOf(world, node) };
  const actual = facts[name];
  if (actual === undefined) throw new TypeError(`'${fact}' is not a fact`);
  const holds = relation === ">=" ? Number(actual) >= Number(expected) : String(actual) === expected;
  return holds ? null : `${world.cast.nameOf(node)} has ${name}=${actual}`;
}

const NOTHING: Facts = {
  status: "down",
  role: "none",
  view: 0,
  log_view: 0,
  head: 0,
  commit: 0,
  commit_max: 0,
  checkpoint: 0,
  release: 0,
};

/** Where a release has its patch (spec 01 §3.7). */
const PATCH_MASK = 0xff;

function downStatus(world: World, node: number): string {
  return world.recovering(node) ? "reformatting" : "down";
}

function statusName({ status }: ReplicaState): string {
  return status.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
}

function roleOf(world: World, node: number, { status, view }: ReplicaState): Facts["role"] {
  const { replicaCount } = world.cluster;
  if (node >= replicaCount) return "standby";
  if (status !== "normal") return "none";
  return view % replicaCount === node ? "primary" : "backup";
}
