/**
 * Ports of this machine for servers that must know each other's before they start, and for those that nobody starts.
 *
 * @module
 */
import { once } from "node:events";
import { createServer } from "node:net";

import { assert } from "@stagbeetle/kernels";

/** Ports that nobody listens on. Somebody else may take them before they are used, which a test then shows. */
export async function freePorts(count: number): Promise<readonly number[]> {
  const listeners = Array.from({ length: count }, () => createServer().listen(0, "127.0.0.1"));
  const ports: number[] = [];
  for (const listener of listeners) {
    if (!listener.listening) await once(listener, "listening");
    const address = listener.address();
    assert(address !== null && typeof address === "object", "a TCP listener has a port");
    ports.push(address.port);
  }
  await Promise.all(listeners.map((listener) => once(listener.close(), "close")));
  return ports;
}
