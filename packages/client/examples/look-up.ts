import { type SessionOptions, SharedSession } from "@stagbeetle/client";
import { lookupAccounts } from "@stagbeetle/client/accounting";

/** Looks two accounts up. The caller ticks the session every 10 ms, and gives it what its bus receives. */
export function lookUp(options: SessionOptions): SharedSession {
  const session = new SharedSession(options);
  session.register(() => console.log("registered"));
  session.submit(lookupAccounts.encoding, lookupAccounts.encode([1n, 2n]), (outcome) => {
    if (outcome.kind === "reply") console.log(lookupAccounts.decode(outcome.body, outcome.timestamp));
    else console.log(outcome.failure, outcome.execution);
  });
  return session;
}
