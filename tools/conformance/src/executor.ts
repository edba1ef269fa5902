/**
 * The accounting state machine with its forest in memory, on the prepares of a recorded run: the model of what a server holds.
 *
 * @module
 */
import { assert, createKernels, LinearMemory } from "@stagbeetle/kernels";
import { accountingGrooves, AccountingStateMachine, CallQueue, Limits, MemoryForest } from "@stagbeetle/state-machine";
import {
  Checksums,
  Command,
  HEADER_SIZE_BYTES,
  initHeader,
  initReply,
  invalidHeader,
  type Message,
  MessagePool,
  Operation,
  PrepareHeader,
  PRODUCTION,
  RegisterRequest,
  REGISTER_RESULT_SIZE_BYTES,
  RegisterResult,
  RequestHeader,
} from "@stagbeetle/vsr-protocol";

const MESSAGE_SIZE_MAX = PRODUCTION.cluster.messageSizeMax;
const MEMORY_SIZE_BYTES = 8 * MESSAGE_SIZE_MAX;

/** How long before an answer the first pulse is put, in nanoseconds: less than between any two answers. */
const PULSE_LEAD_NS = 1000n;

/** Executes prepares one after the other, as a replica's commit loop does. */
export class Executor {
  readonly #checksums: Checksums;
  readonly #pool: MessagePool;
  readonly #calls = new CallQueue();
  readonly #machine: AccountingStateMachine;
  readonly #prepare: Message;
  readonly #reply: Message;
  /** The last operation that was executed. */
  #opMax = 0;

  constructor(aofRecovery: boolean) {
    const memory = new LinearMemory({ sizeBytes: MEMORY_SIZE_BYTES });
    this.#checksums = new Checksums(createKernels({ memory }));
    this.#pool = new MessagePool({ memory, messageSizeMax: MESSAGE_SIZE_MAX, messagesMax: 2 });
    this.#prepare = this.#pool.acquire();
    this.#reply = this.#pool.acquire();
    const nextTick = (callback: () => void): void => this.#calls.push(callback);
    const { messageBodySizeMax } = PRODUCTION.derived;
    const sizes = { messageBodySizeMax, batchSizeLimit: messageBodySizeMax };
    const grooves = accountingGrooves(new Limits(sizes));
    const forest = new MemoryForest({ grooves, nextTick, scansMax: PRODUCTION.cluster.lsmScansMax });
    this.#machine = new AccountingStateMachine({ ...sizes, forest, aofRecovery });
    this.#machine.open(() => undefined);
    this.#calls.run();
  }

  /** The reply to a prepare. A view that is good until the next call. */
  execute(bytes: Uint8Array): Uint8Array {
    this.#prepare.buffer.set(bytes);
    const prepare = this.#prepare.as(PrepareHeader);
    const size = this.#result(prepare);
    this.#machine.commitTimestamp = prepare.timestamp;
    initReply(this.#reply, prepare, size, this.#checksums);
    return this.#reply.bytes();
  }

  /** Why a request could not have been taken, or null. */
  refusal(request: Uint8Array): string | null {
    this.#prepare.buffer.set(request);
    const header = this.#prepare.as(RequestHeader);
    if (!this.#checksums.valid(header) || !this.#checksums.validBody(header, this.#prepare.body()))
      return "its checksums are wrong";
    const reason = invalidHeader(this.#prepare.header, PRODUCTION);
    if (reason !== null) return reason;
    if (header.operation < 128 && header.operation !== Operation.pulse) return null;
    if (!this.#machine.operationValid(header.operation)) return `operation ${header.operation} is unknown`;
    return this.#machine.inputValid(header.operation, this.#prepare.body()) ? null : "its body is invalid";
  }

  /** The result of an operation that is in no log, at a time after the log. A view that is good until the next call. */
  answer(operation: number, body: Uint8Array, timestamp: bigint): Uint8Array {
    const prepare = this.#prepare.as(PrepareHeader);
    initHeader(prepare, Command.prepare, 0n);
    prepare.client = 1n;
    prepare.op = this.#opMax + 1;
    prepare.timestamp = timestamp;
    prepare.operation = operation;
    prepare.size = HEADER_SIZE_BYTES + body.length;
    this.#prepare.buffer.set(body, HEADER_SIZE_BYTES);
    const output = this.#reply.buffer.subarray(HEADER_SIZE_BYTES);
    return output.subarray(0, this.#commit(prepare, output));
  }

  /** Expires what is due at a time after the log, before whatever is answered at that time: one pulse for each full batch. */
  expire(timestamp: bigint): void {
    for (let at = timestamp - PULSE_LEAD_NS; this.#machine.pulseNeeded(timestamp); at += 1n) {
      assert(at < timestamp, () => `more than ${PULSE_LEAD_NS} pulses are due at ${timestamp}`);
      this.answer(Operation.pulse, new Uint8Array(0), at);
    }
  }

  #result(prepare: PrepareHeader): number {
    const output = this.#reply.buffer.subarray(HEADER_SIZE_BYTES);
    switch (prepare.operation) {
      case Operation.register: {
        output.fill(0, 0, REGISTER_RESULT_SIZE_BYTES);
        new RegisterResult(output).batchSizeLimit = new RegisterRequest(this.#prepare.body()).batchSizeLimit;
        return REGISTER_RESULT_SIZE_BYTES;
      }
      case Operation.noop:
      case Operation.upgrade:
        return 0;
      default:
        return this.#commit(prepare, output);
    }
  }

  #commit(prepare: PrepareHeader, output: Uint8Array): number {
    const { client, op, timestamp, operation } = prepare;
    this.#opMax = op;
    const committing = { client, op, timestamp, operation, body: this.#prepare.body() };
    let prefetched = false;
    this.#machine.prefetch(committing, op, () => (prefetched = true));
    this.#calls.run();
    if (!prefetched) throw new Error(`the prefetch of op ${op} does not end`);
    const size = this.#machine.commit(committing, output);
    this.#machine.compact(op, () => undefined);
    this.#calls.run();
    return size;
  }
}
