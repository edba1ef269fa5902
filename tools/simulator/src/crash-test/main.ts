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

import { Lane, type LaneCounts } from "./lane.ts";

const KILLS_DEFAULT = 100;
const CLIENTS_DEFAULT = 8;
const LANES_MAX = 4;

const HELP = `usage: pnpm crash-test [--kills=N] [--lanes=N] [--clients=N] [--seed=N]

Formats data files, starts real servers, lets clients create accounts and transfers, kills the servers
with SIGKILL at random moments, starts them again, and checks every answer against a model.

  --kills=N    how many kills (default ${KILLS_DEFAULT})
  --lanes=N    how many servers at a time (default: one a core, at most ${LANES_MAX})
  --clients=N  how many clients a server (default ${CLIENTS_DEFAULT})
  --seed=N     what the clients ask (default: random; when processes are killed is up to the machine)`;

interface Command {
  readonly kills: number;
  readonly lanes: number;
  readonly clients: number;
  readonly seed: bigint;
}

function parseCommand(): Command | "help" {
  const { values } = parseArgs({
    options: {
      kills: { type: "string" },
      lanes: { type: "string" },
      clients: { type: "string" },
      seed: { type: "string" },
      help: { type: "boolean", short: "h" },
    },
  });
  if (values.help === true) return "help";
  return {
    kills: integer("kills", values.kills, KILLS_DEFAULT),
    lanes: integer("lanes", values.lanes, Math.min(availableParallelism(), LANES_MAX)),
    clients: integer("clients", values.clients, CLIENTS_DEFAULT),
    seed: BigInt(integer("seed", values.seed, 1 + randomBytes(4).readUInt32LE())),
  };
}

function integer(name: string, text: string | undefined, byDefault: number): number {
  if (text === undefined) return byDefault;
  const value = Number(text);
  if (!/^\d+$/.test(text) || !Number.isSafeInteger(value) || value < 1) {
    throw new TypeError(`--${name}: '${text}' is not a whole number from 1 on`);
  }
  return value;
}

function total(lanes: readonly Lane[], count: keyof LaneCounts): number {
  return lanes.reduce((sum, lane) => sum + lane.counts[count], 0);
}

async function run({ kills, lanes: laneCount, clients, seed }: Command): Promise<number> {
  const begin = performance.now();
  const directory = mkdtempSync(join(tmpdir(), "stagbeetle-crash-test-"));
  const lanes = Array.from({ length: laneCount }, (_, index) => {
    const laneDirectory = mkdtempSync(join(directory, "lane-"));
    const share = Math.floor(kills / laneCount) + (index < kills % laneCount ? 1 : 0);
    const onKill = (): void => undefined;
    const laneSeed = seed * 256n + BigInt(index);
    return new Lane({ directory: laneDirectory, kills: share, seed: laneSeed, clientCount: clients, onKill });
  });
  let failure: unknown = null;
  try {
    await Promise.all(lanes.map((lane) => lane.run()));
  } catch (error) {
    failure = error;
  }
  rmSync(directory, { recursive: true, force: true });
  const seconds = ((performance.now() - begin) / 1000).toFixed(0);
  const of = (count: keyof LaneCounts): number => total(lanes, count);
  console.log(
    `crash-test: ${failure === null ? "passed" : "FAILED"}: ${of("kills")} kills in ${seconds} s, ` +
      `${of("killsOpening")} of them before the server served; ${of("acknowledged")} requests acknowledged, ` +
      `${of("resent")} of them under way during a kill; ${of("transfers")} transfers in ${of("files")} data files; seed ${seed}`,
  );
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
