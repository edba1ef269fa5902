/**
 * One phase of the load: every client asks again as soon as it is answered (spec 06 §7.3).
 */
import { setTimeout as sleep } from "node:timers/promises";

import type { TcpClient } from "@stagbeetle/tcp-client";

import { Latencies } from "./latencies.ts";

/** What one phase asks. */
export interface PhaseOptions {
  readonly clients: readonly TcpClient[];
  readonly operation: number;
  /** The next request; null: there are no more. The body is used before this is called again. */
  readonly next: () => PhaseRequest | null;
  /** How long a client waits before it asks again. */
  readonly delayMs?: number;
  /** Is called for each answer. */
  readonly onAnswer: () => void;
}

/** One request, and what to do with its answer, whose bytes are good for the call only. */
export interface PhaseRequest {
  readonly body: Uint8Array;
  readonly onReply: (body: Uint8Array, latencyMs: number) => void;
}

/** How a phase went. */
export interface PhaseResult {
  readonly elapsedNs: bigint;
  readonly latencies: Latencies;
}

/**
 * Runs a phase until there are no more requests and all are answered. Requests are made while earlier ones are answered, so that
 * the server does not wait for them.
 */
export async function runPhase({
  clients,
  operation,
  next,
  delayMs = 0,
  onAnswer,
}: PhaseOptions): Promise<PhaseResult> {
  const latencies = new Latencies();
  const begin = process.hrtime.bigint();
  let ready = next();
  const askAll = async (client: TcpClient): Promise<void> => {
    while (ready !== null) {
      const { body, onReply } = ready;
      const sentMs = performance.now();
      const answered = client.requestWith(operation, body, (reply) => {
        const latencyMs = performance.now() - sentMs;
        latencies.add(latencyMs);
        onAnswer();
        onReply(reply.body, latencyMs);
      });
      ready = next();
      await answered;
      if (delayMs > 0 && ready !== null) await sleep(delayMs);
    }
  };
  await Promise.all(clients.map(askAll));
  return { elapsedNs: process.hrtime.bigint() - begin, latencies };
}
