/**
 * The grid zone of a data file in memory. I/O completes in the order of a generator, or in that of the calls; so do checksums
 * of blocks, for whoever has them computed here.
 */
import {
  type BodyChecksums,
  type ChecksumRequest,
  Checksums,
  type Config,
  type Random,
  type Storage,
  type StorageRequest,
  verifyRequest,
  type Zone,
} from "@stagbeetle/vsr-protocol";

/** Only blocks that were written take memory; all others are zero. */
export class MemoryStorage implements Storage, BodyChecksums {
  readonly deferredMax = 4;
  readonly #config: Config;
  readonly #checksums = new Checksums();
  readonly #random: Random | null;
  readonly #blocks: Map<number, Uint8Array>;
  readonly #ticks: (() => void)[] = [];
  readonly #io: (() => void)[] = [];

  constructor(config: Config, random: Random | null = null, blocks: Map<number, Uint8Array> = new Map()) {
    this.#config = config;
    this.#random = random;
    this.#blocks = blocks;
  }

  /** The same file after a crash: writes that have not completed are lost. */
  restart(): MemoryStorage {
    return new MemoryStorage(this.#config, this.#random, this.#blocks);
  }

  readSectors(request: StorageRequest, zone: Zone, offsetInZone: number, buffer: Uint8Array): void {
    verifyRequest(this.#config, zone, offsetInZone, buffer);
    request.begin(zone, offsetInZone, buffer);
    this.#io.push(() => {
      buffer.fill(0);
      const stored = this.#blocks.get(offsetInZone);
      if (stored !== undefined) buffer.set(stored);
      request.complete();
    });
  }

  writeSectors(request: StorageRequest, zone: Zone, offsetInZone: number, buffer: Uint8Array): void {
    verifyRequest(this.#config, zone, offsetInZone, buffer);
    request.begin(zone, offsetInZone, buffer);
    this.#io.push(() => {
      this.#blocks.set(offsetInZone, buffer.slice());
      request.complete();
    });
  }

  compute(request: ChecksumRequest, bytes: Uint8Array): void {
    request.begin(bytes);
    this.#io.push(() => request.complete(this.#checksums.of(bytes)));
  }

  nextTick(callback: () => void): void {
    this.#ticks.push(callback);
  }

  /** What was written at an offset of the grid: whole sectors of one block. */
  stored(offsetInZone: number): Uint8Array {
    const bytes = this.#blocks.get(offsetInZone);
    if (bytes === undefined) throw new Error(`nothing was written at ${offsetInZone}`);
    return bytes;
  }

  /** Runs one completion; false if none waits. */
  step(): boolean {
    const { length } = this.#io;
    const ticks = this.#random === null || length === 0 || this.#random.boolean();
    const tick = ticks ? this.#ticks.shift() : undefined;
    if (tick !== undefined) {
      tick();
      return true;
    }
    if (length === 0) return this.#ticks.length > 0 && this.step();
    const [io] = this.#io.splice(this.#random?.index(length) ?? 0, 1);
    io?.();
    return true;
  }

  /** Runs completions until none waits. */
  run(): void {
    while (this.step());
  }
}
