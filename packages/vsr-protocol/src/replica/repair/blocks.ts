/**
 * Asking others for blocks of the grid, answering them, and taking what comes (spec 03 §23).
 *
 * @module
 */
import { assert } from "@stagbeetle/kernels";
import type { BlockReference } from "../../block-reference.ts";
import { BLOCK_REQUEST_SIZE_BYTES, BlockRequest } from "../../body/block-request.ts";
import { Command } from "../../command.ts";
import type { Config } from "../../config/config.ts";
import { BlockHeader } from "../../message/block.ts";
import { GetBlocksHeader } from "../../message/get-blocks.ts";
import type { Message } from "../../message/message.ts";
import type { MessagePool } from "../../message/pool.ts";
import type { Grid } from "../../ports/grid.ts";
import type { Logger } from "../../ports/logger.ts";
import type { Release } from "../../release.ts";
import type { Timeout } from "../../timeout.ts";
import type { Identity } from "../identity.ts";
import type { MessageBuilder } from "../message-builder.ts";
import type { Outbox } from "../outbox.ts";
import type { BlockBudget } from "./block-budget.ts";
import { repairRequestIgnored } from "./request-filter.ts";

/** What blocks are repaired with. */
export interface GridRepairOptions {
  readonly config: Config;
  readonly release: Release;
  readonly identity: Pick<Identity, "replica" | "standby">;
  readonly grid: Pick<
    Grid,
    | "cancelling"
    | "nextBatchOfBlockRequests"
    | "onRepairWritten"
    | "readBlockForReplica"
    | "receiveBlock"
    | "repairReadsAvailable"
    | "repairWritesAvailable"
  >;
  readonly pool: Pick<MessagePool, "acquire">;
  readonly messages: Pick<MessageBuilder, "message">;
  readonly outbox: Pick<Outbox, "sendToReplica">;
  readonly budget: BlockBudget;
  readonly logger: Logger;
  /** Runs after each repaired block was written: the bus can go on, and a table may be complete. */
  readonly onWritten: () => void;
}

/** A block that is being read for another replica. */
interface Serving extends BlockReference {
  readonly replica: number;
}

/** Fetches the blocks that are missing here, and gives those that others miss. Both even while the grid is being opened. */
export class GridRepair {
  readonly #options: GridRepairOptions;
  /** The body of the next `get_blocks`. */
  readonly #requests: Uint8Array;
  readonly #serving: Serving[] = [];

  constructor(options: GridRepairOptions) {
    this.#options = options;
    this.#requests = new Uint8Array(options.config.process.gridRepairRequestMax * BLOCK_REQUEST_SIZE_BYTES);
    options.grid.onRepairWritten(options.onWritten);
  }

  /** `grid_repair` fired: asks for what was not answered in time once more. */
  onTimeout(timeout: Timeout): void {
    timeout.resetWithJitter();
    this.#options.budget.reap();
    this.request();
  }

  /** Asks a random replica that can be asked now for some of the blocks that are wanted, if there are any. */
  request(): void {
    const { grid, budget, messages, outbox } = this.#options;
    if (grid.cancelling) return;
    const destination = budget.destination();
    if (destination === null) return;
    const count = grid.nextBatchOfBlockRequests(this.#requests, (address, checksum) =>
      budget.decrement({ address, checksum }, destination),
    );
    if (count === 0) return;
    const sizeBytes = count * BLOCK_REQUEST_SIZE_BYTES;
    const message = messages.message(GetBlocksHeader, Command.getBlocks, 0, sizeBytes, (_, body) => {
      body.set(this.#requests.subarray(0, sizeBytes));
    });
    outbox.sendToReplica(destination, message);
    message.release();
  }

  /** Answers with each of the blocks that is here, as far as reads are free: at most `grid_repair_reads_max` at once. */
  onGetBlocks(message: Message): void {
    const { config, grid, logger } = this.#options;
    const { replica } = message.header;
    const because = repairRequestIgnored(message.header, this.#options) ?? (grid.cancelling ? "cancelling" : null);
    if (because !== null) return logger.log("debug", `on_get_blocks: ignoring (${because})`, { replica });
    const body = message.body();
    const servingMax = config.process.gridRepairReadsMax;
    for (let at = 0; at < body.length; at += BLOCK_REQUEST_SIZE_BYTES) {
      // An address beyond the grid takes none of its reads, but has to be remembered here like all others.
      if (grid.repairReadsAvailable === 0 || this.#serving.length === servingMax) return;
      const { blockAddress: address, blockChecksum: checksum } = new BlockRequest(body, at);
      if (address > 0) this.#serve({ replica, address, checksum });
    }
  }

  /** Takes a block, from whomever. The bus holds blocks back while none can be written. */
  onBlock(message: Message): void {
    const { grid, release, budget, logger } = this.#options;
    const header = message.as(BlockHeader);
    const { address, checksum } = header;
    const because = this.#blockIgnored(header.release > release);
    if (because !== null) return logger.log("debug", `on_block: ignoring (${because})`, { address });
    if (!grid.receiveBlock(message.bytes())) {
      return logger.log("debug", "on_block: ignoring (not wanted)", { address });
    }
    budget.increment({ address, checksum });
    this.request();
  }

  /** The grid has dropped all reads. */
  onGridCancelled(): void {
    this.#serving.length = 0;
  }

  #blockIgnored(newerRelease: boolean): string | null {
    const { grid } = this.#options;
    if (newerRelease) return "newer release";
    if (grid.cancelling) return "cancelling";
    return grid.repairWritesAvailable === 0 ? "no write is free" : null;
  }

  #serve(wanted: Serving): void {
    const { grid } = this.#options;
    const again = this.#serving.some(
      ({ replica, address, checksum }) =>
        replica === wanted.replica && address === wanted.address && checksum === wanted.checksum,
    );
    if (again) return;
    this.#serving.push(wanted);
    grid.readBlockForReplica(wanted, (bytes) => {
      this.#serving.splice(this.#serving.indexOf(wanted), 1);
      if (bytes !== null) this.#send(wanted, bytes);
    });
  }

  #send({ replica, address, checksum }: Serving, bytes: Uint8Array): void {
    const { release, pool, outbox } = this.#options;
    const message = pool.acquire();
    assert(bytes.length <= message.buffer.length, () => `block ${address} of ${bytes.length} bytes`);
    message.buffer.set(bytes);
    message.zeroSectorPadding();
    const header = message.as(BlockHeader);
    assert(header.address === address && header.checksum === checksum, () => `block ${header.address} for ${address}`);
    // A newer release wrote it here before this one was started again; others have it.
    if (header.release <= release) outbox.sendToReplica(replica, message);
    message.release();
  }
}
