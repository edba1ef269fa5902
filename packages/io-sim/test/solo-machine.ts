/**
 * A machine with one replica on a simulated disk: real journal, real grid, and clients that retry. It can lose power.
 *
 * @module
 */
import { CheckpointTrailer, Grid } from "@stagbeetle/grid";
import { Journal } from "@stagbeetle/journal";
import { assert, LinearMemory } from "@stagbeetle/kernels";
import {
  type AppendOnlyFile,
  BlockType,
  Checksums,
  clientSessionsEncodeSize,
  Command,
  type Config,
  Header,
  HEADER_SIZE_BYTES,
  initHeader,
  type Message,
  MessageBuffer,
  MessagePool,
  messagesMax,
  Operation,
  type Random,
  releaseOf,
  Replica,
  ReplyHeader,
  RequestHeader,
  SILENT_LOGGER,
  SuperBlock,
  TEST_MIN,
} from "@stagbeetle/vsr-protocol";
import { SimulatedDisk } from "../src/disk.ts";
import type { StorageFaults } from "../src/faults/storage-faults.ts";
import { formatDisk } from "../src/format-disk.ts";
import { SimulatedStorage } from "../src/storage.ts";
import { SimulatedTime } from "../src/time.ts";
import { ADD, GRID_TALLY_BLOCKS, GridTally } from "./grid-tally.ts";

const RELEASE = releaseOf(0, 17, 9);
const MEMORY_SIZE_BYTES = 8 << 20;
const CACHE_SIZE_BYTES = 4 << 20;

/** What a machine is made of. */
export interface SoloMachineOptions {
  readonly random: Random;
  readonly faults: StorageFaults;
  /** The largest size of the data file in bytes. Default: the configuration's. */
  readonly storageSizeLimit?: number;
  /** Default: none. */
  readonly aof?: AppendOnlyFile | null;
}

/** A disk that outlives its machines, formatted. */
export function formattedDisk(): SimulatedDisk {
  const disk = new SimulatedDisk();
  formatDisk(disk, { config: TEST_MIN, cluster: 0n, release: RELEASE, replica: 0, replicaCount: 1, view: 0 });
  return disk;
}

/** One life of the machine. */
export class SoloMachine {
  readonly config: Config = TEST_MIN;
  readonly checksums: Checksums = new Checksums();
  readonly storage: SimulatedStorage;
  readonly superblock: SuperBlock;
  readonly journal: Journal;
  readonly grid: Grid;
  readonly machine: GridTally;
  readonly replica: Replica;
  readonly replies: Uint8Array[] = [];
  serving = false;
  readonly #time = new SimulatedTime();
  readonly #buffer: MessageBuffer;

