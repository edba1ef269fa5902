import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, realpathSync, rmdirSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { expect, test } from "vitest";

import { killLeftProcesses } from "./left-processes.ts";

const WAITS = ["--eval", "console.log('runs'); setInterval(() => undefined, 1000)"];

test.runIf(process.platform === "linux")("only what was started with a file of the directory is killed", async () => {
  const directories = ["mine", "others"].map((name) =>
    mkdtempSync(join(realpathSync(tmpdir()), `stagbeetle-${name}-`)),
  );
  const processes = directories.map((directory) =>
    spawn(process.execPath, [...WAITS, join(directory, "file")], { stdio: ["ignore", "pipe", "ignore"] }),
  );
  const [mine, others] = processes;
  const [directory] = directories;
  if (mine === undefined || others === undefined || directory === undefined) throw new Error("nothing was started");
  const ended = Promise.all(processes.map((child) => once(child, "close")));
  await Promise.all(processes.map(({ stdout }) => once(stdout, "data")));
  expect(killLeftProcesses(directory)).toBe(1);
  await once(mine, "exit");
  expect([mine.signalCode, others.signalCode]).toEqual(["SIGKILL", null]);
  expect(killLeftProcesses(directory)).toBe(0);
  others.kill();
  await ended;
  for (const made of directories) rmdirSync(made);
});
