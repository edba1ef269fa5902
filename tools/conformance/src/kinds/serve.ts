/**
 * Recorded data files, served: a real server opens a copy of each, and answers every question as the machine in memory does that has
 * executed the recorded run. The files of a cluster are served together, and each replica answers as primary in its turn.
 *
 * Asked for are all accounts and transfers that the run has tried to create, and what queries say of them.
 *
 * @module
 */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";

import { ClusterProcesses } from "@stagbeetle/processes";
import {
  AccountFilter,
  AccountFilterFlags,
  AccountingOperation,
  ChangeEventsFilter,
  operationFromVsr,
  type OperationKind,
  operationTraits,
  QueryFilter,
  QueryFilterFlags,
  TIMESTAMP_MAX,
} from "@stagbeetle/state-machine";
import { TcpClients, type TcpClient } from "@stagbeetle/tcp-client";
import {
  type Address,
  HEADER_SIZE_BYTES,
  MultiBatchDecoder,
  MultiBatchEncoder,
  PrepareHeader,
  PRODUCTION,
} from "@stagbeetle/vsr-protocol";

import { type Artefact, different, equal, type Kind, type Outcome } from "../artefact.ts";
import { readLog } from "../cluster-log.ts";
import { streamDecompressed, withoutCompression } from "../containers/zstd.ts";
import { firstDifferingByte } from "../difference.ts";
import { Executor } from "../executor.ts";
import { RECORDED_RELEASE } from "../recorded-release.ts";
import { clientsChooseTimestamps } from "../registration.ts";
import { writeSparse } from "../sparse-file.ts";

/** The files of one run, those of a cluster by replica. */
interface ServedRun {
  readonly aofs: readonly string[];
  readonly dataFiles: readonly string[];
}

const ID_SIZE_BYTES = 16;
const IDS_PER_REQUEST = 1000;
/** Of so many accounts the transfers and balances are asked for, evenly over all of them. */
const ACCOUNTS_ASKED = 100;
/** More than a reply can have. */
const LIMIT = 8190;

/** How often, and after how long, the server is asked again for accounts whose pending transfers it has still to expire. */
const EXPIRY_RETRIES_MAX = 50;
const EXPIRY_RETRY_MS = 200;

/** One question: an operation with the body of its only batch. */
interface Question {
  readonly operation: AccountingOperation;
  readonly batch: Uint8Array;
}

/** The ids of all events of one kind, each once. */
function idsOf(log: readonly Uint8Array[], kind: OperationKind): readonly Uint8Array[] {
  const ids = new Map<string, Uint8Array>();
  const decoder = new MultiBatchDecoder();
  for (const bytes of log) {
    const traits = operationFromVsr(new PrepareHeader(bytes).operation);
    if (traits?.kind !== kind) continue;
    const body = bytes.subarray(HEADER_SIZE_BYTES);
    let end = body.length;
    if (traits.multiBatch) {
      const reason = decoder.decode(body, traits.eventSizeBytes);
      if (reason !== null) throw new Error(`a recorded body makes no sense: ${reason}`);
      end = decoder.payloadSizeBytes;
    }
    for (let event = 0; event < end; event += traits.eventSizeBytes) {
      const id = body.subarray(event, event + ID_SIZE_BYTES);
      ids.set(Buffer.from(id).toString("hex"), id);
    }
  }
  return [...ids.values()];
}

function lookups(operation: AccountingOperation, ids: readonly Uint8Array[]): readonly Question[] {
  const questions: Question[] = [];
  for (let at = 0; at < ids.length; at += IDS_PER_REQUEST) {
    questions.push({ operation, batch: Buffer.concat(ids.slice(at, at + IDS_PER_REQUEST)) });
  }
  return questions;
}

/** Questions about accounts as they are now. */
function questionsOnAccounts(accounts: readonly Uint8Array[]): readonly Question[] {
  const all = [0, QueryFilterFlags.reversed].map((flags): Question => {
    const filter = new QueryFilter(new Uint8Array(QueryFilter.sizeBytes));
    Object.assign(filter, { limit: LIMIT, flags });
    return { operation: AccountingOperation.query_accounts, batch: filter.buffer };
  });
  return [...lookups(AccountingOperation.lookup_accounts, accounts), ...all];
}

