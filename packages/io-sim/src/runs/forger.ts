/**
 * Messages that no correct replica sends, with valid checksums: what was really sent, at another time, from and to somebody
 * else, with other contents, or made of nothing.
 *
 * @module
 */
import { assert } from "@stagbeetle/kernels";
import {
  CHECKPOINT_STATE_SIZE_BYTES,
  Checksums,
  Command,
  commandHeaderOf,
  type Config,
  type Field,
  FRAME_LAYOUT,
  Header,
  HEADER_SIZE_BYTES,
  invalidHeader,
  PrepareHeader,
  type Random,
  type ReplicaState,
} from "@stagbeetle/vsr-protocol";

/** How a message differs from what was sent. */
export type Forgery = "replayed" | "asked" | "altered" | "invented";

/** How many messages of one command are remembered. */
const REMEMBERED_MAX = 48;
/** How often a message is altered anew in the hope that its header is valid. */
const ATTEMPTS_MAX = 12;

/** All commands that a replica has to expect. */
const COMMANDS: readonly number[] = Array.from({ length: 25 }, (_, command) => command).filter(
  (command) => commandHeaderOf(command) !== null,
);

/** Questions: whatever they ask for, the answer must do no harm. */
const QUESTIONS: readonly number[] = [
  Command.getView,
  Command.getHeaders,
  Command.getPrepare,
  Command.getReply,
  Command.getBlocks,
];

/** The fields of the frame that a replica makes something of. */
const FRAME_FIELDS: ReadonlySet<string> = new Set(["view", "replica", "release"]);

/** Fields that only make a header invalid when they are altered. */
const FIXED: ReadonlySet<string> = new Set(["reserved", "checksumPadding", "parentPadding"]);

const U32_MAX = 0xffff_ffff;

/** The cluster that messages are forged for. */
export interface ForgerOptions {
  readonly config: Config;
  readonly cluster: bigint;
  /** How many replicas vote. */
  readonly replicaCount: number;
}

/** Forges messages from those that it saw. */
export class Forger {
  readonly #random: Random;
  readonly #config: Config;
  readonly #cluster: bigint;
  readonly #replicaCount: number;
  readonly #checksums = new Checksums();
  readonly #seen: Map<number, Uint8Array[]> = new Map();

  constructor(random: Random, { config, cluster, replicaCount }: ForgerOptions) {
    this.#random = random;
    this.#config = config;
    this.#cluster = cluster;
    this.#replicaCount = replicaCount;
  }

