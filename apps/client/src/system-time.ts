/**
 * The clock of whatever runs the client.
 */
import type { Time } from "@stagbeetle/vsr-protocol";

const NS_PER_MS = 1e6;

/** Milliseconds that never step back, from any start. */
export function monotonicMs(): number {
  return performance.now();
}

/** What a session asks: round trips in nanoseconds, as exact as the runtime tells. */
export const SYSTEM_TIME: Time = {
  // Never 0, which means "no time" in messages.
  monotonic: () => BigInt(Math.max(1, Math.round(monotonicMs() * NS_PER_MS))),
  realtime: () => BigInt(Date.now()) * BigInt(NS_PER_MS),
};
