/**
 * The prepares of a recorded run on the accounting state machine over the forest and the grid: at each checkpoint the same
 * blocks at the same addresses, and at the last one all that the recorded data file has.
 *
 * Client sessions are the replica's, so their block has its address here but no content.
 *
 * @module
 */
import { basename, dirname, join } from "node:path";

import { Grid } from "@stagbeetle/grid";
import { assert, createKernels, LinearMemory } from "@stagbeetle/kernels";
import { forestBlocksMax, GridStore, GrooveForest, treesOf } from "@stagbeetle/lsm";
import { MemoryStorage } from "@stagbeetle/lsm/testing";
import { accountingGrooves, AccountingStateMachine, Limits, LsmForest } from "@stagbeetle/state-machine";
import {
  BlockHeader,
  checkpointAfter,
  CheckpointState,
  Checksums,
  durable,
  MANIFEST_EMPTY,
  Operation,
  PrepareHeader,
  PRODUCTION,
  Random,
  SILENT_LOGGER,
  TRAILER_EMPTY,
  trigger,
} from "@stagbeetle/vsr-protocol";

import { type Artefact, beyond, different, equal, type Kind, type Outcome } from "../artefact.ts";
import { prepares } from "../containers/aof.ts";
import { readDecompressed, withoutCompression } from "../containers/zstd.ts";

const MIB = 1024 * 1024;
const GIB = 1024 * MIB;

/** Most of it is never touched: the memory tables of 33 trees have room for a whole bar of full batches. */
const MEMORY_SIZE_BYTES = 3.5 * GIB;
const STORAGE_SIZE_LIMIT = 16 * GIB;
const CACHE_SIZE_BYTES = 128 * MIB;
const MANIFEST_TABLES_MAX = 65_536;
const OPERATION_OF_STATE_MACHINE_MIN = 128;

/** What is recorded of a block. */
interface RecordedBlock {
  readonly address: number;
  readonly type: string;
  /** Of the header, in hexadecimal. */
  readonly checksum: string;
  /** Whether the file has it. */
  readonly ok: boolean;
}

/** A replica's storage engine and state machine, without log and clients. */
class Engine {
  readonly #memory = new LinearMemory({ sizeBytes: MEMORY_SIZE_BYTES, shared: false });
  readonly #checkpoint = new CheckpointState(new Uint8Array(CheckpointState.sizeBytes));
  readonly #storage = new MemoryStorage(PRODUCTION);
  readonly #grid: Grid;
  readonly #machine: AccountingStateMachine;
  readonly #body: Uint8Array;
  readonly #output: Uint8Array;
  #checkpointOp = 0;

