import { assert, LinearMemory } from "@stagbeetle/kernels";
import {
  ClientSessions,
  FatalError,
  FatalReason,
  HEADER_SIZE_BYTES,
  Random,
  ReplyHeader,
  SECTOR_SIZE_BYTES,
  TEST_MIN,
  zoneStart,
} from "@stagbeetle/vsr-protocol";
import { describe, expect, test } from "vitest";
import { formattedDisk, SoloMachine, TallyClient } from "../test/solo-machine.ts";
import type { SimulatedDisk } from "./disk.ts";
import { NO_STORAGE_FAULTS, type StorageFaults } from "./faults/storage-faults.ts";

const SEEDS = Number(process.env["STAGBEETLE_PROPERTY_RUNS"] ?? "12");

/** Completions come in any order, and writes that a crash interrupts are lost, torn or complete. */
const RESTLESS: StorageFaults = {
  ...NO_STORAGE_FAULTS,
  readLatency: { minimumMicroseconds: 0, meanMicroseconds: 10_000 },
  writeLatency: { minimumMicroseconds: 0, meanMicroseconds: 20_000 },
  crashOutcomes: { lost: 1, torn: 1, complete: 1 },
};

function started(
  disk: SimulatedDisk,
  options: { seed?: number; faults?: StorageFaults; storageSizeLimit?: number } = {},
): SoloMachine {
  const { seed = 1, faults = NO_STORAGE_FAULTS, ...rest } = options;
  return new SoloMachine(disk, { random: new Random(BigInt(seed)), faults, ...rest });
}

/** Lets the clients add until the replica has executed `op`, or for so many steps. Returns whether it has. */
function runTo(machine: SoloMachine, clients: readonly TallyClient[], op: number, steps = 1_000_000): boolean {
  for (let step = 0; step < steps; step += 1) {
    if (machine.serving && machine.replica.state.commitMin >= op) return true;
    for (const client of clients) client.drive(machine);
    machine.step();
  }
  return false;
}

/** Every addition was executed once, and each reply told of it in its place. What is in flight may be missing at the end. */
function expectOnce(clients: readonly TallyClient[], executed: number): void {
  const counts = clients.flatMap((client) => client.counts).toSorted((left, right) => left - right);
  expect(new Set(counts).size).toBe(counts.length);
  expect(counts.at(-1)).toBeLessThanOrEqual(executed);
  expect(executed - counts.length).toBeLessThanOrEqual(clients.length);
  for (const { counts: own } of clients) expect(own).toEqual(own.toSorted((left, right) => left - right));
}

/** The client sessions of the checkpoint that the superblock refers to now. */
function sessionsOnDisk(disk: SimulatedDisk, { superblock }: SoloMachine): ClientSessions {
  const block = new Uint8Array(TEST_MIN.cluster.blockSize);
  const { clientSessionsLastBlockAddress: address, clientSessionsSize: size } = superblock.working.checkpoint;
  disk.readPristine(zoneStart(TEST_MIN, "grid") + (address - 1) * block.length, block);
  const sessions = new ClientSessions({ config: TEST_MIN, memory: new LinearMemory({ sizeBytes: 1 << 17 }) });
  expect(sessions.decode(block.subarray(HEADER_SIZE_BYTES, HEADER_SIZE_BYTES + size))).toBe(null);
  return sessions;
}

const threeClients = (): readonly TallyClient[] => [1n, 2n, 3n].map((id) => new TallyClient(id));

