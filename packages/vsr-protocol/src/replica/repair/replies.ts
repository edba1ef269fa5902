/**
 * Asking others for replies that the disk has lost, answering them, and taking what comes (spec 03 §22.4).
 *
 * @module
 */
import { assert } from "@stagbeetle/kernels";
import type { ClientReplies } from "../../clients/replies.ts";
import type { ClientSession, ClientSessions } from "../../clients/sessions.ts";
import { Command } from "../../command.ts";
import { HEADER_SIZE_BYTES } from "../../message/frame.ts";
import { GetReplyHeader } from "../../message/get-reply.ts";
import type { Message } from "../../message/message.ts";
import { ReplyHeader } from "../../message/reply.ts";
import type { Logger } from "../../ports/logger.ts";
import type { Random } from "../../random.ts";
import type { Identity } from "../identity.ts";
import type { MessageBuilder } from "../message-builder.ts";
import type { Outbox } from "../outbox.ts";
import { otherReplica } from "./other-replica.ts";
import { repairRequestIgnored } from "./request-filter.ts";

/** What replies are repaired with. */
export interface ReplyRepairOptions {
  readonly identity: Pick<Identity, "replica" | "replicaCount" | "standby">;
  readonly sessions: Pick<ClientSessions, "get" | "at">;
  readonly clientReplies: Pick<
    ClientReplies,
    "faulty" | "faultyNext" | "writeAvailable" | "write" | "read" | "readFromMemory"
  >;
  readonly messages: Pick<MessageBuilder, "header">;
  readonly outbox: Pick<Outbox, "sendToReplica">;
  readonly random: Random;
  readonly logger: Logger;
}

/**
 * Fetches lost replies one after the other. If all replicas lose a reply, the cluster goes on, and the client gets no answer
 * until it is started again.
 */
export class ReplyRepair {
  readonly #options: ReplyRepairOptions;

  constructor(options: ReplyRepairOptions) {
    this.#options = options;
  }

  /** Asks a random other replica for the reply in the lowest faulty slot, if there is one. */
  request(): void {
    const { identity, sessions, clientReplies, messages, outbox, random } = this.#options;
    const slot = clientReplies.faultyNext();
    const destination = otherReplica(identity, random);
    if (slot === null || destination === null) return;
    const session = sessions.at(slot);
    assert(session !== null, () => `slot ${slot} is faulty and empty`);
    const message = messages.header(GetReplyHeader, Command.getReply, 0, (header) => {
      header.replyChecksum = session.header.checksum;
      header.replyClient = session.header.client;
      header.replyOp = session.header.op;
    });
    outbox.sendToReplica(destination, message);
    message.release();
  }

  /** Answers with exactly the reply that is wanted, from memory or disk. Else with nothing; damage is noted. */
  onGetReply(message: Message): void {
    const { clientReplies, outbox, logger } = this.#options;
    const { replica, replyClient: client, replyChecksum } = message.as(GetReplyHeader);
    const because = repairRequestIgnored(message.header, this.#options);
    if (because !== null) return logger.log("debug", `on_get_reply: ignoring (${because})`, { replica });
    const session = this.#sessionWith(client, replyChecksum);
    // A reply without a body is nowhere but in the session, and nobody loses it.
    if (session === null || session.header.size === HEADER_SIZE_BYTES) return;
    const inMemory = clientReplies.readFromMemory(session);
    if (inMemory !== null) return outbox.sendToReplica(replica, inMemory);
    const reading = clientReplies.read(session, (reply) => {
      if (reply === null) return;
      outbox.sendToReplica(replica, reply);
      reply.release();
    });
    if (!reading) logger.log("debug", "on_get_reply: ignoring (busy)", { replica });
  }

  /** Takes a reply from another replica, if it is the one that is lost here and can be written now. */
  onReply(message: Message): void {
    const { clientReplies, logger } = this.#options;
    const reply = message.as(ReplyHeader);
    const session = this.#sessionWith(reply.client, reply.checksum);
    if (session === null || !clientReplies.faulty(session.slot) || !clientReplies.writeAvailable) {
      return logger.log("debug", "on_reply: ignoring", { op: reply.op, replica: reply.replica });
    }
    clientReplies.write(session.slot, message, "repair");
  }

  #sessionWith(client: bigint, checksum: bigint): ClientSession | null {
    const session = client === 0n ? null : this.#options.sessions.get(client);
    return session?.header.checksum === checksum ? session : null;
  }
}
