import { type CallOutcome, rawOperation, SharedSession } from "@stagbeetle/client";
import { assert, createKernels, LinearMemory } from "@stagbeetle/kernels";
import { Checksums, type MessageBuffer, MessagePool, Random, TEST_MIN } from "@stagbeetle/vsr-protocol";
import { describe, expect, test } from "vitest";

import { REPLICA_COUNT, ScriptedReplicas } from "../../test/scripted-replicas.ts";
import { SIMULATED_RELEASE } from "../cluster/cluster.ts";
import { type NetworkFaults, NO_NETWORK_FAULTS, SimulatedNetwork } from "../network/network.ts";
import { SimulatedTime } from "../time.ts";

const SEEDS = Math.max(10, Number(process.env["STAGBEETLE_SEEDS"] ?? 10));
const TICKS = 3000;
const TICKS_MAX = 30_000;
const CLIENTS = 3;
const CLUSTER = 7n;
const MESSAGES_PER_CLIENT = 16;
const MEMORY_BESIDE_MESSAGES_BYTES = 1 << 20;
const ECHO = rawOperation(200);

const ROUGH: NetworkFaults = {
  ...NO_NETWORK_FAULTS,
  delayMeanTicks: 2,
  loss: { numerator: 1, denominator: 12 },
  repetition: { numerator: 1, denominator: 12 },
};

interface Caller {
  readonly text: string;
  readonly deadlineTick: number | null;
  readonly outcomes: { readonly tick: number; readonly outcome: CallOutcome; readonly answer: string }[];
}

/** Clients of three replicas. */
class Run {
  readonly callers: Caller[] = [];
  readonly replicas: ScriptedReplicas;
  readonly #random: Random;
  readonly #network: SimulatedNetwork;
  readonly #time = new SimulatedTime();
  readonly #clients: readonly SharedSession[];
  #ticks = 0;

  constructor(seed: number) {
    this.#random = new Random(seed);
    const random = new Random(this.#random.u64());
    this.#network = new SimulatedNetwork({ config: TEST_MIN, checksums: new Checksums(), random, faults: ROUGH });
    this.replicas = new ScriptedReplicas(TEST_MIN, CLUSTER, new Random(this.#random.u64()), this.#network);
    this.#clients = Array.from({ length: CLIENTS }, () => this.#connect());
  }

  get open(): number {
    return this.callers.filter(({ outcomes }) => outcomes.length === 0).length;
  }

  /** Changes primaries, silences replicas and makes calls, then lets everything come to its end. */
  toTheEnd(): void {
    const random = this.#random;
    while (this.#ticks < TICKS) {
      if (random.chance(1, 300)) this.replicas.changeView();
      if (random.chance(1, 200)) this.replicas.silence(random.index(400));
      if (random.chance(1, 4)) this.#call(random.chance(1, 3) ? 1 + random.index(200) : null);
      this.#tick();
    }
    this.#network.faults = NO_NETWORK_FAULTS;
    while (this.open > 0) {
      assert(this.#ticks < TICKS_MAX, () => `${this.open} calls are not answered`);
      this.#tick();
    }
  }

  #tick(): void {
    this.#ticks += 1;
    this.#time.tick();
    this.#network.tick();
    this.replicas.tick();
    for (const client of this.#clients) client.tick();
    while (this.#network.step());
  }

  #call(deadlineTicks: number | null): void {
    const client = this.#clients[this.#random.index(CLIENTS)];
    assert(client !== undefined, "there are clients");
    const text = `call ${this.callers.length}`;
    const deadlineTick = deadlineTicks === null ? null : this.#ticks + deadlineTicks;
    const caller: Caller = { text, deadlineTick, outcomes: [] };
    this.callers.push(caller);
    const onOutcome = (outcome: CallOutcome): void => {
      const answer = outcome.kind === "reply" ? new TextDecoder().decode(outcome.body) : "";
      caller.outcomes.push({ tick: this.#ticks, outcome, answer });
    };
    client.submit(ECHO, new TextEncoder().encode(text), onOutcome, { deadlineTicks });
  }

  #connect(): SharedSession {
    const { messageSizeMax } = TEST_MIN.cluster;
    const sizeBytes = MESSAGES_PER_CLIENT * messageSizeMax + MEMORY_BESIDE_MESSAGES_BYTES;
    const memory = new LinearMemory({ sizeBytes, shared: false });
    const pool = new MessagePool({ memory, messageSizeMax, messagesMax: MESSAGES_PER_CLIENT });
    const client = this.#random.u128() | 1n;
    const receiver = { onMessages: (buffer: MessageBuffer) => session.onMessages(buffer) };
    const session: SharedSession = new SharedSession({
      config: TEST_MIN,
      pool,
      checksums: new Checksums(createKernels({ memory })),
      bus: this.#network.addClient(client, { pool, receiver }),
      time: this.#time,
      random: new Random(this.#random.u64()),
      cluster: CLUSTER,
      client,
      replicaCount: REPLICA_COUNT,
      release: SIMULATED_RELEASE,
      onEviction: ({ message }) => expect.fail(message),
    });
    session.register(() => undefined);
    return session;
  }
}

describe("calls while primaries change and replicas fall silent", () => {
  test.each(Array.from({ length: SEEDS }, (_, seed) => seed))(
    "are executed at most once, and answered with their own answer or in time (seed %i)",
    (seed) => {
      const run = new Run(seed);
      run.toTheEnd();
      for (const { text, deadlineTick, outcomes } of run.callers) {
        expect(outcomes).toHaveLength(1);
        const [end] = outcomes;
        const executions = run.replicas.executions.get(text) ?? 0;
        if (end?.outcome.kind === "reply") {
          expect([end.answer, executions]).toEqual([text, 1]);
        } else {
          expect(end?.outcome).toMatchObject({ failure: "deadline" });
          expect(end?.tick).toBe(deadlineTick);
          expect(executions).toBeLessThanOrEqual(end?.outcome.execution === "none" ? 0 : 1);
        }
        if (deadlineTick !== null) expect(end?.tick).toBeLessThanOrEqual(deadlineTick);
      }
      expect(run.callers.length).toBeGreaterThan(100);
      expect(run.replicas.view).toBeGreaterThan(3);
      expect(run.replicas.repliesOfBackups).toBeGreaterThan(0);
    },
  );
});