describe("a replica on a real journal and a real grid", () => {
  test("crosses checkpoints, and its file stops growing", () => {
    const machine = started(formattedDisk());
    const clients = threeClients();
    const sizes: number[] = [];
    for (let op = 23; op <= 23 + 10 * 20; op += 20) {
      expect(runTo(machine, clients, op + 1)).toBe(true);
      expect(machine.replica.state.opCheckpoint).toBe(op - 4);
      sizes.push(machine.superblock.working.checkpoint.storageSize);
    }
    expect(Math.max(...sizes.slice(3))).toBeLessThanOrEqual(Math.max(...sizes.slice(0, 3)));
    expectOnce(clients, machine.machine.count);
  });

  test("starts from its checkpoint after the log went round", () => {
    const disk = formattedDisk();
    const clients = threeClients();
    for (let op = 15; op <= 150; op += 15) {
      const machine = started(disk);
      expect(runTo(machine, clients, op)).toBe(true);
      machine.storage.crash();
    }
    const last = started(disk);
    last.until(() => last.serving);
    expect(last.replica.state.opCheckpoint).toBe(139);
    expectOnce(clients, last.machine.count);
  });

  test("has every reply of its clients on disk when the superblock refers to the checkpoint", () => {
    const disk = formattedDisk();
    const machine = started(disk, { seed: 7, faults: RESTLESS });
    const clients = threeClients();
    let checked = 0;
    for (let checkpoint = 0; checkpoint < 99;) {
      runTo(machine, clients, 1_000_000, 1);
      if (!machine.serving || machine.replica.state.opCheckpoint === checkpoint) continue;
      checkpoint = machine.replica.state.opCheckpoint;
      for (const { slot, header } of sessionsOnDisk(disk, machine).entries()) {
        const stored = new Uint8Array(SECTOR_SIZE_BYTES);
        disk.readPristine(zoneStart(TEST_MIN, "clientReplies") + slot * TEST_MIN.cluster.messageSizeMax, stored);
        expect(new ReplyHeader(stored).checksum).toBe(header.checksum);
        checked += 1;
      }
    }
    expect(checked).toBe(5 * clients.length);
  });

  test.each(Array.from({ length: SEEDS }, (_, index) => index + 1))(
    "loses nothing and does nothing twice however it loses power (seed %i)",
    (seed) => {
      const random = new Random(BigInt(seed));
      const disk = formattedDisk();
      const clients = threeClients();
      let checkpoints = 0;
      for (let life = 0; life < 20; life += 1) {
        const machine = started(disk, { seed: seed * 1000 + life, faults: RESTLESS });
        runTo(machine, clients, 1_000_000, 300 + random.index(1500));
        if (machine.serving) checkpoints = machine.replica.state.opCheckpoint;
        machine.storage.crash();
      }
      const last = started(disk, { faults: RESTLESS });
      expect(last.until(() => last.serving, 100_000)).toBe(true);
      expect(runTo(last, clients, last.replica.state.op + 30)).toBe(true);
      expect(checkpoints).toBeGreaterThan(0);
      expectOnce(clients, last.machine.count);
    },
  );
});

/** The line with which a machine ends. */
function endOf(run: () => void): FatalError {
  try {
    run();
  } catch (error) {
    assert(error instanceof FatalError, () => `not a line for the operator: ${String(error)}`);
    return error;
  }
  throw new Error("the machine goes on");
}

describe("a disk that is not what it was", () => {
  test("ends the start with a line if a block of the checkpoint is damaged", () => {
    const disk = formattedDisk();
    const machine = started(disk);
    runTo(machine, threeClients(), 30);
    machine.storage.crash();
    const { checkpoint } = machine.superblock.working;
    const addresses = [
      checkpoint.clientSessionsLastBlockAddress,
      checkpoint.freeSetBlocksAcquiredLastBlockAddress,
      checkpoint.manifestNewestAddress,
    ];
    for (const address of addresses) {
      const damaged = disk.clone();
      damaged.corrupt(zoneStart(TEST_MIN, "grid") + (address - 1) * TEST_MIN.cluster.blockSize);
      const again = started(damaged);
      const { message, reason } = endOf(() => again.until(() => again.serving, 10_000));
      expect(reason).toBe(FatalReason.cli);
      expect(message).toContain(`block ${address} of the grid is damaged`);
      expect(again.serving).toBe(false);
    }
  });

  test("ends the process with a line when it is full, and nothing is lost", () => {
    const disk = formattedDisk();
    const clients = threeClients();
    const { blockSize } = TEST_MIN.cluster;
    const storageSizeLimit = TEST_MIN.derived.dataFileSizeMin + 18 * blockSize;
    const machine = started(disk, { storageSizeLimit });
    const { message, reason } = endOf(() => runTo(machine, clients, 1000));
    expect(reason).toBe(FatalReason.storageSizeWouldExceedLimit);
    expect(message).toContain("nothing is lost: start with a larger --limit-storage");
    machine.storage.crash();

    const same = started(disk, { storageSizeLimit });
    expect(endOf(() => same.until(() => same.serving, 10_000)).reason).toBe(FatalReason.storageSizeWouldExceedLimit);
    same.storage.crash();

    const larger = started(disk, { storageSizeLimit: storageSizeLimit + 100 * blockSize });
    expect(runTo(larger, clients, 100)).toBe(true);
    expectOnce(clients, larger.machine.count);
  });

  test("is refused when the limit is below what it holds already", () => {
    const disk = formattedDisk();
    const machine = started(disk);
    runTo(machine, threeClients(), 30);
    machine.storage.crash();
    const storageSizeLimit = machine.superblock.working.checkpoint.storageSize - TEST_MIN.cluster.blockSize;
    const again = started(disk, { storageSizeLimit });
    expect(endOf(() => again.until(() => again.serving, 10_000)).reason).toBe(FatalReason.storageSizeExceedsLimit);
  });
});
