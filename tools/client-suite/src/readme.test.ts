import { execFile } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";

import { ServerProcess } from "@stagbeetle/processes";
import { expect, test } from "vitest";

const CLIENT = dirname(dirname(fileURLToPath(import.meta.resolve("@stagbeetle/ledger-client"))));
const EXAMPLE = join(CLIENT, "examples", "transfer.ts");

test("the client's README shows its example as it is, and what it prints", async () => {
  const readme = readFileSync(join(CLIENT, "README.md"), "utf8");
  expect(readme).toContain(readFileSync(EXAMPLE, "utf8"));
  const directory = mkdtempSync(join(tmpdir(), "stagbeetle-readme-"));
  try {
    const file = join(directory, "0_0.stagbeetle");
    await ServerProcess.format(file);
    const server = await ServerProcess.start(file, { flags: ["--development"] });
    const { stdout } = await promisify(execFile)(process.execPath, ["--conditions=@stagbeetle/source", EXAMPLE], {
      env: { ...process.env, TB_ADDRESS: String(server.port) },
    });
    await server.stop();
    expect(stdout).toBe("created\n100n\n");
    expect(readme).toContain(`It prints\n\n\`\`\`\n${stdout}\`\`\``);
  } finally {
    rmSync(directory, { recursive: true });
  }
});
