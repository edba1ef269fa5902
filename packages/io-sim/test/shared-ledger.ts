/**
 * A ledger on one simulated machine, and clients whose sessions many callers share: what the client library is without
 * promises and sockets.
 *
 * @module
 */
import { type CallOutcome, type Eviction, type OperationCodec, SharedSession } from "@stagbeetle/client";
import { type Account, createAccounts, lookupAccounts } from "@stagbeetle/client/accounting";
import { assert, createKernels, LinearMemory } from "@stagbeetle/kernels";
import { Checksums, type Config, MessagePool, Random } from "@stagbeetle/vsr-protocol";

import { LEDGER } from "../src/cluster/application.ts";
import { SIMULATED_RELEASE } from "../src/cluster/cluster.ts";
import { Machine, NO_INSPECTOR, NO_OBSERVER } from "../src/cluster/machine.ts";
import { NO_FAULTS_ATLAS } from "../src/faults/atlas.ts";
import { NO_STORAGE_FAULTS } from "../src/faults/storage-faults.ts";
import { SimulatedNetwork } from "../src/network/network.ts";
import { SimulatedTime } from "../src/time.ts";

const CLUSTER = 7n;
const MESSAGES_PER_CLIENT = 8;
const MEMORY_BESIDE_MESSAGES_BYTES = 1 << 20;
const IGNORED = (): void => undefined;

/** A call as its caller sees it. */
export interface CallRecord {
  readonly accounts: readonly Account[];
  readonly client: SharedSession;
  readonly submittedTick: number;
  readonly deadlineTicks: number | null;
  readonly cancel: () => void;
  /** Every outcome that the callback got: one, sooner or later. */
  readonly outcomes: CallOutcome[];
  /** The results of a reply. */
  results: readonly { readonly status: number; readonly timestamp: bigint }[];
  endedTick: number | null;
}

/** The whole. Driven by `tick`. */
export class SharedLedger {
  readonly network: SimulatedNetwork;
  readonly machine: Machine;
  readonly evictions: Eviction[] = [];
  readonly #config: Config;
  readonly #random: Random;
  readonly #clients = new Map<SharedSession, bigint>();
  readonly #time = new SimulatedTime();
  #nextId = 1n;
  #ticks = 0;

  constructor(config: Config, random: Random) {
    this.#config = config;
    this.#random = random;
    const checksums = new Checksums();
    this.network = new SimulatedNetwork({ config, checksums, random: new Random(random.u64()) });
    this.machine = new Machine({
      config,
      application: LEDGER,
      network: this.network,
      checksums,
      cluster: CLUSTER,
      replica: 0,
      replicaCount: 1,
      standbyCount: 0,
      inspector: NO_INSPECTOR,
      release: SIMULATED_RELEASE,
      releaseClientMin: SIMULATED_RELEASE,
      random: new Random(random.u64()),
      time: {},
      checksumLatency: null,
      atlas: NO_FAULTS_ATLAS,
      observer: NO_OBSERVER,
      onIncident: IGNORED,
    });
    this.machine.format();
    this.machine.start(NO_STORAGE_FAULTS);
  }

  get ticks(): number {
    return this.#ticks;
  }

  /** Adds a client, whose session is being registered. */
  connect(): SharedSession {
    const { messageSizeMax } = this.#config.cluster;
    const sizeBytes = MESSAGES_PER_CLIENT * messageSizeMax + MEMORY_BESIDE_MESSAGES_BYTES;
    const memory = new LinearMemory({ sizeBytes, shared: false });
    const pool = new MessagePool({ memory, messageSizeMax, messagesMax: MESSAGES_PER_CLIENT });
    const id = this.#random.u128() | 1n;
    const receiver = { onMessages: (buffer: Parameters<SharedSession["onMessages"]>[0]) => session.onMessages(buffer) };
    const session: SharedSession = new SharedSession({
      config: this.#config,
      pool,
      checksums: new Checksums(createKernels({ memory })),
      bus: this.network.addClient(id, { pool, receiver }),
      time: this.#time,
      random: new Random(this.#random.u64()),
      cluster: CLUSTER,
      client: id,
      replicaCount: 1,
      release: SIMULATED_RELEASE,
      onEviction: (eviction) => this.evictions.push(eviction),
    });
    session.register(IGNORED);
    this.#clients.set(session, id);
    return session;
  }

  /** Ends a client and its connection. The cluster keeps its session until another one needs the place. */
  disconnect(session: SharedSession): void {
    const id = this.#clients.get(session);
    assert(id !== undefined, "the client is connected");
    this.#clients.delete(session);
    session.close();
    this.network.remove(id);
  }

  /** Creates so many accounts in one call. */
  create(client: SharedSession, count: number, deadlineTicks: number | null): CallRecord {
    const accounts = Array.from({ length: count }, () => this.#account());
    return this.#call(client, createAccounts, accounts, accounts, deadlineTicks);
  }

  /** Which of these accounts exist. Lets time pass until that is known. */
  existing(ids: readonly bigint[]): Map<bigint, Account> {
    const client = this.connect();
    let found: Account[] | null = null;
    client.submit(lookupAccounts.encoding, lookupAccounts.encode(ids), (outcome) => {
      assert(outcome.kind === "reply", () => `accounts cannot be looked up: ${JSON.stringify(outcome)}`);
      found = lookupAccounts.decode(outcome.body, outcome.timestamp);
    });
    this.until(() => found !== null);
    this.disconnect(client);
    return new Map((found ?? []).map((account: Account) => [account.id, account]));
  }

  /** Lets 10 ms pass for everyone, and everything happen that is due. */
  tick(): void {
    this.#ticks += 1;
    this.#time.tick();
    this.network.tick();
    this.machine.tick();
    for (const client of this.#clients.keys()) client.tick();
    while (this.network.step() || this.machine.step());
  }

  until(condition: () => boolean, ticksMax = 20_000): void {
    for (let ticks = 0; !condition(); ticks += 1) {
      assert(ticks < ticksMax, () => `the condition does not come true: ${this.machine.describe()}`);
      this.tick();
    }
  }

  #call(
    client: SharedSession,
    codec: OperationCodec<readonly Account[], CallRecord["results"]>,
    input: readonly Account[],
    accounts: readonly Account[],
    deadlineTicks: number | null,
  ): CallRecord {
    const onOutcome = (outcome: CallOutcome): void => {
      record.outcomes.push(outcome);
      record.endedTick = this.#ticks;
      if (outcome.kind === "reply") record.results = codec.decode(outcome.body, outcome.timestamp);
    };
    const record: CallRecord = {
      accounts,
      client,
      submittedTick: this.#ticks,
      deadlineTicks,
      cancel: () => client.cancel(call),
      outcomes: [],
      results: [],
      endedTick: null,
    };
    const call = client.submit(codec.encoding, codec.encode(input), onOutcome, { deadlineTicks });
    return record;
  }

  #account(): Account {
    const id = this.#nextId;
    this.#nextId += 1n;
    const balances = { debits_pending: 0n, debits_posted: 0n, credits_pending: 0n, credits_posted: 0n };
    const userData = { user_data_128: id << 64n, user_data_64: id, user_data_32: 0 };
    return { id, ...balances, ...userData, reserved: 0, ledger: 1, code: 1, flags: 0, timestamp: 0n };
  }
}