/** Questions about what has happened up to the end of the log. */
function questionsOnHistory(
  accounts: readonly Uint8Array[],
  transfers: readonly Uint8Array[],
  timestampMax: bigint,
): readonly Question[] {
  const questions = [...lookups(AccountingOperation.lookup_transfers, transfers)];
  for (const flags of [0, QueryFilterFlags.reversed]) {
    const filter = new QueryFilter(new Uint8Array(QueryFilter.sizeBytes));
    Object.assign(filter, { limit: LIMIT, flags, timestampMax });
    questions.push({ operation: AccountingOperation.query_transfers, batch: filter.buffer });
  }
  const changes = new ChangeEventsFilter(new Uint8Array(ChangeEventsFilter.sizeBytes));
  Object.assign(changes, { limit: LIMIT, timestampMax });
  questions.push({ operation: AccountingOperation.get_change_events, batch: changes.buffer });
  const step = Math.max(1, Math.floor(accounts.length / ACCOUNTS_ASKED));
  for (let at = 0; at < accounts.length; at += step) {
    const filter = new AccountFilter(new Uint8Array(AccountFilter.sizeBytes));
    filter.buffer.set(accounts[at] as Uint8Array);
    const flags = AccountFilterFlags.debits | AccountFilterFlags.credits;
    Object.assign(filter, { limit: LIMIT, timestampMax, flags });
    for (const operation of [AccountingOperation.get_account_transfers, AccountingOperation.get_account_balances]) {
      questions.push({ operation, batch: filter.buffer });
    }
  }
  return questions;
}

/** Asks a server and the model the same. */
class Interview {
  readonly #client: TcpClient;
  readonly #model: Executor;
  readonly #aofRecovery: boolean;
  /** Where the log ends. */
  readonly #timestamp: bigint;
  readonly #body = new Uint8Array(PRODUCTION.derived.messageBodySizeMax);
  readonly #encoder = new MultiBatchEncoder();
  answers = 0;
  resultsSizeBytes = 0;

  constructor(client: TcpClient, model: Executor, aofRecovery: boolean, timestamp: bigint) {
    this.#client = client;
    this.#model = model;
    this.#aofRecovery = aofRecovery;
    this.#timestamp = timestamp;
  }

  /** The first difference of the answers, or null. */
  async compare(questions: readonly Question[]): Promise<string | null> {
    for (const question of questions) {
      const difference = await this.#compare(question);
      if (difference !== null) return difference;
    }
    return null;
  }

  /** The same, while the server still has to expire what the clock says is due. The model does it at once. */
  async compareExpiring(questions: readonly Question[]): Promise<string | null> {
    for (let retry = 0; ; retry += 1) {
      const difference = await this.compare(questions);
      if (difference === null || this.#aofRecovery || retry === EXPIRY_RETRIES_MAX) return difference;
      await sleep(EXPIRY_RETRY_MS);
    }
  }

  async #compare(question: Question): Promise<string | null> {
    const { operation } = question;
    const body = this.#encode(question);
    const answer = await this.#client.request(operation, body, this.#aofRecovery ? this.#timestamp : 0n);
    const { timestamp, body: actual } = answer;
    if (!this.#aofRecovery) this.#model.expire(timestamp);
    const expected = this.#model.answer(operation, body, timestamp);
    const at = firstDifferingByte(actual, expected);
    if (at === null) {
      this.answers += 1;
      this.resultsSizeBytes += actual.length;
      return null;
    }
    const { name, resultSizeBytes } = operationTraits(operation);
    const sizes = `${actual.length} bytes, expected ${expected.length}`;
    return `${name}: result ${Math.floor(at / resultSizeBytes)} differs in byte ${at % resultSizeBytes} (${sizes})`;
  }

  #encode({ operation, batch }: Question): Uint8Array {
    const traits = operationTraits(operation);
    if (!traits.multiBatch) return batch;
    this.#encoder.begin(this.#body, traits.eventSizeBytes);
    this.#body.set(batch);
    this.#encoder.add(batch.length);
    return this.#body.subarray(0, this.#encoder.finish());
  }
}

