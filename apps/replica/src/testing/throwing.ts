/**
 * A process in which something is thrown that nobody catches, after the handlers of the program were installed.
 */
import { AssertionError } from "@stagbeetle/kernels";
import { FatalError, FatalReason } from "@stagbeetle/vsr-protocol";

import { endProcessOnUncaught } from "../crash.ts";
import { processTerminal } from "../terminal.ts";

const thrown: Readonly<Record<string, unknown>> = {
  assertion: new AssertionError("op 7\nis not 8"),
  fatal: new FatalError(FatalReason.noSpaceLeft, "no space left"),
  text: "just a text",
};

endProcessOnUncaught(processTerminal, (line) => processTerminal.stderr(`error: ${line}\n`));
setImmediate(() => {
  throw thrown[process.argv[2] ?? ""];
});
