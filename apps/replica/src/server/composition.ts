/**
 * One replica, put together from its parts.
 */
import { randomBytes } from "node:crypto";

import { FileStorage, MessageBus, SystemTime } from "@stagbeetle/io-linux";
import type { DataFile } from "@stagbeetle/io-linux";
import { Journal } from "@stagbeetle/journal";
import { assert, createKernels, LinearMemory } from "@stagbeetle/kernels";
import { accountingGrooves, AccountingStateMachine, Limits, MemoryForest } from "@stagbeetle/state-machine";
import {
  Checksums,
  HEADER_SIZE_BYTES,
  MessagePool,
  messagesMax,
  Random,
  readU128,
  Replica,
  SuperBlock,
} from "@stagbeetle/vsr-protocol";
import type {
  Address,
  Config,
  MessageBuffer,
  MessageBusReceiver,
  Release,
  StateMachine,
  Storage,
} from "@stagbeetle/vsr-protocol";

import { createLogger } from "../log.ts";

/** What a replica is composed for. Sizes in bytes. */
export interface CompositionOptions {
  readonly config: Config;
  readonly file: DataFile;
  readonly addresses: readonly Address[];
  readonly release: Release;
  readonly releaseClientMin: Release;
  readonly storageSizeLimit: number;
  readonly pipelineRequestQueueLimit: number;
  readonly requestSizeLimit: number;
  readonly aofRecovery: boolean;
}

/** A replica and what drives it. */
export interface Composition {
  readonly replica: Replica;
  readonly superblock: SuperBlock;
  readonly bus: MessageBus;
  readonly storage: FileStorage;
  readonly memory: LinearMemory;
}

/** This release runs single-replica clusters, so everyone is the first one. */
const REPLICA_INDEX = 0;

/** What the ledger may grow to: as much as 32-bit pointers reach, less one page. Taken as it grows, not at the start. */
export const LEDGER_SIZE_MAX_BYTES: number = 2 ** 32 - 2 ** 16;

/** Allocates everything that a replica ever takes, except for the ledger itself. Nothing is read or written yet. */
export function compose(options: CompositionOptions, memory: LinearMemory): Composition {
  const { config, file, addresses, storageSizeLimit, pipelineRequestQueueLimit } = options;
  const { pipelinePrepareQueueMax, messageSizeMax } = config.cluster;
  const nonce = randomNonce();
  const checksums = new Checksums(createKernels({ memory }));
  const storage = new FileStorage({ config, file, logger: createLogger("storage") });
  const superblock = new SuperBlock({ config, storage, memory, storageSizeLimit, logger: createLogger("superblock") });
  const pool = new MessagePool({
    memory,
    messageSizeMax,
    messagesMax: messagesMax(config, addresses.length, pipelineRequestQueueLimit),
  });
  const journal = new Journal({
    config,
    memory,
    storage,
    messagePool: pool,
    checksums,
    logger: createLogger("journal"),
  });
  const receiver = new Receiver();
  const bus = new MessageBus({
    role: {
      kind: "replica",
      replica: REPLICA_INDEX,
      clientsLimit: pipelinePrepareQueueMax + pipelineRequestQueueLimit,
    },
    config,
    addresses,
    pool,
    checksums,
    receiver,
    random: new Random(BigInt.asUintN(64, nonce)),
    logger: createLogger("message_bus"),
  });
  const replica = new Replica(
    { ...options, cluster: null, addressCount: addresses.length, nonce },
    {
      memory,
      storage,
      superblock,
      journal,
      stateMachine: accounting(options, storage),
      checkpointer: null,
      bus,
      time: new SystemTime(),
      logger: createLogger("replica"),
      pool,
      checksums,
      aof: null,
      onMetrics: null,
    },
  );
  receiver.replica = replica;
  return { replica, superblock, bus, storage, memory };
}

/** The ledger, which lives in memory: it is replayed from the log at every start. */
function accounting({ config, requestSizeLimit, aofRecovery }: CompositionOptions, storage: Storage): StateMachine {
  const sizes = {
    messageBodySizeMax: config.derived.messageBodySizeMax,
    batchSizeLimit: requestSizeLimit - HEADER_SIZE_BYTES,
  };
  const forest = new MemoryForest({
    grooves: accountingGrooves(new Limits(sizes)),
    nextTick: (callback) => storage.nextTick(callback),
    memorySizeBytesMax: LEDGER_SIZE_MAX_BYTES,
    scansMax: config.cluster.lsmScansMax,
  });
  return new AccountingStateMachine({ forest, ...sizes, aofRecovery, logger: createLogger("accounting") });
}

/** Bus and replica need each other; this is made before both. */
class Receiver implements MessageBusReceiver {
  replica: Replica | null = null;

  onMessages(buffer: MessageBuffer): void {
    assert(this.replica !== null, "nothing is received before there is a replica");
    this.replica.onMessages(buffer);
  }
}

/** More than everything but the messages takes together: sessions, headers of the log, superblock, kernels. */
const SIZE_BESIDE_MESSAGES_MAX_BYTES = 16 * 2 ** 20;

/**
 * How much linear memory {@link compose} allocates, in bytes: found by composing once in address space that is given back
 * untouched, so that it cannot differ from what the parts really take.
 */
export function memorySizeBytes(options: CompositionOptions): number {
  const { config, addresses, pipelineRequestQueueLimit } = options;
  const messages = messagesMax(config, addresses.length, pipelineRequestQueueLimit);
  const sizeMaxBytes = messages * config.cluster.messageSizeMax + SIZE_BESIDE_MESSAGES_MAX_BYTES;
  const { memory } = compose(options, new LinearMemory({ sizeBytes: sizeMaxBytes }));
  return memory.sizeBytes - memory.freeSizeBytes;
}

/** A random u128 that is not 0: what makes this start of the replica different from all others. */
function randomNonce(): bigint {
  const bytes = randomBytes(16);
  const nonce = readU128(new DataView(bytes.buffer, bytes.byteOffset, bytes.length), 0);
  return nonce === 0n ? 1n : nonce;
}
