/**
 * `pnpm crash-test`: kills a real server under load, again and again, and checks that nothing acknowledged is ever lost.
 *
 * Exit status: 0 if all is in order, 1 if something is wrong, 2 if the command line is wrong.
 */
import { randomBytes } from "node:crypto";
import { mkdtempSync, rmSync } from "node:fs";
import { availableParallelism, tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";

import { ClusterLane, type ClusterLaneCounts } from "./cluster-lane.ts";
import { wholeNumber } from "../whole-number.ts";
import { Lane, type LaneCounts, type LaneOptions } from "./lane.ts";

const KILLS_DEFAULT = 100;
const CLIENTS_DEFAULT = 8;
const LANES_MAX = 4;
const MS_PER_MINUTE = 60_000;

const REPLICAS_MAX = 6;

const HELP = `usage: pnpm crash-test [--kills=N | --minutes=N] [--replicas=N] [--lanes=N] [--clients=N] [--directory=DIR] [--seed=N]

Formats data files, starts real servers, lets clients create accounts and transfers, kills the servers
with SIGKILL at random moments, starts them again, and checks every answer against a model.

  --kills=N        how many kills (default ${KILLS_DEFAULT})
  --minutes=N      in place of --kills: how long to go on killing
  --replicas=N     how many replicas a cluster has (default 1). With 3 and more, replicas are killed while the
                   others go on, and at the end their checkpoints have to be the same, and their append-only
                   files together have to hold all that was acknowledged
  --lanes=N        how many servers at a time (default: one a core, at most ${LANES_MAX})
  --clients=N      how many clients a server (default ${CLIENTS_DEFAULT})
  --directory=DIR  where the data files are made, 1.1 GB each (default: that for temporary files). In memory,
                   as in /dev/shm, or where there is no direct I/O, a kill can tear a write
  --seed=N         what the clients ask (default: random; when processes are killed is up to the machine)`;

interface Command {
  /** Without an end if there are minutes. */
  readonly kills: number;
  /** Without an end if there are kills. */
  readonly minutes: number;
  readonly replicas: number;
  readonly lanes: number;
  readonly clients: number;
  readonly directory: string;
  readonly seed: bigint;
}

function parseCommand(): Command | "help" {
  const { values } = parseArgs({
    options: {
      kills: { type: "string" },
      minutes: { type: "string" },
      replicas: { type: "string" },
      lanes: { type: "string" },
      clients: { type: "string" },
      directory: { type: "string" },
      seed: { type: "string" },
      help: { type: "boolean", short: "h" },
    },
  });
  if (values.help === true) return "help";
  if (values.kills !== undefined && values.minutes !== undefined) throw new TypeError("--kills or --minutes, not both");
  const replicas = wholeNumber("replicas", values.replicas, 1);
  if (replicas === 2 || replicas > REPLICAS_MAX) throw new TypeError(`--replicas: '${replicas}' is not 1 or 3 to 6`);
  const lanes = replicas === 1 ? Math.min(availableParallelism(), LANES_MAX) : 1;
  return {
    replicas,
    kills: values.minutes === undefined ? wholeNumber("kills", values.kills, KILLS_DEFAULT) : Number.POSITIVE_INFINITY,
    minutes: values.minutes === undefined ? Number.POSITIVE_INFINITY : wholeNumber("minutes", values.minutes, 1),
    lanes: wholeNumber("lanes", values.lanes, lanes),
    clients: wholeNumber("clients", values.clients, CLIENTS_DEFAULT),
    directory: values.directory ?? tmpdir(),
    seed: BigInt(wholeNumber("seed", values.seed, 1 + randomBytes(4).readUInt32LE())),
  };
}

/** What each lane gets: a directory, its share of the kills or the time as long as all is in order, and a seed of its own. */
function sharesOf(
  { kills, minutes, lanes, clients, seed }: Command,
  directory: string,
  inOrder: () => boolean,
): readonly LaneOptions[] {
  const deadline = performance.now() + minutes * MS_PER_MINUTE;
  return Array.from({ length: lanes }, (_, index) => ({
    directory: mkdtempSync(join(directory, "lane-")),
    // The shares of all lanes add up to the kills.
    goesOn: (count) => inOrder() && count < Math.ceil((kills - index) / lanes) && performance.now() < deadline,
    seed: seed * 256n + BigInt(index),
    clientCount: clients,
  }));
}

function total<Count extends string>(
  lanes: readonly { readonly counts: Record<Count, number> }[],
  count: Count,
): number {
  return lanes.reduce((sum, lane) => sum + lane.counts[count], 0);
}

/** Lone servers. */
function aloneLanes(shares: readonly LaneOptions[]): Lanes {
  const lanes = shares.map((share) => new Lane(share));
  const of = (count: keyof LaneCounts): number => total(lanes, count);
  return {
    lanes,
    describe: () =>
      `${of("kills")} kills, ${of("killsOpening")} of them before the server served; ` +
      `${of("acknowledged")} requests acknowledged, ${of("resent")} of them under way during a kill; ` +
      `${of("transfers")} transfers in ${of("files")} data files`,
  };
}

/** Clusters. */
function clusterLanes(shares: readonly LaneOptions[], replicaCount: number): Lanes {
  const lanes = shares.map((share) => new ClusterLane({ ...share, replicaCount }));
  const of = (count: keyof ClusterLaneCounts): number => total(lanes, count);
  const silenceMs = (): number => Math.max(...lanes.map(({ counts }) => counts.silenceMsMax));
  return {
    lanes,
    describe: () =>
      `${of("kills")} kills among ${replicaCount} replicas, ${of("recoveries")} of them with the loss of the data file; ${of("acknowledged")} requests acknowledged; ` +
      `${of("transfers")} transfers; ${of("recorded")} ops in their append-only files; at most ${silenceMs().toFixed(0)} ms without an answer`,
  };
}

interface Lanes {
  readonly lanes: readonly { run(): Promise<void> }[];
  readonly describe: () => string;
}

async function run(command: Command): Promise<number> {
  const begin = performance.now();
  const directory = mkdtempSync(join(command.directory, "stagbeetle-crash-test-"));
  let failure: unknown = null;
  const shares = sharesOf(command, directory, () => failure === null);
  const { lanes, describe } = command.replicas === 1 ? aloneLanes(shares) : clusterLanes(shares, command.replicas);
  // Each lane comes to its end, and ends its servers, whatever another one has found.
  await Promise.all(
    lanes.map((lane) =>
      lane.run().catch((error: unknown) => {
        failure ??= error;
      }),
    ),
  );
  rmSync(directory, { recursive: true, force: true });
  const seconds = ((performance.now() - begin) / 1000).toFixed(0);
  const outcome = failure === null ? "passed" : "FAILED";
  console.log(`crash-test: ${outcome}: ${describe()}; ${seconds} s; seed ${command.seed}`);
  if (failure === null) return 0;
  console.error(failure);
  return 1;
}

try {
  const command = parseCommand();
  if (command === "help") console.log(HELP);
  else process.exit(await run(command));
} catch (error) {
  console.error(`error: ${error instanceof Error ? error.message : String(error)}`);
  process.exitCode = 2;
}
