/**
 * The load: accounts, transfers, queries, and whether all of it is there (spec 06 §7.3).
 */
import { formatDuration } from "@stagbeetle/command-line";
import { assert } from "@stagbeetle/kernels";
import {
  ACCOUNT_LAYOUT,
  AccountFilter,
  AccountFilterFlags,
  AccountingOperation,
  CreateAccountStatus,
  CreateTransferStatus,
  TRANSFER_LAYOUT,
} from "@stagbeetle/state-machine";
import type { TcpClients } from "@stagbeetle/tcp-client";
import {
  MultiBatchDecoder,
  MultiBatchEncoder,
  multiBatchElementsMax,
  multiBatchTrailerSizeBytes,
} from "@stagbeetle/vsr-protocol";
import type { Logger } from "@stagbeetle/vsr-protocol";

import type { BenchmarkCommand } from "../commands/benchmark-flags.ts";
import { BenchmarkError } from "./benchmark-error.ts";
import { latencyLines } from "./latencies.ts";
import { runPhase } from "./phase.ts";
import type { PhaseOptions, PhaseRequest, PhaseResult } from "./phase.ts";
import type { BenchmarkReport } from "./report.ts";
import { EVENT_SIZE_BYTES, Workload } from "./workload.ts";

const ID_SIZE_BYTES = 16;
const RESULT_SIZE_BYTES = 16;
const RESULT_STATUS_OFFSET = 8;
const LANE_SIZE_BYTES = 4;
const EVENT_LANES = EVENT_SIZE_BYTES / LANE_SIZE_BYTES;
const NANOSECONDS_PER_MS = 1_000_000;
const NANOSECONDS_PER_SECOND = 1_000_000_000;
/** More than a reply can have. */
const QUERY_LIMIT = 8190;
/** When it is told how far the transfers are, in percent. */
const MARKS = [10, 50, 100] as const;

const OPERATION = {
  account: { create: AccountingOperation.create_accounts, lookup: AccountingOperation.lookup_accounts },
  transfer: { create: AccountingOperation.create_transfers, lookup: AccountingOperation.lookup_transfers },
} as const;
const STATUSES = { account: CreateAccountStatus, transfer: CreateTransferStatus } as const;

type Kind = keyof typeof OPERATION;

/** What the load is told. */
export interface LoadOptions {
  readonly command: BenchmarkCommand;
  /** Registered. */
  readonly clients: TcpClients;
  readonly report: BenchmarkReport;
  readonly logger: Logger;
  /** Is called when so many percent of the transfers were created, from 0. */
  readonly onProgress: (percent: number) => void;
  /** Is called for each answer. */
  readonly onAnswer: () => void;
}

/** One run of the load. */
export class Load {
  readonly #options: LoadOptions;
  readonly #workload: Workload;
  /** The body of the next request. */
  readonly #body: Uint8Array;
  readonly #lanes: Uint32Array;
  readonly #encoder = new MultiBatchEncoder();
  readonly #decoder = new MultiBatchDecoder();
  /** Requests of transfers that were answered. */
  #batches = 0;

  /** @throws BenchmarkError if the server does not take requests of the size that is asked for. */
  constructor(options: LoadOptions) {
    this.#options = options;
    const { bodySizeMax } = options.clients;
    const { accountBatchCount, transferBatchCount, workload } = options.command;
    checkBatchCount("account-batch-count", accountBatchCount, bodySizeMax);
    checkBatchCount("transfer-batch-count", transferBatchCount, bodySizeMax);
    this.#workload = new Workload(workload);
    this.#body = new Uint8Array(bodySizeMax);
    this.#lanes = new Uint32Array(this.#body.buffer, 0, Math.floor(bodySizeMax / EVENT_SIZE_BYTES) * EVENT_LANES);
  }

  /** Runs all phases. @throws BenchmarkError for the first answer that is not what it must be. */
  async run(): Promise<void> {
    const { queryCount, validate } = this.#options.command;
    await this.#createAccounts();
    await this.#createTransfers();
    if (queryCount > 0) await this.#query(queryCount);
    if (validate) await this.#validate();
  }

