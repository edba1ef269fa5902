/**
 * A program that ends as its first argument says, for tests.
 */
import { FatalError, FatalReason } from "@stagbeetle/vsr-protocol";

import { bugReport, operatorReport } from "../report.ts";
import { runMain } from "../run-main.ts";

const ERRORS: Readonly<Record<string, unknown>> = {
  fatal: new FatalError(FatalReason.noSpaceLeft, "no space left"),
  bug: new RangeError("op 7\nis not 8"),
  text: "just a text",
};

await runMain(
  async ([way = "", what = ""], terminal) => {
    switch (way) {
      case "throws":
        throw ERRORS[what];
      case "throws-from-callback":
        setImmediate(() => {
          throw ERRORS[what];
        });
        return new Promise(() => undefined);
      default:
        terminal.stdout("done\n");
        return Number(way);
    }
  },
  (error) => (error instanceof FatalError ? operatorReport(error, error.reason) : bugReport(error)),
);
