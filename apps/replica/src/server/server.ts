/**
 * A replica in a process of its own: from the data file to the socket, until it is told to stop (spec 06 §4.3).
 */
import { availableParallelism, tmpdir, totalmem } from "node:os";
import { dirname, resolve } from "node:path";
import { setTimeout } from "node:timers/promises";

import { createLogger } from "@stagbeetle/command-line";
import { EventLoop, makeResident, openAppendFile, openDataFile, openSpillFile } from "@stagbeetle/io-linux";
import type { DataFile, SpillFile, SystemAppendFile, Touching } from "@stagbeetle/io-linux";
import { assert, LinearMemory } from "@stagbeetle/kernels";
import { formatAddress, formatRelease } from "@stagbeetle/vsr-protocol";
import type { Address, Config, Logger, Release } from "@stagbeetle/vsr-protocol";

import type { StartCommand } from "../commands/start-command.ts";
import { StatsD } from "../metrics/statsd.ts";
import { compose, memorySizeBytes } from "./composition.ts";
import type { Composition, CompositionOptions } from "./composition.ts";
import { memberOf } from "./member.ts";

/** As what release a server serves. */
export interface ServerOptions {
  readonly config: Config;
  readonly release: Release;
  readonly releaseClientMin: Release;
}

/** `opening` → `serving` → `stopping` → `stopped`. */
export type ServerState = "opening" | "serving" | "stopping" | "stopped";

/** How long what is under way gets to end before the process ends anyway. What was acknowledged is durable either way. */
const DRAIN_MAX_MS = 5000;
const DRAIN_POLL_MS = 5;

const MIB = 2 ** 20;
/** Of the whole process, under any load: `pnpm bench development`. */
const DEVELOPMENT_RESIDENT_MAX_MIB = 256;

/** One server, started once and stopped once. */
export class Server {
  readonly #command: StartCommand;
  readonly #options: ServerOptions;
  readonly #logger: Logger = createLogger("main");
  #state: ServerState = "opening";
  #serving: Serving | null = null;
  /** Null until it serves, and if memory is taken as it is used. */
  #touching: Touching | null = null;

  constructor(command: StartCommand, options: ServerOptions) {
    this.#command = command;
    this.#options = options;
  }

  get state(): ServerState {
    return this.#state;
  }

  /**
   * Opens the data file and serves.
   *
   * @returns where, with the port that was chosen if there was a choice.
   * @throws DataFileError, ListenError, before anything is changed. What is wrong with the file's contents, and what
   * goes wrong later, is thrown out of the event loop as FatalError.
   */
  async start(): Promise<Address> {
    const { path, development, addresses, withoutEffect } = this.#command;
    const { config, release, releaseClientMin } = this.#options;
    if (withoutEffect.length > 0) {
      const flags = withoutEffect.map((flag) => `--${flag}`).join(", ");
      this.#logger.log("info", `without effect in this release: ${flags}`);
    }
    const file = await openDataFile({
      path,
      purpose: "open",
      config,
      directIo: development ? "optional" : "required",
      logger: createLogger("storage"),
    });
    const member = await memberOf(config, file, addresses.length);
    const aofFile = await this.#openAof();
    const statsd = this.#openStatsD();
    const spillFile = development ? openSpillFile(spillDirectories(file)) : null;
    const parts = { file, aofFile, statsd, spillFile };
    // A second processor is what makes another thread worth its memory.
    const checksumThread = !development && availableParallelism() > 1;
    const own = { addresses, member, checksumThread };
    const composition = this.#compose({ ...this.#command, ...this.#options, ...parts, ...own });
    const { replica, bus } = composition;
    composition.checksumThread?.start();
    this.#logger.log("info", `release=${formatRelease(release)} release_client_min=${formatRelease(releaseClientMin)}`);
    // A port that is taken must be found out before the replica writes anything.
    const address = await bus.listen();
    const { timings } = composition;
    const onTick = timings === null ? null : (durationNs: number): void => timings.ended("loop_tick", durationNs);
    const loop = new EventLoop({ tickMs: config.process.tickMs, ticking: [replica], onTick });
    this.#serving = { ...parts, composition, loop };
    loop.start();
    await opened(composition);
    this.#state = "serving";
    this.#logListening(address);
    return address;
  }

