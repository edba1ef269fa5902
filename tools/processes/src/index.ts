/**
 * Real server processes, and clients that reach them over TCP.
 *
 * @packageDocumentation
 */
export { type Finished, runAof, runProgram, runProgramManyTimes, runProgramSuccessfully } from "./program.ts";
export { ServerProcess, type ServerProcessOptions } from "./server-process.ts";
export { type Answer, TcpClient, TcpClients, type TcpClientsOptions } from "./tcp-clients.ts";