  /** Remembers a message that was sent. */
  see(bytes: Uint8Array): void {
    const { command } = new Header(bytes);
    const seen = this.#seen.get(command) ?? [];
    this.#seen.set(command, seen);
    if (seen.length < REMEMBERED_MAX) seen.push(bytes);
    else seen[this.#random.index(REMEMBERED_MAX)] = bytes;
  }

  /** A message for a replica that stands where `state` says; null if there is none of this kind yet. */
  forge(forgery: Forgery, state: ReplicaState): Uint8Array | null {
    const commands = forgery === "asked" ? QUESTIONS : COMMANDS;
    const command = this.#pick(commands);
    const seen = this.#seen.get(command);
    switch (forgery) {
      case "replayed":
        return seen === undefined ? null : this.#pick(seen).slice();
      case "asked":
      case "altered":
        return seen === undefined ? this.#invent(command, state) : this.#alter(this.#pick(seen), state);
      case "invented":
        return this.#invent(command, state);
    }
  }

  #alter(original: Uint8Array, state: ReplicaState): Uint8Array {
    let bytes: Uint8Array = original.slice();
    for (let attempt = 0; attempt < ATTEMPTS_MAX; attempt += 1) {
      bytes = this.#alterOnce(original, state);
      if (invalidHeader(new Header(bytes), this.#config) === null) break;
    }
    return bytes;
  }

  #alterOnce(original: Uint8Array, state: ReplicaState): Uint8Array {
    const random = this.#random;
    const body = random.chance(1, 2) ? this.#alterBody(original, state) : original.slice(HEADER_SIZE_BYTES);
    const bytes = new Uint8Array(HEADER_SIZE_BYTES + body.length);
    bytes.set(original.subarray(0, HEADER_SIZE_BYTES));
    bytes.set(body, HEADER_SIZE_BYTES);
    const fields = random.index(4);
    for (let field = 0; field < fields; field += 1) this.#alterField(bytes, 0, state);
    this.#align(bytes);
    return this.#finish(bytes);
  }

  #invent(command: number, state: ReplicaState): Uint8Array {
    const random = this.#random;
    let bytes: Uint8Array = new Uint8Array(HEADER_SIZE_BYTES);
    for (let attempt = 0; attempt < ATTEMPTS_MAX; attempt += 1) {
      const bodySizeBytes = random.boolean() ? 0 : HEADER_SIZE_BYTES * random.index(8);
      bytes = new Uint8Array(HEADER_SIZE_BYTES + bodySizeBytes);
      const header = new Header(bytes);
      header.cluster = this.#cluster;
      header.command = command;
      header.view = state.view;
      for (let fields = 2 + random.index(12); fields > 0; fields -= 1) this.#alterField(bytes, 0, state);
      this.#align(bytes);
      this.#finish(bytes);
      if (invalidHeader(header, this.#config) === null) break;
    }
    return bytes;
  }

  /** Makes the author the one that the message must be of, now and then, so that more than the author is looked at. */
  #align(bytes: Uint8Array): void {
    const header = new Header(bytes);
    const ofPrimary = [Command.prepare, Command.commit, Command.view].some((command) => command === header.command);
    if (ofPrimary && this.#random.chance(3, 4)) header.replica = header.view % this.#replicaCount;
    if (header.command !== Command.joinView && header.command !== Command.view) return;
    const listAt = HEADER_SIZE_BYTES + (header.command === Command.view ? CHECKPOINT_STATE_SIZE_BYTES : 0);
    if (bytes.length < listAt + HEADER_SIZE_BYTES || this.#random.chance(1, 4)) return;
    const { op } = new PrepareHeader(bytes, listAt);
    if (Number.isSafeInteger(op)) this.#set(bytes, 0, header.command, "op", op);
  }

  #alterBody(original: Uint8Array, state: ReplicaState): Uint8Array {
    const { command } = new Header(original);
    const body = original.slice(HEADER_SIZE_BYTES);
    switch (command) {
      case Command.joinView:
      case Command.headers:
        return this.#alterHeaders(command, body, state);
      case Command.view: {
        const checkpoint = this.#alterCheckpoint(body.subarray(0, CHECKPOINT_STATE_SIZE_BYTES));
        const headers = this.#alterHeaders(command, body.slice(CHECKPOINT_STATE_SIZE_BYTES), state);
        return Uint8Array.from([...checkpoint, ...headers]);
      }
      default:
        return this.#alterBytes(body);
    }
  }

  #alterBytes(body: Uint8Array): Uint8Array {
    if (body.length === 0) return body;
    for (let bytes = this.#random.index(4); bytes > 0; bytes -= 1) {
      body[this.#random.index(body.length)] = this.#random.boolean() ? this.#random.index(256) : 0;
    }
    return body;
  }

  #alterCheckpoint(checkpoint: Uint8Array): Uint8Array {
    if (this.#random.chance(1, 2)) return checkpoint;
    const other = this.#seen.get(Command.view);
    if (other !== undefined && this.#random.boolean()) {
      return this.#pick(other).slice(HEADER_SIZE_BYTES, HEADER_SIZE_BYTES + CHECKPOINT_STATE_SIZE_BYTES);
    }
    return this.#alterBytes(checkpoint.slice());
  }

  /** Alters a list of prepare headers: an entry of it, its ends, or all of it. */
  #alterHeaders(command: number, list: Uint8Array, state: ReplicaState): Uint8Array {
    const random = this.#random;
    const count = list.length / HEADER_SIZE_BYTES;
    if (count === 0) return list;
    switch (random.index(6)) {
      case 0:
        return list.slice(HEADER_SIZE_BYTES * random.index(count));
      case 1:
        return list.slice(0, HEADER_SIZE_BYTES * (1 + random.index(count)));
      case 2: {
        const other = this.#pick(this.#seen.get(command) ?? []);
        return other.slice(HEADER_SIZE_BYTES + (command === Command.view ? CHECKPOINT_STATE_SIZE_BYTES : 0));
      }
      case 3: {
        const prepares = this.#seen.get(Command.prepare);
        if (prepares !== undefined) {
          const at = random.index(count) * HEADER_SIZE_BYTES;
          list.set(this.#pick(prepares).subarray(0, HEADER_SIZE_BYTES), at);
        }
        return list;
      }
      default: {
        const index = random.index(count);
        this.#alterField(list, index * HEADER_SIZE_BYTES, state);
        this.#chain(list, index);
        return list;
      }
    }
  }

  /** Makes the checksums of an altered list valid, and mostly its hash chain, too. */
  #chain(list: Uint8Array, from: number): void {
    const chained = this.#random.chance(3, 4);
    for (let index = from; index >= 0; index -= 1) {
      const header = new PrepareHeader(list, index * HEADER_SIZE_BYTES);
      const parent =
        index + 1 < list.length / HEADER_SIZE_BYTES
          ? new PrepareHeader(list, (index + 1) * HEADER_SIZE_BYTES).checksum
          : null;
      if (chained && index < from && parent !== null) header.parent = parent;
      this.#checksums.set(header);
      if (!chained) return;
    }
  }

  #alterField(bytes: Uint8Array, offset: number, state: ReplicaState): void {
    const { command } = new Header(bytes, offset);
    const layout = commandHeaderOf(command)?.layout;
    if (layout === undefined) return;
    const names = Object.keys(layout).filter((name) => alterable(name));
    const name = this.#pick(names);
    const field = layout[name];
    assert(field !== undefined, () => `field ${name}`);
    const value = this.#value(name, field, bytes, offset, state);
    if (value !== null) this.#set(bytes, offset, command, name, value);
  }