  /**
   * Takes no more requests, lets what is under way end, and closes the data file.
   *
   * A server that is still opening has acknowledged nothing: it may end at any point.
   */
  async stop(): Promise<void> {
    if (this.#state !== "serving") return;
    this.#state = "stopping";
    assert(this.#serving !== null, "a server that serves is composed");
    const { file, aofFile, statsd, spillFile, composition, loop } = this.#serving;
    this.#touching?.stop();
    await composition.bus.close();
    await this.#drain(composition);
    loop.stop();
    await composition.checksumThread?.close();
    file.close();
    aofFile?.close();
    spillFile?.close();
    statsd?.close();
    this.#state = "stopped";
  }

  /**
   * Takes all memory at once, beside serving: from then on it neither grows nor has to be waited for. Not before it serves, so that
   * a restart has the processors to itself. If there is not so much now, it is taken as it is used, as it always is in development
   * mode.
   */
  makeResident(): void {
    if (this.#command.development || this.#state !== "serving") return;
    assert(this.#serving !== null, "a server that serves is composed");
    const { memory } = this.#serving.composition;
    const availableBytes = process.availableMemory();
    if (availableBytes < memory.sizeBytes) {
      const available = `${(availableBytes / MIB).toFixed(1)} MiB`;
      this.#logger.log("warn", `memory: ${available} are available now, so it is taken as it is used`);
      return;
    }
    const begin = performance.now();
    const touching = makeResident(memory.memory);
    touching.done.then(
      () => {
        if (this.#state === "stopping" || this.#state === "stopped") return;
        const seconds = ((performance.now() - begin) / 1000).toFixed(1);
        this.#logger.log("info", `memory: all of it is resident, after ${seconds} s`);
      },
      (error: unknown) => this.#logger.log("warn", `memory: taken as it is used, not at the start: ${String(error)}`),
    );
    this.#touching = touching;
  }

  async #openAof(): Promise<SystemAppendFile | null> {
    const { aofPath } = this.#command;
    if (aofPath === null) return null;
    return openAppendFile({ path: aofPath, create: "new_or_existing", logger: createLogger("aof") });
  }

  #openStatsD(): StatsD | null {
    const { statsd } = this.#command;
    if (statsd === null) return null;
    this.#logger.log("info", `metrics are sent to ${formatAddress(statsd)}`);
    return new StatsD(statsd, createLogger("statsd"));
  }

  #compose(options: CompositionOptions): Composition {
    const sizeBytes = memorySizeBytes(options);
    this.#logMemory(sizeBytes);
    return compose(options, new LinearMemory({ sizeBytes }));
  }

  #logMemory(sizeBytes: number): void {
    const size = `${(sizeBytes / MIB).toFixed(1)} MiB`;
    if (this.#command.development) {
      const resident = `less than ${DEVELOPMENT_RESIDENT_MAX_MIB} MiB with the sizes of --development`;
      this.#logger.log("info", `memory: ${size} of addresses; only what is used becomes resident, ${resident}`);
      return;
    }
    this.#logger.log("info", `memory: ${size} at most, however much is stored`);
    const availableBytes = machineMemorySizeBytes();
    if (sizeBytes <= availableBytes) return;
    const available = `${(availableBytes / MIB).toFixed(1)} MiB`;
    this.#logger.log("warn", `memory: this process can have ${available} only; lower --cache-grid or the other caches`);
  }

  #logListening(address: Address): void {
    assert(this.#serving !== null, "a server that listens is composed");
    const { development, aofRecovery, aofPath } = this.#command;
    const { superblock } = this.#serving.composition;
    const { cluster } = superblock.working.header;
    const warn = (message: string): void => this.#logger.log("warn", message);
    this.#logger.log("info", `${superblock.replica}: cluster=${cluster}: listening on ${formatAddress(address)}`);
    if (cluster === 0n && !development) warn("a cluster id of 0 is reserved for testing and benchmarking");
    if (aofRecovery) warn("--aof-recovery: clients choose the timestamps; never use it for anything but a replay");
    if (aofPath !== null) warn(`every prepare is also written to ${aofPath}, which costs throughput`);
  }

  async #drain(composition: Composition): Promise<void> {
    const deadline = performance.now() + DRAIN_MAX_MS;
    while (!drained(composition)) {
      if (performance.now() >= deadline) {
        this.#logger.log("warn", `stopping with I/O under way: ${composition.replica.describe()}`);
        return;
      }
      await setTimeout(DRAIN_POLL_MS);
    }
  }
}

/**
 * Whether nothing is under way. A replica that is alone executes all that is in its log; in a cluster the others have a say in
 * how far that is, and they are not heard any more.
 */
function drained({ replica, storage, checksumThread, superblock }: Composition): boolean {
  if (storage.pendingCount > 0 || (checksumThread?.pendingCount ?? 0) > 0) return false;
  if (superblock.working.vsrState.replicaCount > 1) return true;
  const { op, commitMin, commitStage } = replica.state;
  return commitMin === op && commitStage === "idle";
}

/** Beside the data file, if files can be created there: temporary directories are often in memory, which is what is to be spared. */
function spillDirectories({ kind, path }: DataFile): readonly string[] {
  return kind === "block_device" ? [tmpdir()] : [resolve(dirname(path)), tmpdir()];
}

/** How much memory the process can ever have: what the machine has, or less if the process is confined. */
function machineMemorySizeBytes(): number {
  const confinedBytes = process.constrainedMemory();
  return confinedBytes === 0 ? totalmem() : Math.min(totalmem(), confinedBytes);
}

/** What a started server holds. */
interface Serving {
  readonly file: DataFile;
  readonly aofFile: SystemAppendFile | null;
  readonly statsd: StatsD | null;
  /** Null if values wait in memory. */
  readonly spillFile: SpillFile | null;
  readonly composition: Composition;
  readonly loop: EventLoop;
}

async function opened({ replica }: Composition): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  replica.open(resolve);
  return promise;
}
