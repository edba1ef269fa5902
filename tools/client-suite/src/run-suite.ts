/**
 * One run of the suite, in a process of its own.
 */
import { spawn } from "node:child_process";
import { once } from "node:events";

import { type SuiteResult, readSuiteOutput } from "./suite-output.ts";

/**
 * Runs the suite to its end, and shows what it prints.
 *
 * @param command the program and its parameters.
 * @param addresses where the replicas listen, as clients are told.
 * @param onOutput is told all that was printed so far, whenever that is more.
 */
export async function runSuite(
  [program, ...parameters]: readonly [program: string, ...parameters: string[]],
  addresses: string,
  onOutput: (output: string) => void = () => undefined,
): Promise<SuiteResult> {
  const child = spawn(program, parameters, {
    env: { ...process.env, TB_ADDRESS: addresses },
    stdio: ["ignore", "pipe", "inherit"],
  });
  let output = "";
  child.stdout.setEncoding("utf8").on("data", (text: string) => {
    process.stdout.write(text);
    output += text;
    onOutput(output);
  });
  await once(child, "close");
  return readSuiteOutput(output);
}
