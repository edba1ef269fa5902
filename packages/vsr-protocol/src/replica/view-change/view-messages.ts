/**
 * Telling the others which log a view has, and asking for it: `view` and `get_view` (spec 03 §19.1 to §19.3).
 *
 * @module
 */
import { assert } from "@stagbeetle/kernels";
import { Command } from "../../command.ts";
import type { Config } from "../../config/config.ts";
import { recordBytes } from "../../layout.ts";
import { GetViewHeader } from "../../message/get-view.ts";
import type { Message } from "../../message/message.ts";
import type { PrepareHeader } from "../../message/prepare.ts";
import { viewBodySizeBytes, ViewHeader, writeView } from "../../message/view.ts";
import type { Journal } from "../../ports/journal.ts";
import type { Logger } from "../../ports/logger.ts";
import type { SuperBlock } from "../../superblock/superblock.ts";
import type { Timeout } from "../../timeout.ts";
import type { CheckpointWindow } from "../checkpoint-window.ts";
import { viewHeadersOfLog } from "../hash-chain.ts";
import type { Identity } from "../identity.ts";
import type { LogPosition } from "../log-position.ts";
import type { MessageBuilder } from "../message-builder.ts";
import type { Outbox } from "../outbox.ts";
import type { Roles } from "../roles.ts";
import type { Status } from "../status.ts";
import type { DurableView } from "../view-durable.ts";

/** What `view` messages are made of. */
export interface ViewMessagesOptions {
  readonly config: Config;
  /** A random number that proves that an answer is newer than the start of this process. */
  readonly nonce: bigint;
  readonly identity: Pick<Identity, "replica" | "standby" | "primaryIndex">;
  readonly status: Pick<Status, "current">;
  readonly roles: Pick<Roles, "primary">;
  readonly view: Pick<DurableView, "view">;
  readonly log: Pick<LogPosition, "op" | "commitMax">;
  readonly window: Pick<CheckpointWindow, "opCheckpoint" | "opPrepareMax">;
  readonly journal: Pick<Journal, "headerWithOp">;
  readonly superblock: Pick<SuperBlock, "working">;
  readonly messages: Pick<MessageBuilder, "header" | "message">;
  readonly outbox: Pick<Outbox, "sendToReplica" | "sendToOtherReplicas">;
  readonly logger: Logger;
}

/** Sends the log of the view, as its primary, and asks for that of others. */
export class ViewMessages {
  readonly #options: ViewMessagesOptions;

  constructor(options: ViewMessagesOptions) {
    this.#options = options;
  }

  /** The headers that tell others of the log, highest op first: views into the journal's memory. */
  headers(): PrepareHeader[] {
    const { config, journal, log, window } = this.#options;
    return viewHeadersOfLog(config, journal, { opMax: log.op, opPrepareMax: window.opPrepareMax });
  }

  /**
   * Announces the log of the view to all other replicas: as its primary, or as the one that is about to be. Standbys ask for
   * it. Until view and log view are durable, nothing is sent.
   */
  broadcast(): void {
    const message = this.#build(0n);
    this.#options.outbox.sendToOtherReplicas(message);
    message.release();
  }

  /** Answers with the log of the view. */
  onGetView(message: Message): void {
    const { outbox, logger } = this.#options;
    const { view, replica, nonce } = message.as(GetViewHeader);
    const because = this.#ignored(message);
    if (because !== null) return logger.log("debug", `on_get_view: ignoring (${because})`, { replica, view });
    const answer = this.#build(nonce);
    outbox.sendToReplica(replica, answer);
    answer.release();
  }

  /** Asks the primary of a view, which must be another replica, for its log. The view may be newer than the own one. */
  requestView(view: number): void {
    const { identity, messages, outbox, nonce } = this.#options;
    const primary = identity.primaryIndex(view);
    assert(primary !== identity.replica, () => `view ${view} is asked for by its primary`);
    const message = messages.header(GetViewHeader, Command.getView, view, (header) => {
      header.nonce = nonce;
    });
    outbox.sendToReplica(primary, message);
    message.release();
  }

  /** `get_view_message` fired: the view that was joined may have started without this replica. */
  onTimeout(timeout: Timeout): void {
    const { status, view } = this.#options;
    assert(status.current === "view_change", () => `in status ${status.current}`);
    timeout.reset();
    this.requestView(view.view);
  }

  #ignored(message: Message): string | null {
    const { identity, status, roles, view } = this.#options;
    const { header } = message;
    if (status.current !== "normal") return status.current;
    if (header.view !== view.view) return "other view";
    if (header.replica === identity.replica) return "misdirected";
    if (identity.standby) return "standby";
    return roles.primary ? null : "backup";
  }

  #build(nonce: bigint): Message {
    const { view, log, window, superblock, messages } = this.#options;
    const headers = this.headers();
    const { working } = superblock;
    assert(working.checkpointHeader.op === window.opCheckpoint, () => `checkpoint ${window.opCheckpoint}`);
    const values = {
      nonce,
      op: log.op,
      commitMax: log.commitMax,
      checkpointOp: window.opCheckpoint,
      checkpoint: recordBytes(working.checkpoint),
      headers,
    };
    const bodySizeBytes = viewBodySizeBytes(headers.length);
    return messages.message(ViewHeader, Command.view, view.view, bodySizeBytes, (header, body) =>
      writeView(header, body, values),
    );
  }
}
