/**
 * A thread that runs the seeds it is given: ranges come as messages, reports go back.
 */
import { parentPort } from "node:worker_threads";

import { type Assignment, runSeeds } from "./run-seeds.ts";

parentPort?.on("message", (assignment: Assignment) => parentPort?.postMessage(runSeeds(assignment)));
