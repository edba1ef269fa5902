/**
 * Pulses: the primary's own requests, by which the state machine gets to do what nobody asks for, such as letting
 * pending transfers expire (spec 03 §13.6, spec 02 §18).
 *
 * @module
 */
import { assert } from "@stagbeetle/kernels";
import { Operation } from "../operation.ts";
import type { StateMachine } from "../ports/state-machine.ts";
import type { Time } from "../ports/time.ts";
import type { Timeout } from "../timeout.ts";
import type { OwnRequests } from "./own-requests.ts";
import type { Pipeline } from "./pipeline.ts";
import type { DurableView } from "./view-durable.ts";

/** What pulses are made with. */
export interface PulsesOptions {
  readonly aofRecovery: boolean;
  readonly view: Pick<DurableView, "updating">;
  readonly pipeline: Pipeline;
  readonly stateMachine: Pick<StateMachine, "prepareTimestamp" | "pulseNeeded" | "operationValid">;
  readonly time: Time;
  readonly ownRequests: OwnRequests;
  /** Whether the cluster is moving to another release: nothing else is done then. */
  readonly upgrading: () => boolean;
  /** Whether the log can take one more op. A pulse must not complain about it: nobody waits for an answer. */
  readonly logHasRoom: () => boolean;
}

/** Decides when the primary asks itself for a pulse. */
export class Pulses {
  readonly #options: PulsesOptions;

  constructor(options: PulsesOptions) {
    this.#options = options;
  }

  /** Runs every 100 ms without a prepare: time alone may have made a pulse due. */
  onTimeout(timeout: Timeout): void {
    timeout.reset();
    const { stateMachine, time } = this.#options;
    if (!this.#possible()) return;
    const realtime = time.realtime();
    const timestamp = realtime > stateMachine.prepareTimestamp ? realtime : stateMachine.prepareTimestamp;
    if (!stateMachine.pulseNeeded(timestamp)) return;
    stateMachine.prepareTimestamp = timestamp;
    this.#send();
  }

  /** Runs after each executed op: it may have left more to do, or set a time that has passed already. */
  afterExecute(): void {
    const { stateMachine } = this.#options;
    if (this.#possible() && stateMachine.pulseNeeded(stateMachine.prepareTimestamp)) this.#send();
  }

  #possible(): boolean {
    const { aofRecovery, view, pipeline, upgrading, logHasRoom } = this.#options;
    if (aofRecovery || view.updating || pipeline.full || upgrading() || !logHasRoom()) return false;
    return !pipeline.containsOperation(Operation.pulse) && !pipeline.containsOperation(Operation.upgrade);
  }

  #send(): void {
    const { stateMachine, ownRequests } = this.#options;
    assert(stateMachine.operationValid(Operation.pulse), "a state machine that needs a pulse has that operation");
    ownRequests.send(Operation.pulse, 0, () => undefined);
  }
}
