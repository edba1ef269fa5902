/**
 * Runs the programs as they were built, where they start something of theirs: tests run sources, in which files have other
 * names. A production server with its threads, and a cluster for development with its processes.
 */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { setTimeout as sleep } from "node:timers/promises";

import { ServerProcess } from "@stagbeetle/processes";
import { freePorts } from "@stagbeetle/tcp-client/testing";

import { killLeftProcesses } from "./left-processes.ts";

const DEVELOPMENT = join(import.meta.dirname, "../../../apps/replica/dist/development.js");
const REPLICAS = 3;
const WAIT_MS_MAX = 60_000;

/** @throws Error with what the server printed, unless it takes its memory with a thread and ends in order. */
async function serverWithThreads(directory: string): Promise<void> {
  const path = join(directory, "0_0.stagbeetle");
  await ServerProcess.format(path);
  const server = await ServerProcess.start(path, { built: true });
  try {
    await server.resident();
    await server.stop();
  } finally {
    // Else a server that still runs keeps this process from ending.
    if (!server.ended) await server.kill();
  }
}

/** @throws Error with what was printed, unless all replicas listen and the cluster ends in order. */
async function developmentCluster(directory: string): Promise<void> {
  const addresses = (await freePorts(REPLICAS)).map((port) => `127.0.0.1:${port}`).join(",");
  const parameters = [DEVELOPMENT, `--replicas=${REPLICAS}`, `--addresses=${addresses}`];
  const child = spawn(process.execPath, parameters, { cwd: directory, stdio: ["pipe", "ignore", "pipe"] });
  const ended = once(child, "close");
  const printed: string[] = [];
  let left = 0;
  try {
    await Promise.race([listening(child, printed), ended, sleep(WAIT_MS_MAX, undefined, { ref: false })]);
    child.kill("SIGINT");
    await Promise.race([ended, sleep(WAIT_MS_MAX, undefined, { ref: false })]);
  } finally {
    child.kill("SIGKILL");
    left = killLeftProcesses(directory);
  }
  if (child.exitCode !== 0 || listeningCount(printed) < REPLICAS || left > 0) {
    throw new Error(`ended with ${child.exitCode ?? child.signalCode}, leaving ${left}:\n${printed.join("\n")}`);
  }
}

/** Resolves when all replicas listen. Goes on to take lines. */
async function listening({ stderr }: ChildProcess, printed: string[]): Promise<void> {
  if (stderr === null) throw new Error("the log is not a pipe");
  const { promise, resolve } = Promise.withResolvers<void>();
  createInterface({ input: stderr }).on("line", (line) => {
    printed.push(line);
    if (listeningCount(printed) === REPLICAS) resolve();
  });
  await promise;
}

function listeningCount(printed: readonly string[]): number {
  return printed.filter((line) => line.includes("listening on")).length;
}

for (const check of [serverWithThreads, developmentCluster]) {
  const directory = mkdtempSync(join(tmpdir(), "stagbeetle-programs-"));
  try {
    await check(directory);
    console.log(`ok     ${check.name}`);
  } catch (error) {
    console.log(`FAILED ${check.name}: ${error instanceof Error ? error.message : String(error)}`);
    process.exitCode = 1;
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
}