/** Asks every replica as primary: whoever has answered is killed, until the next one has, too. */
async function interview(log: readonly Uint8Array[], cluster: ClusterProcesses): Promise<Outcome> {
  const aofRecovery = clientsChooseTimestamps(log);
  const model = new Executor(aofRecovery);
  for (const bytes of log) model.execute(bytes);
  const headers = log.map((bytes) => new PrepareHeader(bytes));
  const end = headers.reduce((latest, { timestamp }) => (timestamp > latest ? timestamp : latest), 1n);
  const clients = new TcpClients({
    count: 1,
    config: PRODUCTION,
    cluster: headers[0]?.cluster ?? 0n,
    addresses: cluster.ports.map((port): Address => ({ family: 4, host: "127.0.0.1", port })),
    release: RECORDED_RELEASE,
    aofRecovery,
  });
  try {
    await clients.register();
    const client = clients.at(0);
    const interviewed = new Interview(client, model, aofRecovery, end < TIMESTAMP_MAX ? end + 1n : end);
    const accounts = idsOf(log, "create_accounts");
    const transfers = idsOf(log, "create_transfers");
    const replicaCount = cluster.ports.length;
    const primaries: number[] = [];
    while (primaries.length < replicaCount) {
      const difference =
        (await interviewed.compareExpiring(questionsOnAccounts(accounts))) ??
        (await interviewed.compare(questionsOnHistory(accounts, transfers, end)));
      const primary = client.view % replicaCount;
      if (difference !== null) return different(`replica ${primary}: ${difference}`);
      if (primaries.includes(primary)) return different(`replica ${primary} is primary again`);
      primaries.push(primary);
      if (primaries.length === replicaCount) break;
      await cluster.start();
      await cluster.kill(primary);
    }
    return equal(
      `${accounts.length} ids of accounts and ${transfers.length} of transfers looked up, ` +
        `${interviewed.answers} answers, ${interviewed.resultsSizeBytes} bytes; primaries: ${primaries.join(", ")}`,
    );
  } finally {
    await clients.close();
  }
}

async function check({ aofs, dataFiles }: ServedRun): Promise<Outcome> {
  const log = await readLog(aofs);
  const directory = await mkdtemp(join(tmpdir(), "stagbeetle-conformance-"));
  try {
    const paths = dataFiles.map((_, replica) => join(directory, `0_${replica}.stagbeetle`));
    for (const [replica, file] of dataFiles.entries()) {
      await writeSparse(paths[replica] as string, streamDecompressed(file));
    }
    const cluster = await ClusterProcesses.of(paths, () =>
      clientsChooseTimestamps(log) ? ["--experimental", "--aof-recovery"] : [],
    );
    try {
      await cluster.start();
      const outcome = await interview(log, cluster);
      await cluster.stop();
      return outcome;
    } finally {
      await cluster.destroy();
    }
  } finally {
    await rm(directory, { recursive: true });
  }
}

/** A data file of a cluster is named after its replica. */
const REPLICA = /\.replica(?<replica>\d+)$/u;

export const serve: Kind = {
  name: "serve",
  discover(root, files) {
    const runs = new Map<string, { aofs: string[]; dataFiles: string[] }>();
    for (const file of files.filter((path) => withoutCompression(path).endsWith(".tigerbeetle"))) {
      const name = withoutCompression(file).slice(0, -".tigerbeetle".length);
      // The log may lie beside another recording of the same run.
      const aof =
        files.find((other) => withoutCompression(other) === `${name}.aof`) ??
        files.find((other) => basename(withoutCompression(other)) === `${basename(name)}.aof`);
      if (aof === undefined) continue;
      const runName = name.replace(REPLICA, "");
      const run = runs.get(runName) ?? { aofs: [], dataFiles: [] };
      runs.set(runName, run);
      run.aofs.push(join(root, aof));
      run.dataFiles.push(join(root, file));
    }
    const artefacts = [...runs].map(([name, run]): Artefact => ({ name, kind: "serve", check: () => check(run) }));
    return Promise.resolve(artefacts);
  },
};
