/**
 * How the process ends (spec 06 §1.4). 1 to 7 are those of `FatalReason`, which cannot change.
 */
import { FatalReason } from "@stagbeetle/vsr-protocol";

/** Everything was done, or the process was asked to stop. */
export const EXIT_SUCCESS = 0;

/** The operator's turn: bad arguments, addresses, paths, files. Nothing was changed. */
export const EXIT_FAILURE: number = FatalReason.cli;

/** `doctor` has found why the cluster does not serve clients. */
export const EXIT_UNHEALTHY = 8;

/** The status of a process that aborted itself (128 + SIGABRT): a bug, or a disk that refuses a write. */
export const EXIT_ABORTED = 134;
