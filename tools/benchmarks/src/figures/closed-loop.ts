/**
 * Sessions that ask again as soon as they are answered.
 */
import type { TcpClient, TcpClients } from "@stagbeetle/tcp-client";

import type { Latencies } from "./latencies.ts";
import { assertCreated, type Transfers } from "./transfers.ts";

/** What is asked for. */
export interface ClosedLoad {
  readonly sessions: number;
  /** Transfers in a request. */
  readonly events: number;
  readonly requests: number;
}

/** One request, with its answer checked. */
export async function createTransfers(
  client: TcpClient,
  transfers: Transfers,
  body: Uint8Array,
  count: number,
): Promise<void> {
  const request = transfers.fill(body, count);
  const answer = await client.request(request.operation, request.body);
  assertCreated(answer.body, count);
}

/** Makes all requests, and notes how long each of them took. */
export async function closedLoop(
  { sessions, events, requests }: ClosedLoad,
  clients: TcpClients,
  transfers: Transfers,
  latencies: Latencies,
): Promise<void> {
  let left = requests;
  const session = async (client: TcpClient): Promise<void> => {
    const body = transfers.body(events);
    while (left > 0) {
      left -= 1;
      const begin = performance.now();
      await createTransfers(client, transfers, body, events);
      latencies.add(performance.now() - begin);
    }
  };
  await Promise.all(clients.all.slice(0, sessions).map(session));
}
