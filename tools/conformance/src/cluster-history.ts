/**
 * What every replica of a recorded cluster knew, as far as its messages tell: its log, and how far that is committed.
 *
 * @module
 */
import {
  Command,
  CommitHeader,
  Header,
  HEADER_SIZE_BYTES,
  headersOfView,
  PrepareHeader,
  PRODUCTION,
  ViewHeader,
  type ViewChangeSlice,
  writeRootPrepare,
} from "@stagbeetle/vsr-protocol";

const { journalSlotCount, pipelinePrepareQueueMax } = PRODUCTION.cluster;

/** One replica, from what it was sent and what it sent. Its disk loses nothing. */
export class ReplicaHistory {
  /** The head. */
  op = 0;
  commitMax = 0;
  /** The last view whose log it held. */
  logView = 0;
  /** The headers of that view, as it got or sent them. */
  viewHeaders: ViewChangeSlice;
  #running = true;
  readonly #slots: (PrepareHeader | null)[] = Array.from({ length: journalSlotCount }, () => null);
  /** What its superblock says is committed. */
  #commitMaxStored = 0;

  constructor(root: PrepareHeader) {
    this.viewHeaders = [root];
    this.#slots[0] = root;
  }

  /** The header of an op in its log: what the functions of a view change ask a journal for. */
  headerWithOp(op: number): PrepareHeader | null {
    const header = this.#slots[op % journalSlotCount];
    return header?.op === op ? header : null;
  }

  /** Whether the process runs. What comes while it does not is lost. */
  get running(): boolean {
    return this.#running;
  }

  /** The process was killed. */
  kill(): void {
    this.#running = false;
  }

  /** It was started again: what is committed is known from the superblock and from the head only. */
  restart(): void {
    this.#running = true;
    this.commitMax = Math.max(this.#commitMaxStored, this.op - pipelinePrepareQueueMax);
  }

  /** It got a message, or sent one: either way it knows what the message says. */
  note(frame: Uint8Array): void {
    switch (new Header(frame).command) {
      case Command.prepare:
        return this.#notePrepare(new PrepareHeader(frame));
      case Command.commit:
        this.commitMax = Math.max(this.commitMax, new CommitHeader(frame).commit);
        return;
      case Command.view:
        return this.#noteView(frame);
      default:
    }
  }

  #notePrepare(header: PrepareHeader): void {
    const known = this.#slots[header.op % journalSlotCount];
    if (known !== null && known !== undefined && known.op > header.op) return;
    this.#slots[header.op % journalSlotCount] = header;
    this.op = Math.max(this.op, header.op);
    if (header.view === this.logView) this.commitMax = Math.max(this.commitMax, header.commit);
  }

  #noteView(frame: Uint8Array): void {
    const { view, op, commitMax, size } = new ViewHeader(frame);
    if (view < this.logView) return;
    this.viewHeaders = headersOfView(frame.subarray(HEADER_SIZE_BYTES, size));
    for (const header of this.viewHeaders) this.#notePrepare(header);
    this.op = Math.max(op, view === this.logView ? this.op : 0);
    this.commitMax = Math.max(this.commitMax, commitMax);
    if (view > this.logView) this.#commitMaxStored = this.commitMax;
    this.logView = view;
  }
}

/** All replicas, and every prepare that was seen. */
export class ClusterHistory {
  readonly replicas: readonly ReplicaHistory[];
  /** By header checksum. */
  readonly #prepares = new Map<bigint, PrepareHeader>();

  constructor(replicaCount: number, cluster: bigint) {
    const root = new PrepareHeader(new Uint8Array(HEADER_SIZE_BYTES));
    writeRootPrepare(root, cluster);
    this.#prepares.set(root.checksum, root);
    this.replicas = Array.from({ length: replicaCount }, () => new ReplicaHistory(root));
  }

  /** The replica of this index. */
  replica(index: number): ReplicaHistory {
    const replica = this.replicas[index];
    if (replica === undefined) throw new RangeError(`there is no replica ${index}`);
    return replica;
  }

  /** The prepare with this header checksum, if it was seen. */
  prepare(checksum: bigint): PrepareHeader | null {
    return this.#prepares.get(checksum) ?? null;
  }

  /** A frame from one replica to another. */
  note(from: number, to: number, frame: Uint8Array): void {
    const header = new Header(frame);
    if (header.command === Command.prepare) {
      const prepare = new PrepareHeader(frame);
      this.#prepares.set(prepare.checksum, prepare);
    }
    this.replica(from).note(frame);
    if (this.replica(to).running) this.replica(to).note(frame);
  }
}
