/**
 * What real clients were told, in the order in which the cluster executed it, held against the model of the ledger.
 *
 * From outside nobody sees the log. But every request has a timestamp of its own, and timestamps follow the log.
 */
import { hash } from "node:crypto";

import { AccountingModel, assertBytes } from "@stagbeetle/io-sim";
import { assert } from "@stagbeetle/kernels";
import type { Answer } from "@stagbeetle/tcp-client";
import { operationFromVsr } from "@stagbeetle/state-machine";
import { PRODUCTION } from "@stagbeetle/vsr-protocol";

/** A request with its answer. */
interface Acknowledged {
  readonly operation: number;
  readonly body: Uint8Array;
  readonly answer: Answer;
}

/** A request as it is found again elsewhere: its operation, and a checksum of its body. */
export function digestOf(operation: number, body: Uint8Array): string {
  return `${operation} ${hash("sha1", body)}`;
}

/** Collects answers, and checks them once nobody waits for one. */
export class AcknowledgedRequests {
  readonly model: AccountingModel = new AccountingModel({
    messageBodySizeMax: PRODUCTION.derived.messageBodySizeMax,
    expireMax: 0,
  });
  readonly #digests: Map<bigint, string> = new Map();
  #unchecked: Acknowledged[] = [];
  /** The highest timestamp of all answers that were checked. */
  #checkedTimestamp = 0n;
  /** The highest timestamp of all answers. */
  #newestTimestamp = 0n;
  #count = 0;

  /** How many requests were answered. */
  get count(): number {
    return this.#count;
  }

  /** The requests that were checked, as {@link digestOf} has them, by the timestamps of their answers (ns). */
  get digests(): ReadonlyMap<bigint, string> {
    return this.#digests;
  }

  /** To be noted when a request is made: what is executed later has a higher timestamp. */
  get newestTimestamp(): bigint {
    return this.#newestTimestamp;
  }

  /** A request was answered that was made when {@link newestTimestamp} was `newestBefore`. */
  add(acknowledged: Acknowledged, newestBefore: bigint): void {
    const { timestamp } = acknowledged.answer;
    assert(timestamp > newestBefore, () => `a request is executed at ${timestamp}, after one of ${newestBefore}`);
    this.#unchecked.push(acknowledged);
    if (timestamp > this.#newestTimestamp) this.#newestTimestamp = timestamp;
    this.#count += 1;
  }

  /** Nobody waits for an answer: the model executes all of them in their order, and must come to the same answers. */
  check(): void {
    this.#unchecked.sort((a, b) => (a.answer.timestamp < b.answer.timestamp ? -1 : 1));
    for (const { operation, body, answer } of this.#unchecked) {
      const { timestamp } = answer;
      assert(timestamp > this.#checkedTimestamp, () => `two requests are executed at ${timestamp}`);
      this.#checkedTimestamp = timestamp;
      this.#digests.set(timestamp, digestOf(operation, body));
      const expected = this.model.execute({ operation, timestamp, body });
      const name = operationFromVsr(operation)?.name ?? String(operation);
      assertBytes(`the answer to ${name} of ${timestamp}`, answer.body, expected);
    }
    this.#unchecked = [];
  }
}
