/**
 * Requests: letting them into the pipeline, or telling the client why not (spec 03 §12).
 *
 * @module
 */
import { assert } from "@stagbeetle/kernels";
import type { ClientSession, ClientSessions } from "../clients/sessions.ts";
import type { Clock } from "../clock/clock.ts";
import type { Message } from "../message/message.ts";
import { RequestHeader } from "../message/request.ts";
import { operationName } from "../operation.ts";
import type { Logger } from "../ports/logger.ts";
import type { Release } from "../release.ts";
import { admit, type AdmissionFacts, CLOCK_UNSYNCHRONIZED, LOG_FULL, type Verdict } from "./admission.ts";
import type { Evictions } from "./evictions.ts";
import type { StateMachineOperations } from "./executable.ts";
import type { Identity } from "./identity.ts";
import type { LogPosition } from "./log-position.ts";
import type { LogRoom } from "./log-room.ts";
import type { Normal } from "./normal.ts";
import type { ReplicaOptions } from "./options.ts";
import type { Outbox } from "./outbox.ts";
import type { Pipeline } from "./pipeline.ts";
import type { Replies } from "./replies.ts";
import type { Roles } from "./roles.ts";
import type { Status } from "./status.ts";
import type { Timeouts } from "./timeouts.ts";
import type { Upgrades } from "./upgrade.ts";
import type { DurableView } from "./view-durable.ts";

/** What requests are judged by, and who acts on the verdict. */
export interface RequestsOptions {
  readonly limits: Pick<ReplicaOptions, "release" | "releaseClientMin" | "requestSizeLimit" | "aofRecovery">;
  readonly identity: Pick<Identity, "standby">;
  readonly status: Pick<Status, "normal">;
  readonly roles: Pick<Roles, "backup" | "primaryIndex">;
  readonly view: Pick<DurableView, "view" | "updating">;
  readonly log: LogPosition;
  readonly room: LogRoom;
  readonly pipeline: Pipeline;
  readonly sessions: ClientSessions;
  readonly stateMachine: StateMachineOperations;
  readonly clock: () => Pick<Clock, "realtimeSynchronized">;
  readonly normal: Normal;
  readonly replies: Replies;
  readonly evictions: Evictions;
  readonly outbox: Outbox;
  readonly timeouts: Timeouts;
  readonly upgrades: Pick<Upgrades, "release">;
  readonly logger: Logger;
}

/** The facts as they are when a request is judged. */
class Facts implements AdmissionFacts {
  readonly release: number;
  readonly releaseClientMin: number;
  readonly requestSizeLimit: number;
  readonly aofRecovery: boolean;
  readonly pipeline: Pipeline;
  readonly stateMachine: StateMachineOperations;
  readonly #options: RequestsOptions;

  constructor(options: RequestsOptions) {
    this.#options = options;
    this.release = options.limits.release;
    this.releaseClientMin = options.limits.releaseClientMin;
    this.requestSizeLimit = options.limits.requestSizeLimit;
    this.aofRecovery = options.limits.aofRecovery;
    this.pipeline = options.pipeline;
    this.stateMachine = options.stateMachine;
  }

  get standby(): boolean {
    return this.#options.identity.standby;
  }

  get backup(): boolean {
    return this.#options.roles.backup;
  }

  get upgradeRelease(): Release | null {
    return this.#options.upgrades.release;
  }

  get normal(): boolean {
    return this.#options.status.normal;
  }

  get view(): number {
    return this.#options.view.view;
  }

  get viewUpdating(): boolean {
    return this.#options.view.updating;
  }

  get clockSynchronized(): boolean {
    return this.#options.clock().realtimeSynchronized() !== null;
  }

  /** Every request that waits will take an op before this one does. */
  get logHasRoom(): boolean {
    const { room, log, pipeline } = this.#options;
    return room.allows(log.op + pipeline.requestCount + 1);
  }

  session(client: bigint): ClientSession | null {
    return client === 0n ? null : this.#options.sessions.get(client);
  }
}

/** Judges requests and acts on the verdict. */
export class Requests {
  readonly #options: RequestsOptions;
  readonly #facts: Facts;

  constructor(options: RequestsOptions) {
    this.#options = options;
    this.#facts = new Facts(options);
  }

  /** Whether the log can take one more request. */
  get logHasRoom(): boolean {
    return this.#facts.logHasRoom;
  }

  /** Takes a request with a valid header, from a client or from this replica itself. The reference stays the caller's. */
  onRequest(message: Message): void {
    const request = message.as(RequestHeader);
    const verdict = admit(request, this.#facts, message);
    switch (verdict.kind) {
      case "accept":
        this.#accept(message, request);
        break;
      case "resend":
        this.#resend(request);
        break;
      case "forward":
        this.#options.outbox.sendToReplica(this.#options.roles.primaryIndex, message);
        break;
      case "evict":
        // Client 0 comes from the network only when an AOF is replayed. It has no session to lose.
        if (request.client === 0n) this.#drop(request, { kind: "drop", because: verdict.because, level: "warn" });
        else this.#options.evictions.evict(request.client, verdict.reason, verdict.because);
        break;
      case "drop":
        this.#drop(request, verdict);
        break;
    }
  }

  #accept(message: Message, request: RequestHeader): void {
    const { pipeline, normal } = this.#options;
    const realtime = this.#realtime(request);
    if (pipeline.prepareQueueFull) {
      pipeline.pushRequest(message.reference(), realtime);
    } else {
      normal.prepare(message.reference(), realtime);
    }
  }

  /** The cluster's own requests have no time of their own: the state machine's decides. */
  #realtime(request: RequestHeader): bigint {
    if (request.client === 0n) return request.timestamp;
    const realtime = this.#options.clock().realtimeSynchronized();
    assert(realtime !== null, "a request was admitted without the time");
    return realtime;
  }

  #resend(request: RequestHeader): void {
    const session = this.#facts.session(request.client);
    assert(session !== null, "the reply of a client without a session");
    this.#options.replies.resend(session);
  }

  #drop(request: RequestHeader, verdict: Verdict & { readonly kind: "drop" }): void {
    const { logger, room, timeouts } = this.#options;
    if (verdict === LOG_FULL) room.refuse();
    const abdicate = timeouts.get("primaryAbdicate");
    if (verdict === CLOCK_UNSYNCHRONIZED && !abdicate.ticking) abdicate.start();
    if (!logger.enabled(verdict.level)) return;
    logger.log(verdict.level, `on_request: dropped: ${verdict.because}`, {
      client: request.client,
      request: request.request,
      operation: operationName(request.operation),
    });
  }
}
