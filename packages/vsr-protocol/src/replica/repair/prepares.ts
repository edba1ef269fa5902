/**
 * Asking others for prepares, answering them, and taking what comes (spec 03 §20.5, §20.6).
 *
 * @module
 */
import { assert } from "@stagbeetle/kernels";
import { Command } from "../../command.ts";
import type { Config } from "../../config/config.ts";
import { GetPrepareHeader } from "../../message/get-prepare.ts";
import type { Message } from "../../message/message.ts";
import { PrepareHeader } from "../../message/prepare.ts";
import type { Journal, OpRange } from "../../ports/journal.ts";
import type { Logger } from "../../ports/logger.ts";
import type { Release } from "../../release.ts";
import type { Identity } from "../identity.ts";
import type { LogPosition } from "../log-position.ts";
import type { MessageBuilder } from "../message-builder.ts";
import type { Outbox } from "../outbox.ts";
import type { Pipeline } from "../pipeline.ts";
import type { Roles } from "../roles.ts";
import type { Status } from "../status.ts";
import type { DurableView } from "../view-durable.ts";
import type { HeaderRepair } from "./header-repair.ts";
import type { PrepareBudget } from "./prepare-budget.ts";
import { repairRequestIgnored, repairsInViewChange } from "./request-filter.ts";

/** How prepares reach the disk, and how the primary hears of it. */
export interface PrepareWriting {
  /** Starts to write a prepare whose header is in the log (spec 03 §14.3). False if it is not, or its slot is being written. */
  writePrepare(message: Message): boolean;
  /** Tells the primary that the prepare is on disk here, if it may be told (spec 03 §14.4). */
  sendPrepareOk(header: PrepareHeader): void;
}

/** What prepares are repaired with. */
export interface PrepareRepairOptions {
  readonly config: Config;
  readonly release: Release;
  readonly identity: Pick<Identity, "replica" | "standby" | "solo">;
  readonly status: Pick<Status, "current" | "normal">;
  readonly roles: Pick<Roles, "ofPrimary" | "backup">;
  readonly joinViewQuorum: () => boolean;
  readonly view: Pick<DurableView, "view">;
  readonly log: Pick<LogPosition, "op" | "commitMin">;
  readonly pipeline: Pick<Pipeline, "find" | "cache" | "cacheCapacity">;
  readonly journal: Pick<
    Journal,
    | "headerWithOp"
    | "hasDirty"
    | "hasPrepare"
    | "holdsPrepare"
    | "writing"
    | "writesPending"
    | "readPrepareWithOpAndChecksum"
  >;
  readonly messages: Pick<MessageBuilder, "header">;
  readonly outbox: Pick<Outbox, "sendToReplica" | "sendToOtherReplicas" | "flushLoopback">;
  readonly logger: Logger;
  readonly budget: PrepareBudget;
  readonly headerRepair: Pick<HeaderRepair, "repairHeader">;
  readonly replication: PrepareWriting;
  /** Executes what can be executed: the commit loop. */
  readonly commit: () => void;
  /** Runs when a prepare came that was missing: there may be more to repair now. */
  readonly onRepaired: () => void;
}

/** Fetches the prepares that are missing, and gives those that others miss. */
export class PrepareRepair {
  readonly #options: PrepareRepairOptions;

  constructor(options: PrepareRepairOptions) {
    this.#options = options;
  }

  /** Asks for the prepares of these ops that are not on disk, the oldest first, as far as budget and writes allow. */
  request({ opMin, opMax }: OpRange): void {
    const { config, journal } = this.#options;
    assert(opMin <= opMax, () => `prepares from op ${opMin} to ${opMax}`);
    let writesLeft = config.process.journalIopsWriteMax - journal.writesPending;
    for (let op = opMin; op <= opMax && writesLeft > 0; op += 1) {
      const header = journal.headerWithOp(op);
      if (header !== null && !journal.hasDirty(op)) continue;
      const outcome = this.#requestOne(op, header);
      if (outcome === "exhausted") return;
      if (outcome === "writing") writesLeft -= 1;
    }
  }

