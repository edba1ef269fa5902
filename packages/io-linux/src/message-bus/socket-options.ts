/**
 * How TCP sockets are set up (spec 01 §8.2, spec 04 §4.6).
 *
 * Node itself sets what it can: no delay, keep-alive with its three numbers. The buffer sizes, and the limit on how long
 * sent data may stay unacknowledged, go through {@link SystemCalls} where it is there. Without, the kernel sizes the
 * buffers as it sees fit, and a peer that vanishes while data is on the way is noticed only when the kernel gives up
 * retransmitting (some 15 minutes).
 *
 * @module
 */
import * as net from "node:net";
import type { Address } from "@stagbeetle/vsr-protocol";
import { loadSystemCalls, SocketOption, type SystemCalls } from "../system-calls.ts";

const KEEP_ALIVE_IDLE_MS = 5000;
const KEEP_ALIVE_INTERVAL_MS = 4000;
const KEEP_ALIVE_COUNT = 3;

/** How long sent data may stay unacknowledged, and a connection unanswered: as long as keep-alive needs to give up. */
export const USER_TIMEOUT_MS: number = KEEP_ALIVE_IDLE_MS + KEEP_ALIVE_COUNT * KEEP_ALIVE_INTERVAL_MS;

const RECEIVE_BUFFER_SIZE_BYTES = 4 * 1024 * 1024;

/** Options of a listening socket; accepted ones inherit them. */
export const SERVER_OPTIONS: net.ServerOpts = {
  // Nothing is read before the connection has a place to read to.
  pauseOnConnect: true,
  noDelay: true,
  keepAlive: true,
  keepAliveInitialDelay: KEEP_ALIVE_IDLE_MS,
};

/** How many connections the kernel keeps until they are accepted. */
export const LISTEN_BACKLOG = 64;

/** Sets what Node can set on a connected socket. */
export function configureSocket(socket: net.Socket): void {
  socket.setNoDelay(true);
  // The last two arguments do nothing before Node 26.4.
  socket.setKeepAlive(true, KEEP_ALIVE_IDLE_MS, KEEP_ALIVE_INTERVAL_MS, KEEP_ALIVE_COUNT);
}

/**
 * A socket bound to `address`, with all options set before it listens or connects; null where this Node cannot do that.
 *
 * @param sendBufferSizeBytes as much as the send queue of a connection.
 * @throws a system error if the address cannot be bound.
 */
export function bindSocket(
  { host, port }: Pick<Address, "host" | "port">,
  sendBufferSizeBytes: number,
): net.BoundSocket | null {
  const systemCalls = loadSystemCalls();
  // Node before 26.4 has no bound sockets, whatever its types say.
  if (systemCalls === null || !("BoundSocket" in net)) return null;
  const socket = new net.BoundSocket({ host, port });
  setOptions(socket.fd(), sendBufferSizeBytes, systemCalls);
  return socket;
}

/** Every option is a wish: a kernel that refuses one still gives a working socket. */
function setOptions(fileDescriptor: number, sendBufferSizeBytes: number, systemCalls: SystemCalls): void {
  const set = (option: SocketOption, value: number): boolean =>
    systemCalls.setSocketOption(fileDescriptor, option, value);
  // The forcing variants pass the system's limit and need a privilege.
  if (!set(SocketOption.receiveBufferForce, RECEIVE_BUFFER_SIZE_BYTES)) {
    set(SocketOption.receiveBuffer, RECEIVE_BUFFER_SIZE_BYTES);
  }
  if (!set(SocketOption.sendBufferForce, sendBufferSizeBytes)) set(SocketOption.sendBuffer, sendBufferSizeBytes);
  set(SocketOption.keepAlive, 1);
  set(SocketOption.keepAliveIdleSeconds, KEEP_ALIVE_IDLE_MS / 1000);
  set(SocketOption.keepAliveIntervalSeconds, KEEP_ALIVE_INTERVAL_MS / 1000);
  set(SocketOption.keepAliveCount, KEEP_ALIVE_COUNT);
  set(SocketOption.userTimeoutMs, USER_TIMEOUT_MS);
  set(SocketOption.noDelay, 1);
}