  constructor(release: number, cluster: bigint, aofRecovery: boolean) {
    const kernels = createKernels({ memory: this.#memory });
    const checksums = new Checksums(kernels);
    const { messageBodySizeMax, dataFileSizeMin } = PRODUCTION.derived;
    const sizes = { messageBodySizeMax, batchSizeLimit: messageBodySizeMax };
    const grooves = accountingGrooves(new Limits(sizes));
    this.#checkpoint.release = release;
    this.#checkpoint.storageSize = dataFileSizeMin;
    this.#checkpoint.freeSetBlocksAcquiredChecksum = TRAILER_EMPTY.checksum;
    this.#checkpoint.freeSetBlocksReleasedChecksum = TRAILER_EMPTY.checksum;
    this.#grid = new Grid({
      config: PRODUCTION,
      memory: this.#memory,
      storage: this.#storage,
      superblock: {
        working: { header: { cluster }, vsrState: { replicaCount: 1 }, checkpoint: this.#checkpoint },
        checkpointIds: { id: 0n },
      },
      checksums,
      random: new Random(0),
      logger: SILENT_LOGGER,
      storageSizeLimit: STORAGE_SIZE_LIMIT,
      cacheSizeBytes: CACHE_SIZE_BYTES,
      blocksOfUsers: forestBlocksMax(PRODUCTION, treesOf(grooves).length),
    });
    const checkpointOp = (): number => this.#checkpointOp;
    const forest = new GrooveForest({
      config: PRODUCTION,
      kernels,
      store: new GridStore(this.#grid, checksums),
      superblock: {
        get checkpointOp(): number {
          return checkpointOp();
        },
        manifest: MANIFEST_EMPTY,
      },
      grooves,
      manifestTablesMax: MANIFEST_TABLES_MAX,
    });
    this.#machine = new AccountingStateMachine({ ...sizes, forest: new LsmForest(forest), aofRecovery });
    this.#body = this.#room(messageBodySizeMax);
    this.#output = this.#room(messageBodySizeMax);
    this.#wait((done) => this.#grid.open(done));
    this.#wait((done) => this.#machine.open(done));
  }

  /** Commits a prepare. True if a checkpoint was written after it. */
  commit(prepare: PrepareHeader, body: Uint8Array): boolean {
    const { op, operation, timestamp, client } = prepare;
    if (operation >= OPERATION_OF_STATE_MACHINE_MIN || operation === Operation.pulse) {
      this.#body.set(body);
      const committing = { client, op, timestamp, operation, body: this.#body.subarray(0, body.length) };
      this.#wait((done) => this.#machine.prefetch(committing, op, done));
      this.#machine.commit(committing, this.#output);
    }
    if (!this.#grid.checkpointIsDurable && durable(PRODUCTION, this.#checkpointOp, op)) {
      this.#wait((done) => this.#grid.checkpointDurable(done));
    }
    this.#wait((done) => this.#machine.compact(op, done));
    if (op !== trigger(PRODUCTION, checkpointAfter(PRODUCTION, this.#checkpointOp))) return false;
    this.#writeCheckpoint();
    return true;
  }

  /** The checksum of the block at an address, in hexadecimal; of whatever there is. */
  checksumAt(address: number): string {
    const bytes = this.#storage.blockAt((address - 1) * PRODUCTION.cluster.blockSize);
    if (bytes === null) return "none";
    return new BlockHeader(bytes).checksum.toString(16).padStart(32, "0");
  }

  #writeCheckpoint(): void {
    this.#wait((done) => this.#machine.checkpoint(done));
    const sessions = this.#grid.reserve(1);
    const sessionsAddress = this.#grid.acquire(sessions);
    this.#grid.forfeit(sessions);
    this.#wait((done) => this.#grid.checkpoint(done));
    this.#checkpointOp = checkpointAfter(PRODUCTION, this.#checkpointOp);
    this.#checkpoint.storageSize = this.#grid.storageSize;
    this.#grid.markCheckpointNotDurable();
    this.#grid.release([sessionsAddress]);
  }

  #room(sizeBytes: number): Uint8Array {
    const begin = this.#memory.allocate(sizeBytes, 4096, "messages");
    return this.#memory.bytes.subarray(begin, begin + sizeBytes);
  }

  #wait(start: (done: () => void) => void): void {
    let done = false;
    start(() => {
      done = true;
    });
    while (!done) assert(this.#storage.step(), "nothing happens any more");
  }
}

function compare(engine: Engine, recorded: readonly RecordedBlock[], op: number): Outcome {
  // A replica that was state-synced lacks some; the sessions' content is not ours.
  const blocks = recorded.filter(({ ok, type }) => ok && type !== "client_sessions");
  for (const { address, type, checksum } of blocks) {
    const actual = engine.checksumAt(address);
    if (actual !== checksum) return different(`op ${op}: ${type} block ${address} is ${actual}, recorded ${checksum}`);
  }
  return equal(`${blocks.length} blocks of the checkpoint written at op ${op}`);
}

async function check(aof: string, blocks: string, aofRecovery: boolean): Promise<Outcome> {
  const text = new TextDecoder().decode(await readDecompressed(blocks));
  const recorded = text.split("\n").flatMap((line) => (line.trim() === "" ? [] : [JSON.parse(line) as RecordedBlock]));
  let engine: Engine | null = null;
  let outcome: Outcome | null = null;
  let op = 0;
  for (const bytes of prepares(await readDecompressed(aof))) {
    const prepare = new PrepareHeader(bytes);
    // A replica that restarts appends again what it commits again; one that is state-synced leaves out what it skips.
    if (prepare.op <= op) continue;
    if (prepare.op > op + 1) return beyond(`the append-only file has no ops from ${op + 1} to ${prepare.op - 1}`);
    op = prepare.op;
    engine ??= new Engine(prepare.release, prepare.cluster, aofRecovery);
    const body = bytes.subarray(PrepareHeader.sizeBytes, prepare.size);
    if (engine.commit(prepare, body)) outcome = compare(engine, recorded, prepare.op);
  }
  if (outcome !== null) return outcome;
  return recorded.length === 0 ? equal("no checkpoint, and no block") : different("no checkpoint was written");
}

export const checkpoints: Kind = {
  name: "checkpoints",
  discover(root, files) {
    const artefacts: Artefact[] = [];
    for (const aof of files.filter((file) => withoutCompression(file).endsWith(".aof"))) {
      const name = withoutCompression(aof).slice(0, -".aof".length);
      // With timestamps of the clients, the append-only file lies beside the data file; with the clock's, elsewhere.
      const beside = files.find((file) => withoutCompression(file) === `${name}.blocks.jsonl`);
      const elsewhere = files.find((file) => withoutCompression(basename(file)) === `${basename(name)}.blocks.jsonl`);
      const blocks = beside ?? elsewhere;
      if (blocks === undefined) continue;
      artefacts.push({
        name: join(dirname(blocks), basename(name)),
        kind: "checkpoints",
        check: () => check(join(root, aof), join(root, blocks), beside !== undefined),
      });
    }
    return Promise.resolve(artefacts);
  },
};
