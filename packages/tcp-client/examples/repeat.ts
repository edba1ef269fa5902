import { TcpClients } from "@stagbeetle/tcp-client";
import { type Address, PRODUCTION, releaseOf } from "@stagbeetle/vsr-protocol";

/** Asks the cluster's state machine to repeat something. */
export async function repeat(addresses: readonly Address[], operation: number, text: string): Promise<string> {
  const clients = new TcpClients({
    count: 1,
    config: PRODUCTION,
    cluster: 0n,
    addresses,
    release: releaseOf(0, 17, 9),
  });
  await clients.register();
  const { body } = await clients.at(0).request(operation, new TextEncoder().encode(text));
  await clients.close();
  return new TextDecoder().decode(body);
}