  async #createAccounts(): Promise<void> {
    const { accountBatchCount } = this.#options.command;
    const fill = (): number => this.#workload.fillAccounts(this.#events(accountBatchCount));
    await this.#create("account", fill, () => undefined);
  }

  async #createTransfers(): Promise<void> {
    const { command, report, onProgress } = this.#options;
    const { transferBatchCount, transferBatchDelayNs, workload } = command;
    const marks = MARKS.map((percent) => ({ percent, count: Math.ceil((workload.transferCount * percent) / 100) }));
    let created = 0;
    onProgress(0);
    const result = await this.#create(
      "transfer",
      () => this.#workload.fillTransfers(this.#events(transferBatchCount)),
      (count, latencyMs) => {
        created += count;
        this.#logBatch(count, latencyMs);
        while (marks[0] !== undefined && created >= marks[0].count) onProgress(marks.shift()?.percent ?? 0);
      },
    );
    const { elapsedNs, latencies } = result;
    const accepted = (BigInt(workload.transferCount) * BigInt(NANOSECONDS_PER_SECOND)) / elapsedNs;
    const percentiles = latencies.percentiles();
    const content = {
      batchCount: latencies.count,
      elapsedNs: Number(elapsedNs),
      transfersPerBatch: transferBatchCount,
      batchDelayNs: Number(transferBatchDelayNs),
      transfersPerSecond: Number(accepted),
      latencies: percentiles,
    };
    const lines =
      `${latencies.count} batches in ${seconds(elapsedNs, 2)} s\n` +
      `transfer batch size = ${transferBatchCount} txs\n` +
      `transfer batch delay = ${formatDuration(transferBatchDelayNs)}\n` +
      `load accepted = ${accepted} tx/s\n`;
    report.add("transfers", content, lines + latencyLines("batch", percentiles));
  }

  /** Creates everything that `fill` writes, and checks that each was created. */
  async #create(
    kind: Kind,
    fill: () => number,
    onCreated: (count: number, latencyMs: number) => void,
  ): Promise<PhaseResult> {
    const { command } = this.#options;
    let filled = 0;
    const next = (): PhaseRequest | null => {
      const count = fill();
      if (count === 0) return null;
      const first = filled;
      filled += count;
      const onReply = (body: Uint8Array, latencyMs: number): void => {
        this.#checkCreated(kind, first, count, body);
        onCreated(count, latencyMs);
      };
      return { body: this.#encode(EVENT_SIZE_BYTES, count), onReply };
    };
    const delayMs = kind === "transfer" ? Number(command.transferBatchDelayNs) / NANOSECONDS_PER_MS : 0;
    return this.#runPhase({ operation: OPERATION[kind].create, next, delayMs });
  }

  #checkCreated(kind: Kind, first: number, count: number, body: Uint8Array): void {
    const results = this.#decode(RESULT_SIZE_BYTES, body);
    if (results.length !== count * RESULT_SIZE_BYTES) {
      throw new BenchmarkError(`${count} ${kind}s have a reply of ${results.length} bytes`);
    }
    const view = new DataView(results.buffer, results.byteOffset, results.length);
    for (let index = 0; index < count; index += 1) {
      const status = view.getUint32(index * RESULT_SIZE_BYTES + RESULT_STATUS_OFFSET, true);
      if (status === STATUSES[kind].created) continue;
      const names = Object.entries<number>(STATUSES[kind]);
      const name = names.find(([, value]) => value === status)?.[0] ?? `status ${status}`;
      throw new BenchmarkError(`${kind} ${first + index + 1} is refused: ${name}; the cluster must be empty`);
    }
  }

  /** Asks for the transfers of accounts, and checks that each has the account on one side. */
  async #query(queryCount: number): Promise<void> {
    const { report } = this.#options;
    let asked = 0;
    const next = (): PhaseRequest | null => {
      if (asked === queryCount) return null;
      asked += 1;
      const account = new Uint32Array(ID_SIZE_BYTES / LANE_SIZE_BYTES);
      this.#workload.drawQueried(account, 0);
      const filter = new AccountFilter(this.#body.subarray(0, AccountFilter.sizeBytes));
      filter.buffer.fill(0);
      this.#lanes.set(account, ACCOUNT_FILTER_ID_LANE);
      filter.limit = QUERY_LIMIT;
      filter.flags = AccountFilterFlags.debits | AccountFilterFlags.credits;
      const onReply = (body: Uint8Array): void => this.#checkQueried(account, body);
      return { body: this.#encode(AccountFilter.sizeBytes, 1), onReply };
    };
    const operation = AccountingOperation.get_account_transfers;
    const { elapsedNs, latencies } = await this.#runPhase({ operation, next });
    const percentiles = latencies.percentiles();
    const content = { queryCount: latencies.count, elapsedNs: Number(elapsedNs), latencies: percentiles };
    const lines = `\n${latencies.count} queries in ${seconds(elapsedNs, 1)} s\n`;
    report.add("queries", content, lines + latencyLines("query", percentiles));
  }

  #checkQueried(account: Uint32Array, body: Uint8Array): void {
    const transfers = lanesOf(this.#decode(EVENT_SIZE_BYTES, body));
    for (let event = 0; event < transfers.length; event += EVENT_LANES) {
      const debited = equalLanes(transfers, event + DEBIT_LANE, account, 0, account.length);
      const credited = equalLanes(transfers, event + CREDIT_LANE, account, 0, account.length);
      if (debited === credited) throw new BenchmarkError("a transfer of an account does not have it on one side");
    }
  }

  /** Makes everything once more and compares it with what the server has. */
  async #validate(): Promise<void> {
    const { accountBatchCount, transferBatchCount, workload: options } = this.#options.command;
    const again = new Workload(options);
    await this.#compare("account", accountBatchCount, (lanes) => again.fillAccounts(lanes));
    await this.#compare("transfer", transferBatchCount, (lanes) => again.fillTransfers(lanes));
  }

  async #compare(kind: Kind, batchCount: number, fill: (lanes: Uint32Array) => number): Promise<void> {
    const { report } = this.#options;
    let validated = 0;
    const next = (): PhaseRequest | null => {
      const expected = new Uint32Array(batchCount * EVENT_LANES);
      const count = fill(expected);
      if (count === 0) return null;
      for (let index = 0; index < count; index += 1) {
        const id = index * EVENT_LANES;
        this.#lanes.set(
          expected.subarray(id, id + ID_SIZE_BYTES / LANE_SIZE_BYTES),
          (index * ID_SIZE_BYTES) / LANE_SIZE_BYTES,
        );
      }
      const onReply = (body: Uint8Array): void => {
        checkEqual(kind, expected, count, lanesOf(this.#decode(EVENT_SIZE_BYTES, body)));
        validated += count;
      };
      return { body: this.#encode(ID_SIZE_BYTES, count), onReply };
    };
    await this.#runPhase({ operation: OPERATION[kind].lookup, next });
    report.add(`validated_${kind}s`, validated, `validated ${validated} ${kind}s\n`);
  }

  async #runPhase(phase: Pick<PhaseOptions, "operation" | "next" | "delayMs">): Promise<PhaseResult> {
    const { clients, onAnswer } = this.#options;
    return runPhase({ ...phase, clients: clients.all, onAnswer });
  }

  #events(batchCount: number): Uint32Array {
    return this.#lanes.subarray(0, batchCount * EVENT_LANES);
  }

  /** Makes a body of one batch of what is at its beginning. */
  #encode(elementSizeBytes: number, count: number): Uint8Array {
    const sizeBytes = count * elementSizeBytes;
    const bodySizeBytes = sizeBytes + multiBatchTrailerSizeBytes(elementSizeBytes, 1);
    assert(bodySizeBytes <= this.#body.length, () => `${count} elements do not fit into a request`);
    this.#encoder.begin(this.#body, elementSizeBytes);
    this.#encoder.add(sizeBytes);
    return this.#body.subarray(0, this.#encoder.finish());
  }

  #decode(elementSizeBytes: number, body: Uint8Array): Uint8Array {
    const reason = this.#decoder.decode(body, elementSizeBytes);
    if (reason !== null || !this.#decoder.next())
      throw new BenchmarkError(`a reply makes no sense: ${reason ?? "it is empty"}`);
    return this.#decoder.batch();
  }

  #logBatch(count: number, latencyMs: number): void {
    const { command, logger } = this.#options;
    if (command.printBatchTimings)
      logger.log("info", `batch ${this.#batches}: ${count} tx in ${Math.floor(latencyMs)} ms`);
    this.#batches += 1;
  }
}

