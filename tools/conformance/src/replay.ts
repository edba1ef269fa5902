/**
 * Feeding recorded requests to a replica in this process, and comparing what it answers and logs.
 *
 * @module
 */
import {
  Command,
  EvictionHeader,
  Header,
  HEADER_SIZE_BYTES,
  Operation,
  PingClientHeader,
  PrepareHeader,
  ReplyHeader,
  RequestHeader,
} from "@stagbeetle/vsr-protocol";

import { describeMessageDifference } from "./difference.ts";
import type { HostedReplica } from "./hosted-replica.ts";

/** The state machine gives a pulse as many timestamps as a batch of transfers could need, and one before them. */
const PULSE_TIMESTAMPS = 8190n + 1n;

/** How long before a reply a pulse of unknown time is put, in nanoseconds: less than between any two recorded requests. */
const PULSE_LEAD_NS = 50_000n;

/** One frame to the server. */
export interface Sent {
  readonly connection: number;
  readonly bytes: Uint8Array;
}

/** What the recorder saw of one connection beside the frames to the server. */
export interface Connection {
  /** Frames from the server, in order. */
  readonly answers: Uint8Array[];
  closedByServer: boolean;
}

/** When a request was prepared, and as which op. */
export interface Prepared {
  readonly op: number;
  readonly timestamp: bigint;
}

/** A capture and what lies beside it, in the form in which it is replayed. */
export interface Recording {
  readonly frames: readonly Sent[];
  readonly connections: ReadonlyMap<number, Connection>;
  /** By the checksum of the request. */
  readonly prepared: ReadonlyMap<bigint, Prepared>;
  /** By op; only what the append-only file holds. */
  readonly log: ReadonlyMap<number, Uint8Array>;
  /** Connections on which the recorded server ended, and the header of the frame that was meant to do it, in hex. */
  readonly deadly: ReadonlyMap<number, string>;
}

/**
 * Feeds a recording to a replica. Each method returns the first difference, or null.
 *
 * Requests are delivered in the order of the log, not of the capture, and as early as the server got them: a prepare's `commit`
 * says what had been executed when its request came.
 */
export class Replay {
  readonly #recording: Recording;
  readonly #replica: HostedReplica;
  /** Requests that were delivered before their turn, because the log has them earlier. By checksum. */
  readonly #early = new Set<bigint>();
  /** How many of a connection's recorded answers were given. */
  readonly #answered = new Map<number, number>();
  /** The connection over which a client was last heard of. */
  readonly #connectionOf = new Map<bigint, number>();
  #opCompared = 0;
  answers = 0;
  restarts = 0;
  turnedAway = 0;
  logHeaders = 0;

  constructor(recording: Recording, replica: HostedReplica) {
    this.#recording = recording;
    this.#replica = replica;
  }

  run(): string | null {
    for (const [index, frame] of this.#recording.frames.entries()) {
      const difference = this.#turn(frame, index);
      if (difference !== null) return `frame ${index} to the server (connection ${frame.connection}): ${difference}`;
    }
    while (this.#replica.step());
    return this.#compare(null) ?? this.#lastPulses() ?? this.#missingAnswer();
  }

  /** Pulses that the log has after the last request. */
  #lastPulses(): string | null {
    for (;;) {
      const next = this.#recording.log.get(this.#replica.op + 1);
      if (next === undefined) return null;
      const { op, operation, timestamp } = new PrepareHeader(next);
      if (operation !== Operation.pulse) return `the request of op ${op} is not among those recorded`;
      const difference = this.#pulse(timestamp);
      if (difference !== null) return difference;
      if (this.#replica.op < op) return `op ${op}, a pulse, does not come about`;
    }
  }

  #missingAnswer(): string | null {
    for (const [connection, { answers }] of this.#recording.connections) {
      const missing = answers.length - (this.#answered.get(connection) ?? 0);
      if (missing > 0) return `connection ${connection}: ${missing} recorded answers were not given`;
    }
    return null;
  }

  #turn(frame: Sent, index: number): string | null {
    const { checksum, command } = new Header(frame.bytes);
    const connection = this.#recording.connections.get(frame.connection);
    if (this.#early.delete(checksum)) return null;
    if (this.#deadly(frame)) return this.#survive(frame);
    // More connections than the server has room for: that is the message bus's to test.
    if (command === Command.pingClient && connection?.closedByServer === true && connection.answers.length === 0) {
      this.turnedAway += 1;
      return null;
    }
    const prepared = command === Command.request ? this.#recording.prepared.get(checksum) : undefined;
    return (prepared === undefined ? null : this.#catchUp(prepared, index)) ?? this.#deliver(frame);
  }

  /** Brings the log to the op before `prepared`: with requests of other connections, or with pulses. */
  #catchUp(prepared: Prepared, index: number): string | null {
    while (this.#replica.op < prepared.op - 1) {
      const before = this.#replica.op;
      const difference = this.#nextOp(prepared, index);
      if (difference !== null) return difference;
      if (this.#replica.op === before) return `op ${before + 1}, a pulse or an earlier request, does not come about`;
    }
    return null;
  }

  #nextOp(prepared: Prepared, index: number): string | null {
    const op = this.#replica.op + 1;
    const bytes = this.#recording.log.get(op);
    if (bytes === undefined) return this.#pulse(prepared.timestamp - PULSE_LEAD_NS);
    const { operation, timestamp, requestChecksum } = new PrepareHeader(bytes);
    if (operation === Operation.pulse) return this.#pulse(timestamp);
    const frame = this.#recording.frames
      .slice(index)
      .find((later) => new Header(later.bytes).checksum === requestChecksum);
    if (frame === undefined) return `the request of op ${op} is not in the capture`;
    this.#early.add(requestChecksum);
    return this.#deliver(frame);
  }

  #pulse(timestamp: bigint): string | null {
    this.#replica.pulse(timestamp - PULSE_TIMESTAMPS);
    this.#settle();
    return this.#compare(null);
  }

  #deliver(frame: Sent): string | null {
    this.#connectionOf.set(clientOf(frame.bytes), frame.connection);
    const closed = this.#replica.deliver(frame.bytes, this.#realtimeOf(frame.bytes));
    this.#settle();
    if ((closed !== null) !== this.#closes(frame))
      return `the connection is ${closed === null ? "left open" : `closed (${closed})`}`;
    return this.#compare(frame);
  }

  /** Lets the replica execute what the server had executed when the next op was prepared; everything if that is not known. */
  #settle(): void {
    for (;;) {
      const next = this.#recording.log.get(this.#replica.op + 1);
      const enough = next === undefined ? Number.POSITIVE_INFINITY : new PrepareHeader(next).commit;
      if (this.#replica.commitMin >= enough || !this.#replica.step()) return;
    }
  }

  /** What the clock showed when the server prepared this request; null if it never did, or has done so before. */
  #realtimeOf(bytes: Uint8Array): bigint | null {
    const { checksum, operation } = new RequestHeader(bytes);
    const prepared = this.#recording.prepared.get(checksum);
    if (prepared === undefined || prepared.op <= this.#replica.op) return null;
    return prepared.timestamp - this.#replica.timestampsNeeded(operation, bytes.subarray(HEADER_SIZE_BYTES));
  }

  /** Whether the recorded server was gone after this frame. */
  #deadly(frame: Sent): boolean {
    return this.#recording.deadly.has(frame.connection) && this.#lastOnConnection(frame);
  }

