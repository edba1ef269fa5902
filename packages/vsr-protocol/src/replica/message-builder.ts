/**
 * Messages that this replica authors (spec 03 §10.1).
 *
 * @module
 */
import { assert } from "@stagbeetle/kernels";
import type { Command } from "../command.ts";
import type { Layout, RecordClass, RecordOf } from "../layout.ts";
import type { Checksums } from "../message/checksums.ts";
import { type FRAME_LAYOUT, Header, HEADER_SIZE_BYTES, initHeader } from "../message/frame.ts";
import type { Message } from "../message/message.ts";
import type { MessagePool } from "../message/pool.ts";
import type { Identity } from "./identity.ts";

/** What messages are made with. */
export interface MessageBuilderOptions {
  readonly identity: Pick<Identity, "cluster" | "replica">;
  readonly pool: Pick<MessagePool, "acquire" | "messageSizeMax">;
  readonly checksums: Checksums;
}

/** The class of one command's header. */
type HeaderClass<Fields extends Layout> = RecordClass<typeof FRAME_LAYOUT & Fields>;

/** Makes messages of this cluster and replica, checksums included. */
export class MessageBuilder {
  readonly #options: MessageBuilderOptions;

  constructor(options: MessageBuilderOptions) {
    this.#options = options;
  }

  /**
   * A message that is only a header, with one reference for the caller. All fields are zero but the frame's cluster,
   * command, size, replica and view.
   *
   * @param fill sets the other fields.
   */
  header<Fields extends Layout>(
    type: HeaderClass<Fields>,
    command: Command,
    view: number,
    fill: (header: RecordOf<typeof FRAME_LAYOUT & Fields>) => void,
  ): Message {
    return this.message(type, command, view, 0, fill);
  }

  /**
   * A message with a body of `bodySizeBytes` bytes, with one reference for the caller. The body is zero until `fill`
   * writes it.
   */
  message<Fields extends Layout>(
    type: HeaderClass<Fields>,
    command: Command,
    view: number,
    bodySizeBytes: number,
    fill: (header: RecordOf<typeof FRAME_LAYOUT & Fields>, body: Uint8Array) => void,
  ): Message {
    const { identity, pool, checksums } = this.#options;
    const size = HEADER_SIZE_BYTES + bodySizeBytes;
    assert(size <= pool.messageSizeMax, () => `a body of ${bodySizeBytes} bytes`);
    const message = pool.acquire();
    const frame = message.as(Header);
    initHeader(frame, command, identity.cluster);
    frame.size = size;
    frame.view = view;
    frame.replica = identity.replica;
    const body = message.body().fill(0);
    fill(message.as(type), body);
    message.zeroSectorPadding();
    checksums.setMessage(message);
    return message;
  }
}
