/**
 * Executing one op: result, reply, session (spec 03 §16.7, §22.1).
 *
 * All of it is replicated state: the same prepare gives the same reply bytes and the same session table everywhere.
 *
 * @module
 */
import { assert } from "@stagbeetle/kernels";
import { REGISTER_RESULT_SIZE_BYTES, RegisterRequest, RegisterResult } from "../body/register.ts";
import { ReconfigurationRequest } from "../body/reconfiguration.ts";
import type { ClientReplies } from "../clients/replies.ts";
import type { ClientSession, ClientSessions } from "../clients/sessions.ts";
import type { Config } from "../config/config.ts";
import type { Checksums } from "../message/checksums.ts";
import { HEADER_SIZE_BYTES } from "../message/frame.ts";
import type { Message } from "../message/message.ts";
import type { MessagePool } from "../message/pool.ts";
import { PrepareHeader } from "../message/prepare.ts";
import { initReply, ReplyHeader } from "../message/reply.ts";
import { Operation } from "../operation.ts";
import type { AppendOnlyFile } from "../ports/aof.ts";
import type { Logger } from "../ports/logger.ts";
import type { Committing, StateMachine } from "../ports/state-machine.ts";
import { sectorCeil } from "../sector.ts";
import type { CheckpointWindow } from "./checkpoint-window.ts";
import type { ReplicaTimings } from "./timings.ts";
import type { Upgrades } from "./upgrade.ts";

/** What ops are executed with. */
export interface ExecutionOptions {
  readonly config: Config;
  readonly window: CheckpointWindow;
  readonly stateMachine: Pick<StateMachine, "commit" | "commitTimestamp">;
  readonly sessions: ClientSessions;
  readonly clientReplies: ClientReplies;
  readonly upgrades: Pick<Upgrades, "release" | "onExecute">;
  readonly aof: AppendOnlyFile | null;
  readonly timings: Pick<ReplicaTimings, "now" | "ended">;
  readonly pool: MessagePool;
  readonly checksums: Checksums;
  readonly logger: Logger;
}

/** Executes prepares, one after the other. */
export class Execution {
  readonly #options: ExecutionOptions;

  constructor(options: ExecutionOptions) {
    this.#options = options;
  }

  /** Executes a prepare and returns its reply, with one reference for the caller; null if nobody waits for one. */
  execute(prepare: Message, committing: Committing): Message | null {
    const { stateMachine, upgrades, pool, checksums } = this.#options;
    const header = prepare.as(PrepareHeader);
    const upgrading = upgrades.release !== null;
    assert(!upgrading || header.operation === Operation.upgrade, () => `op ${header.op} follows an upgrade`);
    assert(committing.op === header.op, () => `op ${header.op} is executed as op ${committing.op}`);
    // Before anyone can see a reply: what the file does not hold was never answered.
    this.#append(prepare);
    const reply = pool.acquire();
    const resultSize = this.#result(header, committing, reply);
    stateMachine.commitTimestamp = header.timestamp;
    if (header.client === 0n) {
      reply.release();
      return null;
    }
    const { size } = initReply(reply, header, resultSize, checksums);
    // The reply is stored in whole sectors, the same on every replica.
    reply.buffer.fill(0, size, sectorCeil(size));
    this.#updateSession(reply);
    return reply;
  }

  #append(prepare: Message): void {
    const { aof, timings } = this.#options;
    if (aof === null) return;
    const startedAt = timings.now();
    aof.write(prepare);
    timings.ended("replica_aof_write", startedAt);
  }

  /** Lets the operation write its result behind the reply's header. Returns the result's size in bytes. */
  #result(prepare: PrepareHeader, committing: Committing, reply: Message): number {
    const { stateMachine, config, upgrades } = this.#options;
    const output = reply.buffer.subarray(HEADER_SIZE_BYTES);
    switch (prepare.operation) {
      case Operation.register:
        return registerResult(committing.body, output);
      case Operation.reconfigure:
        return reconfigureResult(committing.body, output);
      case Operation.upgrade:
        upgrades.onExecute(prepare.op, committing.body);
        return 0;
      case Operation.noop:
        return 0;
      default: {
        const size = stateMachine.commit(committing, output);
        assert(size >= 0 && size <= config.derived.messageBodySizeMax, () => `a result of ${size} bytes`);
        return size;
      }
    }
  }

  /** Remembers the reply for when the client asks again. */
  #updateSession(reply: Message): void {
    const { window, sessions } = this.#options;
    const header = reply.as(ReplyHeader);
    if (window.contains(header.op)) {
      this.#assertRemembered(header);
    } else if (header.operation === Operation.register) {
      this.#register(reply, header);
    } else if (sessions.get(header.client) !== null) {
      this.#advance(reply, header);
    }
    // Else the client lost its session while the request was in the pipeline. It gets the reply, and then no more.
  }

  /** The sessions of a checkpoint know the ops up to its trigger, which are replayed after a restart. */
  #assertRemembered(reply: ReplyHeader): void {
    const { sessions } = this.#options;
    const session = sessions.get(reply.client);
    if (session === null) assert(sessions.full, () => `client ${reply.client} of op ${reply.op} is unknown`);
    else assert(session.header.op >= reply.op, () => `op ${reply.op} is newer than the checkpoint's sessions`);
  }

  #register(reply: Message, header: ReplyHeader): void {
    const { sessions, logger } = this.#options;
    if (sessions.full) {
      const { client } = sessions.evictee().header;
      logger.log("info", "session table full: the client that was idle for longest loses its session", { client });
      sessions.remove(client);
    }
    this.#store(sessions.insert(header.op, header), reply);
  }

  #advance(reply: Message, header: ReplyHeader): void {
    const { sessions } = this.#options;
    const latest = sessions.get(header.client)?.header;
    assert(latest?.request === header.request - 1, () => `request ${header.request} after ${latest?.request}`);
    assert(latest.release === header.release, () => `release ${header.release} in a session of ${latest.release}`);
    this.#store(sessions.update(header), reply);
  }

  /** A reply without a body needs no disk: the session has its header. */
  #store(session: ClientSession, reply: Message): void {
    const { clientReplies } = this.#options;
    if (reply.header.size === HEADER_SIZE_BYTES) clientReplies.remove(session.slot);
    else clientReplies.write(session.slot, reply, "commit");
  }
}

/** Tells the client the limit that the primary put into the prepare. */
function registerResult(body: Uint8Array, output: Uint8Array): number {
  const { batchSizeLimit } = new RegisterRequest(body);
  assert(batchSizeLimit > 0, "the primary fills in the batch size limit");
  output.fill(0, 0, REGISTER_RESULT_SIZE_BYTES);
  new RegisterResult(output).batchSizeLimit = batchSizeLimit;
  return REGISTER_RESULT_SIZE_BYTES;
}

/** The result was decided when the request was prepared. Nothing else happens (spec 03 §25). */
function reconfigureResult(body: Uint8Array, output: Uint8Array): number {
  const { result } = new ReconfigurationRequest(body);
  new DataView(output.buffer, output.byteOffset).setUint32(0, result, true);
  return 4;
}