  /**
   * The reference stops at such a frame and was started again on the same file; we go on, but its views count its starts. Where
   * it is not the frame that should have stopped it, the one before had done so already, and nobody got this one.
   */
  #survive({ bytes, connection }: Sent): string | null {
    const header = Buffer.from(bytes.subarray(0, HEADER_SIZE_BYTES)).toString("hex");
    if (header === this.#recording.deadly.get(connection)) {
      this.#replica.deliver(bytes, null);
      while (this.#replica.step());
      if (this.#replica.takeSent().length > 0) return "an answer to a frame at which the reference stopped";
    }
    this.#replica.restart();
    this.restarts += 1;
    return null;
  }

  #lastOnConnection(frame: Sent): boolean {
    return this.#recording.frames.findLast(({ connection }) => connection === frame.connection) === frame;
  }

  /** Whether the recorded server closed the connection at this frame: it was the last one there. */
  #closes(frame: Sent): boolean {
    return this.#lastOnConnection(frame) && this.#recording.connections.get(frame.connection)?.closedByServer === true;
  }

  /** Everything that came about since the last call: answers and prepares. */
  #compare(frame: Sent | null): string | null {
    for (const bytes of this.#replica.takeSent()) {
      const difference = this.#compareAnswer(frame, bytes);
      if (difference !== null) return difference;
    }
    for (; this.#opCompared < this.#replica.op; this.#opCompared += 1) {
      const difference = this.#compareLog(this.#opCompared + 1);
      if (difference !== null) return difference;
    }
    return null;
  }

  #compareAnswer(frame: Sent | null, bytes: Uint8Array): string | null {
    const client = clientOf(bytes);
    const connection = (client === 0n ? undefined : this.#connectionOf.get(client)) ?? frame?.connection ?? -1;
    const count = this.#answered.get(connection) ?? 0;
    const recorded = this.#recording.connections.get(connection)?.answers[count];
    this.#answered.set(connection, count + 1);
    if (recorded === undefined) return `an answer of command ${new Header(bytes).command} where the recording has none`;
    this.answers += 1;
    const difference = describeMessageDifference(ReplyHeader, bytes, recorded);
    return difference === null ? null : `answer ${count} on connection ${connection}: ${difference}`;
  }

  /** The prepare of an op against the append-only file. */
  #compareLog(op: number): string | null {
    const recorded = this.#recording.log.get(op);
    const header = this.#replica.prepareHeader(op);
    if (recorded === undefined || header === null) return null;
    this.logHeaders += 1;
    const difference = describeMessageDifference(PrepareHeader, header, recorded.subarray(0, HEADER_SIZE_BYTES));
    return difference === null ? null : `prepare of op ${op}: ${difference}`;
  }
}

/** The client of a message to or from it; 0 if the command has none. */
function clientOf(bytes: Uint8Array): bigint {
  switch (new Header(bytes).command) {
    case Command.request:
      return new RequestHeader(bytes).client;
    case Command.pingClient:
      return new PingClientHeader(bytes).client;
    case Command.reply:
      return new ReplyHeader(bytes).client;
    case Command.eviction:
      return new EvictionHeader(bytes).client;
    default:
      return 0n;
  }
}
