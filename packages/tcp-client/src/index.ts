/**
 * Clients over TCP: the memory and connections that a client's session runs on, and sessions with promises.
 *
 * @packageDocumentation
 */

// What sessions run on.
export { ClientNetwork } from "./client-network.ts";
export type { ClientNetworkOptions, ClientParts, Connected, ConnectOptions } from "./client-network.ts";
export { randomClientId } from "./client-id.ts";

// Sessions with promises.
export { EvictedError, TcpClient } from "./tcp-client.ts";
export type { Answer, TcpClientOptions } from "./tcp-client.ts";
export { TcpClients } from "./tcp-clients.ts";
export type { TcpClientsOptions } from "./tcp-clients.ts";
