/**
 * Calls of one operation that travel as one request (spec 01 §6, §11.3–11.5).
 *
 * @module
 */
import { assert } from "@stagbeetle/kernels";
import { type MultiBatchDecoder, type MultiBatchEncoder } from "@stagbeetle/vsr-protocol";

import type { Call } from "./call.ts";
import { batchesFit, type BatchTotals, type BodyLimits, type OperationEncoding } from "./operation.ts";
import type { Reply } from "./session.ts";

/** A request that is not sent yet, and takes further calls as long as they fit; or that is under way. */
export class MergedRequest {
  readonly encoding: OperationEncoding;
  readonly #calls: Set<Call>;
  #totals: BatchTotals;

  constructor(call: Call) {
    this.encoding = call.encoding;
    this.#calls = new Set([call]);
    this.#totals = call.totals;
  }

  /** The calls, in the order of their batches. */
  get calls(): ReadonlySet<Call> {
    return this.#calls;
  }

  /** Takes a call as the last batch. Returns false if it cannot be merged, or does not fit. */
  add(call: Call, limits: BodyLimits): boolean {
    if (call.encoding.operation !== this.encoding.operation || !this.encoding.multiBatch) return false;
    const totals = sum(this.#totals, call.totals);
    if (!batchesFit(this.encoding, totals, limits)) return false;
    this.#calls.add(call);
    this.#totals = totals;
    return true;
  }

  /** Takes out a call that is not to be sent any more. Returns whether any is left. */
  remove(call: Call): boolean {
    assert(this.#calls.delete(call), "the call is in this request");
    const { batchCount, eventsSizeBytes, resultCountMax } = this.#totals;
    this.#totals = {
      batchCount: batchCount - 1,
      eventsSizeBytes: eventsSizeBytes - call.body.length,
      resultCountMax: resultCountMax - call.resultCountMax,
    };
    return this.#calls.size > 0;
  }

  /** Writes the body into `space` and returns its size in bytes. */
  write(space: Uint8Array, encoder: MultiBatchEncoder): number {
    assert(this.#calls.size > 0, "a request without calls");
    if (!this.encoding.multiBatch) {
      assert(this.#calls.size === 1, () => `${this.#calls.size} calls in a request of one`);
      for (const { body } of this.#calls) space.set(body);
      return this.#totals.eventsSizeBytes;
    }
    encoder.begin(space, this.encoding.eventSizeBytes);
    for (const { body } of this.#calls) {
      space.set(body, encoder.payloadSizeBytes);
      encoder.add(body.length);
    }
    return encoder.finish();
  }

  /** Gives each call its part of the answer, in order; or an answer that makes no sense to all of them. */
  answer(reply: Reply, decoder: MultiBatchDecoder): void {
    if (!this.encoding.multiBatch) {
      for (const call of this.#calls) answerWhole(call, reply);
      return;
    }
    if (!this.#answerValid(reply, decoder)) {
      this.fail("invalid_reply");
      return;
    }
    for (const call of this.#calls) {
      assert(decoder.next(), "the answer has a batch for each call");
      // A callback may use the decoder for nothing else: the next answer cannot come before it returns.
      if (call.state === "sent") call.reply(reply.timestamp, decoder.batch());
    }
  }

  /** Ends all calls that are not done. */
  fail(failure: "evicted" | "closed" | "invalid_reply"): void {
    for (const call of this.#calls) {
      if (call.state !== "done") call.fail(failure);
    }
  }

  /** Whether the answer has a batch for each call, and none with more results than were asked for. */
  #answerValid({ body }: Reply, decoder: MultiBatchDecoder): boolean {
    if (decoder.decode(body, this.encoding.resultSizeBytes) !== null) return false;
    if (decoder.batchCount !== this.#calls.size) return false;
    for (const call of this.#calls) {
      if (!decoder.next() || decoder.elementCount > call.resultCountMax) return false;
    }
    decoder.rewind();
    return true;
  }
}

function answerWhole(call: Call, { timestamp, body }: Reply): void {
  if (call.state !== "sent") return;
  if (body.length % call.encoding.resultSizeBytes === 0) call.reply(timestamp, body);
  else call.fail("invalid_reply");
}

function sum(a: BatchTotals, b: BatchTotals): BatchTotals {
  return {
    batchCount: a.batchCount + b.batchCount,
    eventsSizeBytes: a.eventsSizeBytes + b.eventsSizeBytes,
    resultCountMax: a.resultCountMax + b.resultCountMax,
  };
}
