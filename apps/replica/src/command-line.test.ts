import { run } from "@stricli/core";
import { expect, test } from "vitest";

import { commandLine } from "./command-line.ts";

async function outputOf(...args: string[]): Promise<{ stdout: string; stderr: string }> {
  const written = { stdout: "", stderr: "" };
  await run(commandLine, args, {
    process: {
      stdout: { write: (text: string) => void (written.stdout += text) },
      stderr: { write: (text: string) => void (written.stderr += text) },
    },
  });
  return written;
}

test("version names the program", async () => {
  expect((await outputOf("version")).stdout).toMatch(/^Stagbeetle version \d+\.\d+\.\d+\n$/);
});

test("a mistyped command is answered with the command that was probably meant", async () => {
  expect((await outputOf("verison")).stderr).toContain("version");
});
