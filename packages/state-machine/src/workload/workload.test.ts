import { Operation as ProtocolOperation, Random } from "@stagbeetle/vsr-protocol";
import { describe, expect, test } from "vitest";
import { Ledger, TEST_MIN } from "../../test/ledger.ts";
import { OPERATIONS } from "../accounting/operations.ts";
import { AccountingWorkload, drawWorkloadOptions } from "./index.ts";

const SECOND = 1_000_000_000n;
const CLIENTS = 4;
const seeds = Number(process.env["STAGBEETLE_PROPERTY_RUNS"] ?? 12);

/** A request on its way to the ledger. */
interface Sent {
  readonly client: number;
  readonly operation: number;
  readonly body: Uint8Array;
}

/** A ledger and a workload, with several clients that each have one request under way. */
class Simulation {
  readonly ledger = new Ledger();
  readonly random: Random;
  readonly workload: AccountingWorkload;
  readonly operations = new Map<number, number>();
  readonly #underWay: Sent[] = [];

  constructor(seed: number) {
    this.random = new Random(seed);
    const { limits } = this.ledger.machine;
    this.workload = new AccountingWorkload(drawWorkloadOptions(this.random, limits), limits, this.random);
  }

  run(requests: number, corrupt: (reply: Uint8Array) => void = () => undefined): void {
    for (let sent = 0; sent < requests; sent += 1) {
      this.ledger.now += this.random.u64Inclusive(SECOND / 4n);
      this.#pulse();
      const client = this.random.index(CLIENTS);
      if (this.#underWay.some((each) => each.client === client)) this.#deliver(corrupt);
      else this.#send(client);
    }
    while (this.#underWay.length > 0) this.#deliver(corrupt);
  }

  #send(client: number): void {
    const body = new Uint8Array(TEST_MIN.batchSizeLimit);
    const { operation, sizeBytes } = this.workload.buildRequest(client, body);
    this.#underWay.push({ client, operation, body: body.slice(0, sizeBytes) });
    this.operations.set(operation, (this.operations.get(operation) ?? 0) + 1);
  }

  /** The server takes the requests in any order. */
  #deliver(corrupt: (reply: Uint8Array) => void): void {
    const [sent] = this.#underWay.splice(this.random.index(this.#underWay.length), 1);
    if (sent === undefined) return;
    const { machine } = this.ledger;
    expect(machine.inputValid(sent.operation, sent.body)).toBe(true);
    const due = machine.pulseNextTimestamp;
    machine.pulseNextTimestamp = (1n << 63n) - 1n;
    const reply = this.ledger.executeBody(sent.operation, sent.body);
    if (due < machine.pulseNextTimestamp) machine.pulseNextTimestamp = due;
    corrupt(reply);
    this.workload.onReply(sent.client, sent.operation, this.ledger.now, sent.body, reply);
  }

  #pulse(): void {
    while (this.ledger.machine.pulseNeeded(this.ledger.now)) {
      this.ledger.executeBody(ProtocolOperation.pulse, new Uint8Array(0));
      this.workload.onPulse(this.ledger.now);
    }
  }
}

describe("the accounting workload", () => {
  test.each(Array.from({ length: seeds }, (_, index) => index + 1))("finds nothing wrong with seed %i", (seed) => {
    const simulation = new Simulation(seed);
    simulation.run(400);
    expect(simulation.workload.done).toBe(true);
  });

  test("sends every operation that clients have, and creates transfers", () => {
    const simulation = new Simulation(92);
    simulation.run(1500);
    const all = OPERATIONS.filter(({ name }) => name !== "pulse").map(({ operation }) => operation);
    expect([...simulation.operations.keys()].toSorted((a, b) => a - b)).toEqual(all);
    expect(simulation.workload.transferCount).toBeGreaterThan(500n);
  });

  test("notices when a reply is not what it should be", () => {
    let noticed = 0;
    for (let seed = 1; seed <= 10; seed += 1) {
      const simulation = new Simulation(seed);
      const at = new Random(seed + 1000);
      let replies = 0;
      const corrupt = (reply: Uint8Array): void => {
        replies += 1;
        if (replies < 50 || reply.length < 16) return;
        const index = at.index(reply.length);
        reply[index] = (reply[index] as number) ^ 1;
      };
      try {
        simulation.run(200, corrupt);
      } catch {
        noticed += 1;
      }
    }
    expect(noticed).toBe(10);
  });
});
