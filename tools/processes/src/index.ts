/**
 * Real server processes, and clients that reach them over TCP.
 *
 * @packageDocumentation
 */
export { ClusterProcesses, type ClusterProcessesOptions } from "./cluster-processes.ts";
export {
  type Finished,
  inspectDataFile,
  runAof,
  runProgram,
  runProgramManyTimes,
  runProgramSuccessfully,
} from "./program.ts";
export { type MemberOptions, ServerProcess, type ServerProcessOptions } from "./server-process.ts";
export { localClients, type LocalClientsOptions } from "./local-clients.ts";