  constructor(disk: SimulatedDisk, { random, faults, storageSizeLimit: limit, aof = null }: SoloMachineOptions) {
    const { config, checksums } = this;
    const logger = SILENT_LOGGER;
    const memory = new LinearMemory({ sizeBytes: MEMORY_SIZE_BYTES, shared: false });
    const storageSizeLimit = limit ?? config.process.storageSizeLimitMax;
    const requestQueue = config.derived.pipelineRequestQueueMax;
    const { messageSizeMax } = config.cluster;
    const pool = new MessagePool({ memory, messageSizeMax, messagesMax: messagesMax(config, 1, requestQueue) });
    this.storage = new SimulatedStorage({ config, disk, random, faults });
    const { storage } = this;
    this.superblock = new SuperBlock({ config, storage, memory, storageSizeLimit, logger });
    const { superblock } = this;
    this.journal = new Journal({ config, memory, storage, messagePool: pool, checksums });
    this.grid = new Grid({
      config,
      memory,
      storage,
      superblock,
      checksums,
      random,
      logger,
      storageSizeLimit,
      cacheSizeBytes: CACHE_SIZE_BYTES,
      blocksOfUsers: GRID_TALLY_BLOCKS,
      verify: true,
    });
    const { grid } = this;
    this.machine = new GridTally({ config, storage, superblock, grid, checksums });
    const sizeMax = clientSessionsEncodeSize(config);
    const blockType = BlockType.clientSessions;
    this.#buffer = new MessageBuffer(pool, checksums);
    this.replica = new Replica(
      {
        config,
        cluster: null,
        addressCount: 1,
        release: RELEASE,
        releaseClientMin: RELEASE,
        requestSizeLimit: messageSizeMax,
        pipelineRequestQueueLimit: requestQueue,
        nonce: 1n,
        aofRecovery: false,
      },
      {
        memory,
        storage,
        superblock,
        journal: this.journal,
        stateMachine: this.machine,
        checkpointStore: {
          grid,
          clientSessions: new CheckpointTrailer({
            config,
            memory,
            checksums,
            grid,
            blockType,
            sizeMax,
            label: "client sessions trailer",
          }),
          tables: { rewind: () => undefined, next: () => null, has: () => false },
          scrubber: { intervalTicks: 50, scrub: () => undefined, cancel: () => undefined },
        },
        bus: {
          tick: () => undefined,
          sendMessageToReplica: () => assert(false, "there is no other replica"),
          sendMessageToClient: (_client: bigint, message: Message) => this.replies.push(message.bytes().slice()),
          resumeReceive: () => storage.nextTick(() => this.replica.onMessages(this.#buffer)),
        },
        time: this.#time,
        logger,
        pool,
        checksums,
        aof,
        onMetrics: null,
      },
    );
    this.replica.open(() => (this.serving = true));
  }

  /** One completion, or a tick if none is due. */
  step(): void {
    if (this.storage.step()) return;
    this.#time.tick();
    this.storage.tick();
    this.replica.tick();
  }

  /** Steps until something holds, at most `steps` times. Returns whether it does. */
  until(holds: () => boolean, steps: number = Number.POSITIVE_INFINITY): boolean {
    for (let step = 0; step < steps && !holds(); step += 1) this.step();
    return holds();
  }

  receive(bytes: Uint8Array): void {
    const taken = this.#buffer.receive(bytes);
    assert(taken === bytes.length, () => `${taken} of ${bytes.length} bytes fit`);
    this.replica.onMessages(this.#buffer);
  }
}

/** A client that adds 1 again and again, and sends its request once more to each new machine. */
export class TallyClient {
  readonly id: bigint;
  /** What its replies said of how often all clients added. */
  readonly counts: number[] = [];
  #session = 0;
  #request = 0;
  #context = 0n;
  #inFlight: Uint8Array | null = null;
  #machine: SoloMachine | null = null;

  constructor(id: bigint) {
    this.id = id;
  }

  /** Sends what is due, and takes replies that came. To be called again and again. */
  drive(machine: SoloMachine): void {
    if (!machine.serving) return;
    const { replies } = machine;
    for (let index = 0; index < replies.length; index += 1) {
      const bytes = replies[index];
      if (bytes !== undefined && this.#take(bytes)) replies.splice(index, 1);
    }
    if (this.#inFlight === null) this.#inFlight = this.#next(machine.checksums);
    else if (this.#machine === machine) return;
    this.#machine = machine;
    machine.receive(this.#inFlight);
  }

  #take(bytes: Uint8Array): boolean {
    const reply = new ReplyHeader(bytes);
    if (reply.client !== this.id || this.#inFlight === null) return false;
    assert(reply.command === Command.reply, () => `command ${reply.command} for client ${this.id}`);
    if (reply.requestChecksum !== new Header(this.#inFlight).checksum) return false;
    this.#context = reply.context;
    if (reply.operation === Operation.register) this.#session = reply.commit;
    else this.counts.push(new DataView(bytes.buffer).getUint32(HEADER_SIZE_BYTES, true));
    this.#inFlight = null;
    return true;
  }

  #next(checksums: Checksums): Uint8Array {
    const register = this.#session === 0;
    const body = register ? new Uint8Array(256) : Uint8Array.of(1);
    const bytes = new Uint8Array(HEADER_SIZE_BYTES + body.length);
    const header = new RequestHeader(bytes);
    initHeader(header, Command.request, 0n);
    bytes.set(body, HEADER_SIZE_BYTES);
    if (!register) this.#request += 1;
    header.size = bytes.length;
    header.release = RELEASE;
    header.client = this.id;
    header.session = this.#session;
    header.request = this.#request;
    header.parent = this.#context;
    header.operation = register ? Operation.register : ADD;
    checksums.setBody(header, body);
    checksums.set(header);
    return bytes;
  }
}
