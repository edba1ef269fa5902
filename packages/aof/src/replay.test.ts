import { TEST_MIN } from "@stagbeetle/vsr-protocol";
import { describe, expect, test } from "vitest";
import { chain, chainOf, fileOf, joined, type PrepareFields, RELEASE } from "../test/log.ts";
import { Iterator } from "./iterator.ts";
import { MemoryFile } from "./memory-file.ts";
import { AOFReplayClient, type AOFReplayClientOptions, type ReplayMessage, type ReplayResult } from "./replay.ts";

/** What a cluster gets: registrations and requests, in order. */
type Received = readonly [release: number, operation: number, timestamp: bigint, firstByte: number | undefined];

const BATCH_SIZE_LIMIT = 64;

/** A cluster that answers later. */
class Cluster {
  readonly received: Received[] = [];
  readonly #answers: (() => void)[] = [];

  readonly openSession: AOFReplayClientOptions["openSession"] = (release) => ({
    session: this.received.length + 1,
    batchSizeLimit: BATCH_SIZE_LIMIT,
    register: (callback) => {
      this.received.push([release, 2, 1n, undefined]);
      this.#answers.push(callback);
    },
    request: (operation, body, callback, timestamp) => {
      expect(this.#answers, "one request at a time").toEqual([]);
      this.received.push([release, operation, timestamp, body[0]]);
      this.#answers.push(callback);
    },
  });

  run(): void {
    for (let answer = this.#answers.shift(); answer !== undefined; answer = this.#answers.shift()) answer();
  }
}

function replayed(
  bytes: Uint8Array,
  options: Partial<AOFReplayClientOptions> = {},
): [Cluster, ReplayResult | null, AOFReplayClient] {
  const cluster = new Cluster();
  const iterator = new Iterator({ config: TEST_MIN, file: new MemoryFile({ bytes }) });
  const client = new AOFReplayClient({ iterator, openSession: cluster.openSession, ...options });
  let result: ReplayResult | null = null;
  client.replay((ended) => (result = ended));
  cluster.run();
  return [cluster, result, client];
}

const log = (all: readonly Partial<PrepareFields>[]): Uint8Array => fileOf(chain(all));

describe("a replay", () => {
  test("registers, then sends what creates accounts and transfers, with its timestamp and body", () => {
    const operations = [4, 2, 146, 2, 147, 4, 140, 129, 130, 138, 139, 128, 141, 142, 145, 6];
    const bytes = log(operations.map((operation, index) => ({ operation, body: Uint8Array.of(index) })));
    const [cluster, result, client] = replayed(bytes);
    expect(cluster.received).toEqual([
      [RELEASE, 2, 1n, undefined],
      [RELEASE, 146, 3000n, 2],
      [RELEASE, 147, 5000n, 4],
      [RELEASE, 129, 8000n, 7],
      [RELEASE, 130, 9000n, 8],
      [RELEASE, 138, 10_000n, 9],
      [RELEASE, 139, 11_000n, 10],
      [RELEASE, 128, 12_000n, 11],
    ]);
    expect([result, client.requests, client.skipped, client.state]).toEqual([{ outcome: "done" }, 7, 9, "ended"]);
  });

  test("has one session for each release that the log has, opened when it is needed", () => {
    const older = RELEASE - 1;
    const [cluster] = replayed(log([{ release: older }, {}, { release: older }, {}]));
    expect(cluster.received.map(([release, operation]) => [release - RELEASE, operation])).toEqual([
      [-1, 2],
      [-1, 147],
      [0, 2],
      [0, 147],
      [-1, 147],
      [0, 147],
    ]);
  });

  test("of nothing sends nothing", () => {
    const [cluster, result] = replayed(log([{ operation: 140 }]));
    expect([cluster.received, result]).toEqual([[], { outcome: "done" }]);
  });

  test("ends at damage and at a break of the chain", () => {
    const [one = new Uint8Array(), , three = new Uint8Array()] = chainOf(3);
    const offset = fileOf([one]).length;
    const [, broken] = replayed(fileOf([one, three]));
    expect(broken).toEqual({ outcome: "damaged", fault: "AOFChecksumChainMismatch", offset });
    const [cluster, damaged] = replayed(joined([fileOf([one]), new Uint8Array(300)]));
    expect(damaged).toEqual({ outcome: "damaged", fault: "AOFMagicNumberMismatch", offset });
    expect(cluster.received).toHaveLength(2);
  });

  test("ends before a request that the cluster would not take", () => {
    const [cluster, result] = replayed(log([{}, { body: new Uint8Array(65) }]));
    expect(result).toEqual({ outcome: "too_large", op: 2, sizeBytes: 65, sizeMaxBytes: BATCH_SIZE_LIMIT });
    expect(cluster.received).toHaveLength(2);
  });

  test("tells each message before it is sent, and stops after the answer that is enough", () => {
    const told: string[] = [];
    const note =
      (what: string) =>
      ({ kind, op }: ReplayMessage): boolean => {
        told.push(`${what} ${kind} ${op}`);
        return op < 2 || kind === "register";
      };
    const [cluster, result] = replayed(log([{}, {}, {}]), { onSend: note("send"), onAnswer: note("answer") });
    expect(told).toEqual([
      "send register 1",
      "answer register 1",
      "send request 1",
      "answer request 1",
      "send request 2",
      "answer request 2",
    ]);
    expect([result, cluster.received.length]).toEqual([{ outcome: "stopped" }, 3]);
  });

  test("goes on at any entry, with the session of a release that is given", () => {
    const bytes = fileOf(chainOf(4));
    const cluster = new Cluster();
    const iterator = new Iterator({ config: TEST_MIN, file: new MemoryFile({ bytes }) });
    iterator.moveTo(2 * fileOf(chainOf(1)).length);
    const client = new AOFReplayClient({ iterator, openSession: cluster.openSession });
    client.replay(() => undefined, RELEASE);
    cluster.run();
    expect(cluster.received.map(([, operation, timestamp]) => [operation, timestamp])).toEqual([
      [2, 1n],
      [147, 3000n],
      [147, 4000n],
    ]);
  });
});
