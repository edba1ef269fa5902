/**
 * The suite against a cluster of real processes, of which a random one is killed and started again every few seconds.
 */
import { mkdtempSync, rmSync } from "node:fs";
import { join } from "node:path";

import { ClusterProcesses } from "@stagbeetle/processes";

import { Killing } from "./killing.ts";
import type { Mode } from "./modes.ts";
import { runSuite } from "./run-suite.ts";
import { failureOf, hasPassed, type SuiteResult } from "./suite-output.ts";

/**
 * A test that wants a transfer to expire within half a second of its time, which no cluster does whose primary was just
 * killed. From the end of the test before it on, all members are spared.
 */
const PUNCTUAL = { before: "can link transfers", test: "cannot void an expired transfer" } as const;

/** What to run, and with how many replicas. */
export interface ClusterMode extends Pick<Mode, "name" | "command"> {
  readonly replicaCount: number;
}

/** The modes in which the suite meets a cluster: the official client, and ours, on Node. */
export function clusterModes(modes: readonly Mode[], replicaCount: number): readonly ClusterMode[] {
  const chosen = modes.filter(({ flags }) => flags.length === 0);
  return chosen.map(({ name, command }) => ({
    name: `${name.slice(0, name.indexOf(","))}, ${replicaCount} replicas of which one is killed every few seconds`,
    command,
    replicaCount,
  }));
}

/** Runs the suite once, with data files below `directory`. Returns what is wrong, or null. */
export async function runClusterMode(mode: ClusterMode, directory: string): Promise<string | null> {
  const files = mkdtempSync(join(directory, "cluster-"));
  const { replicaCount } = mode;
  const cluster = await ClusterProcesses.format({ directory: files, replicaCount, flags: () => ["--development"] });
  try {
    await cluster.start();
    const { result, kills } = await runUnderKills(mode, cluster);
    await cluster.stop();
    console.log(`--- ${result.passed.length} tests passed, ${result.failed.length} failed; ${kills} kills`);
    return failureOf(result);
  } catch (error) {
    return `${error instanceof Error ? error.message : String(error)}\n${cluster.describe()}`;
  } finally {
    await cluster.destroy();
    rmSync(files, { recursive: true });
  }
}

interface Outcome {
  readonly result: SuiteResult;
  readonly kills: number;
}

async function runUnderKills({ command }: ClusterMode, cluster: ClusterProcesses): Promise<Outcome> {
  const addresses = cluster.ports.map((port) => `127.0.0.1:${port}`).join(",");
  const killing = new Killing(cluster);
  try {
    const result = await runSuite(command, addresses, (output) =>
      killing.spare(hasPassed(output, PUNCTUAL.before) && !hasPassed(output, PUNCTUAL.test)),
    );
    return { result, kills: killing.kills };
  } finally {
    await killing.end();
  }
}
