/**
 * Pulses: the primary's own requests, by which the state machine gets to do what nobody asks for, such as letting
 * pending transfers expire (spec 03 §13.6, spec 02 §18).
 *
 * @module
 */
import { Command } from "../command.ts";
import type { Checksums } from "../message/checksums.ts";
import { initHeader } from "../message/frame.ts";
import type { Message } from "../message/message.ts";
import type { MessagePool } from "../message/pool.ts";
import { RequestHeader } from "../message/request.ts";
import { Operation } from "../operation.ts";
import type { StateMachine } from "../ports/state-machine.ts";
import type { Time } from "../ports/time.ts";
import type { Release } from "../release.ts";
import type { Identity } from "./identity.ts";
import type { Pipeline } from "./pipeline.ts";
import type { DurableView } from "./view-durable.ts";
import { SECTOR_SIZE_BYTES } from "../sector.ts";

/** What pulses are made with. */
export interface PulsesOptions {
  readonly release: Release;
  readonly aofRecovery: boolean;
  readonly identity: Identity;
  readonly view: DurableView;
  readonly pipeline: Pipeline;
  readonly stateMachine: Pick<StateMachine, "prepareTimestamp" | "pulseNeeded">;
  readonly time: Time;
  readonly pool: MessagePool;
  readonly checksums: Checksums;
  /** Whether the log can take one more op. A pulse must not complain about it: nobody waits for an answer. */
  readonly logHasRoom: () => boolean;
  /** Takes the request like one from a client. The reference stays the caller's. */
  readonly onRequest: (request: Message) => void;
}

/** Decides when the primary asks itself for a pulse. */
export class Pulses {
  readonly #options: PulsesOptions;

  constructor(options: PulsesOptions) {
    this.#options = options;
  }

  /** Runs every 100 ms without a prepare: time alone may have made a pulse due. */
  onTimeout(): void {
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
    const { aofRecovery, view, pipeline, logHasRoom } = this.#options;
    if (aofRecovery || view.updating || pipeline.full || !logHasRoom()) return false;
    return !pipeline.containsOperation(Operation.pulse);
  }

  /** The request is not seen by anyone, but its checksum is part of the prepare. */
  #send(): void {
    const { release, identity, view, pool, checksums, onRequest } = this.#options;
    const message = pool.acquire();
    const header = message.as(RequestHeader);
    message.buffer.fill(0, 0, SECTOR_SIZE_BYTES);
    initHeader(header, Command.request, identity.cluster);
    header.view = view.view;
    header.release = release;
    header.replica = identity.replica;
    header.operation = Operation.pulse;
    checksums.setEmptyBody(header);
    onRequest(message);
    message.release();
  }
}