  /** Answers with the prepare if it is here, in memory or on disk, whatever the log says of its slot. Else with nothing. */
  onGetPrepare(message: Message): void {
    const { pipeline, journal, logger } = this.#options;
    const { replica, view, prepareOp: op, prepareChecksum } = message.as(GetPrepareHeader);
    const because = repairRequestIgnored(message.header, this.#options);
    if (because !== null) return logger.log("debug", `on_get_prepare: ignoring (${because})`, { replica, op });
    // Who does not know the checksum says so by a view.
    const checksum = view === 0 ? prepareChecksum : (journal.headerWithOp(op)?.checksum ?? null);
    if (checksum === null) return;
    const prepare = pipeline.find(op, checksum);
    if (prepare !== null) return this.#send(replica, prepare);
    if (!journal.holdsPrepare(op, checksum)) return;
    journal.readPrepareWithOpAndChecksum(op, checksum, "repair", (read) => {
      if (read === null) return;
      this.#send(replica, read);
      read.release();
    });
  }

  /**
   * Takes a prepare at or below the head, or of an older view: one that this replica asked for, or that was sent again. It must
   * chain to the head, else it is thrown away. One that is here already is acknowledged again, in case that got lost.
   */
  onRepair(message: Message): void {
    const { journal, outbox, replication, logger } = this.#options;
    const header = message.as(PrepareHeader);
    const because = this.#ignored(header);
    if (because !== null) return logger.log("debug", `on_repair: ignoring (${because})`, { op: header.op });
    if (journal.hasPrepare(header)) {
      replication.sendPrepareOk(header);
      outbox.flushLoopback();
    } else {
      this.#repair(message, header);
    }
  }

  #repair(message: Message, header: PrepareHeader): void {
    const { log, roles, pipeline, headerRepair, replication, budget, commit, onRepaired } = this.#options;
    const { op } = header;
    if (!roles.ofPrimary && op > log.commitMin && op <= log.commitMin + pipeline.cacheCapacity) pipeline.cache(message);
    if (!headerRepair.repairHeader(header) || !replication.writePrepare(message)) return;
    budget.increment(op);
    // It can be executed before it is on disk.
    if (roles.backup) commit();
    onRepaired();
  }

  #ignored(header: PrepareHeader): string | null {
    const { release, status, view, log } = this.#options;
    if (status.current !== "normal") {
      if (status.current !== "view_change") return `status ${status.current}`;
      if (header.view === view.view) return "view started";
      if (!repairsInViewChange(this.#options)) return "in a view change";
    }
    if (header.view > view.view) return "newer view";
    if (header.op > log.op) return "it would advance the head";
    return header.release > release ? "newer release" : null;
  }

  /**
   * - `writing`: it is in memory here and is written from there.
   * - `exhausted`: nobody can be asked for anything at the moment.
   * - `done`: it was asked for, or there is nothing to do about it.
   */
  #requestOne(op: number, header: PrepareHeader | null): "writing" | "exhausted" | "done" {
    const { identity, pipeline, journal, replication, budget } = this.#options;
    if (header !== null) {
      if (journal.writing(header) === "exact") return "done";
      const prepare = pipeline.find(op, header.checksum);
      if (prepare !== null) {
        // A replica that is alone writes its prepares one after the other; this one waits for its turn.
        return !identity.solo && replication.writePrepare(prepare) ? "writing" : "done";
      }
    }
    const replica = budget.decrement(op);
    if (replica !== null) this.#ask(replica, op, header);
    else if (budget.exhausted) return "exhausted";
    return "done";
  }

  #ask(replica: number, op: number, known: PrepareHeader | null): void {
    const { status, view, messages, outbox } = this.#options;
    const message = messages.header(GetPrepareHeader, Command.getPrepare, known === null ? view.view : 0, (header) => {
      header.prepareOp = op;
      header.prepareChecksum = known?.checksum ?? 0n;
    });
    // A view change waits for few prepares, and the cluster for it: whoever is the first to answer helps.
    if (status.normal) outbox.sendToReplica(replica, message);
    else outbox.sendToOtherReplicas(message);
    message.release();
  }

  #send(replica: number, prepare: Message): void {
    const { identity, release, view, outbox } = this.#options;
    const header = prepare.as(PrepareHeader);
    // What this replica prepared before it was formatted anew, and under a release that it does not run any more, others have.
    const ownButNewer = header.replica === identity.replica && (header.release > release || header.view > view.view);
    if (!ownButNewer) outbox.sendToReplica(replica, prepare);
  }
}
