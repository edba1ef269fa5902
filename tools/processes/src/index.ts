/**
 * Real server processes, and clients that reach them over TCP.
 *
 * @packageDocumentation
 */
export { ClusterProcesses, type ClusterProcessesOptions } from "./cluster-processes.ts";
export { inspectDataFile, type MemberOptions, ServerProcess, type ServerProcessOptions } from "./server-process.ts";
export { type Answer, TcpClient, TcpClients, type TcpClientsOptions } from "./tcp-clients.ts";