const ACCOUNT_FILTER_ID_LANE = 0;
const DEBIT_LANE = TRANSFER_LAYOUT.debitAccountId.offset / LANE_SIZE_BYTES;
const CREDIT_LANE = TRANSFER_LAYOUT.creditAccountId.offset / LANE_SIZE_BYTES;

function checkBatchCount(flag: string, count: number, bodySizeMax: number): void {
  const countMax = multiBatchElementsMax(EVENT_SIZE_BYTES, bodySizeMax);
  if (count <= countMax) return;
  throw new BenchmarkError(`--${flag}: ${count} do not fit into a request of this server, at most ${countMax} do`);
}

/** What the server adds is not compared: balances of accounts, and timestamps. */
const COMPARED: Readonly<Record<Kind, readonly (readonly [begin: number, end: number])[]>> = {
  account: [
    [ACCOUNT_LAYOUT.id.offset, ACCOUNT_LAYOUT.debitsPending.offset],
    [ACCOUNT_LAYOUT.userData128.offset, ACCOUNT_LAYOUT.timestamp.offset],
  ],
  transfer: [[0, TRANSFER_LAYOUT.timestamp.offset]],
};

function checkEqual(kind: Kind, expected: Uint32Array, count: number, actual: Uint32Array): void {
  if (actual.length !== count * EVENT_LANES) {
    throw new BenchmarkError(`of ${count} ${kind}s, ${actual.length / EVENT_LANES} are found`);
  }
  for (let event = 0; event < actual.length; event += EVENT_LANES) {
    for (const [begin, end] of COMPARED[kind]) {
      const lane = event + begin / LANE_SIZE_BYTES;
      if (equalLanes(expected, lane, actual, lane, (end - begin) / LANE_SIZE_BYTES)) continue;
      throw new BenchmarkError(`the server has another ${kind} than it was told, ${event / EVENT_LANES} of its batch`);
    }
  }
}

function equalLanes(a: Uint32Array, aAt: number, b: Uint32Array, bAt: number, count: number): boolean {
  for (let lane = 0; lane < count; lane += 1) {
    if (a[aAt + lane] !== b[bAt + lane]) return false;
  }
  return true;
}

/** A copy in lanes: the bytes may lie anywhere. */
function lanesOf(bytes: Uint8Array): Uint32Array {
  return new Uint32Array(bytes.slice().buffer);
}

function seconds(elapsedNs: bigint, digits: number): string {
  return (Number(elapsedNs) / NANOSECONDS_PER_SECOND).toFixed(digits);
}