  #set(bytes: Uint8Array, offset: number, command: number, name: string, value: number | bigint): void {
    const header = commandHeaderOf(command)?.view(new Header(bytes, offset));
    assert(header !== undefined, () => `command ${command}`);
    Reflect.set(header, name, value);
  }

  /** Another value for a field: at an edge of what the replica knows, of another message, or any. */
  #value(name: string, field: Field, bytes: Uint8Array, offset: number, state: ReplicaState): number | bigint | null {
    const random = this.#random;
    const now: unknown = Reflect.get(
      commandHeaderOf(new Header(bytes, offset).command)?.view(new Header(bytes, offset)) ?? {},
      name,
    );
    switch (field.type) {
      case "u8":
        // One standby, and one that there is not.
        return name === "replica"
          ? random.index(this.#replicaCount + 2)
          : this.#pick([random.index(256), random.index(8), Number(now) ^ 1]);
      case "u16":
        return random.index(0x1_0000);
      case "u32": {
        const around = typeof now === "number" ? now : 0;
        const view = this.#pick([state.view, state.logView, around]);
        const value = this.#pick([
          view,
          view + 1,
          view + 2,
          view + 3,
          view - 1,
          around + 1,
          0,
          1,
          this.#rare(U32_MAX, view),
        ]);
        return Math.min(U32_MAX, Math.max(0, value));
      }
      case "u53": {
        const { op, commitMin, commitMax, opCheckpoint } = state;
        const base = this.#pick([op, commitMin, commitMax, opCheckpoint, opCheckpoint + 20, Number(now)]);
        const steps = [0, 1, -1, 2, 4, 5, -4, 8, 12, 20, -20, 32, -32, 40];
        const value = this.#pick([base + this.#pick(steps), 0, this.#rare(Number.MAX_SAFE_INTEGER, base)]);
        return Number.isSafeInteger(value) ? Math.max(0, value) : 0;
      }
      case "u64":
        return BigInt.asUintN(
          64,
          BigInt(String(now)) + this.#pick([0n, 1n, -1n, 1000n, -1_000_000_000n, random.u64()]),
        );
      case "u128":
        return this.#pick([random.u128(), 0n, this.#someChecksum(), this.#someChecksum(), BigInt(String(now)) ^ 1n]);
      case "bytes":
        return null;
    }
  }

  /** Mostly the second: the largest value ends most of what could be found after it. */
  #rare(rare: number, usual: number): number {
    return this.#random.chance(1, 20) ? rare : usual;
  }

  #someChecksum(): bigint {
    const seen = this.#seen.get(this.#pick(COMMANDS));
    return seen === undefined ? 1n : new Header(this.#pick(seen)).checksum;
  }

  #finish(bytes: Uint8Array): Uint8Array {
    const header = new Header(bytes);
    header.size = bytes.length;
    this.#checksums.setBody(header, bytes.subarray(HEADER_SIZE_BYTES));
    this.#checksums.set(header);
    return bytes;
  }

  #pick<Item>(items: readonly Item[]): Item {
    const item = items[this.#random.index(items.length)];
    assert(item !== undefined, "nothing to choose from");
    return item;
  }
}

function alterable(name: string): boolean {
  if (name in FRAME_LAYOUT) return FRAME_FIELDS.has(name);
  return !FIXED.has(name) && !name.startsWith("reserved") && !name.endsWith("Padding");
}
