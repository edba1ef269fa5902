/**
 * Ends as its first argument says: `fatal` or `assertion`, from a timer.
 *
 * @module
 */
import { assert } from "@stagbeetle/kernels";
import { fatal, FatalReason } from "@stagbeetle/vsr-protocol";
import { exitOnFatal } from "../fatal-exit.ts";

exitOnFatal({ enabled: () => true, log: (level, message) => console.error(`${level}: ${message}`) });
setTimeout(() => {
  if (process.argv[2] === "fatal") fatal(FatalReason.noSpaceLeft, "the disk is full");
  assert(process.argv[2] === "never", "an invariant is broken");
}, 1);
