/**
 * A process in which something is thrown that nobody catches, after the handlers of the program were installed.
 */
import { endProcessOnUncaught, processTerminal } from "@stagbeetle/command-line";
import { AssertionError } from "@stagbeetle/kernels";
import { FatalError, FatalReason } from "@stagbeetle/vsr-protocol";

import { reportOf } from "../report.ts";

const thrown: Readonly<Record<string, unknown>> = {
  assertion: new AssertionError("op 7\nis not 8"),
  fatal: new FatalError(FatalReason.noSpaceLeft, "no space left"),
  text: "just a text",
};

endProcessOnUncaught({
  terminal: processTerminal,
  say: (line) => processTerminal.stderr(`error: ${line}\n`),
  reportOf,
});
setImmediate(() => {
  throw thrown[process.argv[2] ?? ""];
});
