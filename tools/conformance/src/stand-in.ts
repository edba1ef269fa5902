/**
 * A replica of ours in the place of a recorded one: it gets what that got, when that got it, and has to say what that said.
 *
 * @module
 */
import {
  Command,
  commandName,
  Header,
  JoinViewHeader,
  PrepareOkHeader,
  ReplyHeader,
  ViewHeader,
} from "@stagbeetle/vsr-protocol";

import { HostedReplica } from "./hosted-replica.ts";
import { RECORDED_RELEASE, RECORDED_RELEASE_CLIENT_MIN } from "./recorded-release.ts";

const TICK_MICROSECONDS = 10_000n;
/** How much later than the recorded replica ours may take a primary for dead: half a second. */
const LATE_TICKS_MAX = 50;

/** What a message says, but for how fast its sender is: that is not in the recording. Null if it says nothing else. */
function saying(frame: Uint8Array): string | null {
  const header = new Header(frame);
  const name = commandName(header.command);
  switch (header.command) {
    case Command.prepareOk: {
      const { op, prepareChecksum, checkpointId } = new PrepareOkHeader(frame);
      return `${name} view=${header.view} op=${op} of ${prepareChecksum.toString(16)} at ${checkpointId.toString(16)}`;
    }
    case Command.joinView: {
      const { op, logView } = new JoinViewHeader(frame);
      return `${name} view=${header.view} log_view=${logView} op=${op}: ${header.checksum.toString(16)}`;
    }
    case Command.view: {
      // The nonce is that of the question that it answers.
      const { op, commitMax, checkpointOp, checksumBody } = new ViewHeader(frame);
      return `${name} view=${header.view} op=${op} commit_max=${commitMax} checkpoint_op=${checkpointOp}: ${checksumBody.toString(16)}`;
    }
    case Command.reply: {
      const { client, request, op } = new ReplyHeader(frame);
      return `${name} client=${client} request=${request} op=${op}: ${header.checksum.toString(16)}`;
    }
    case Command.exitView:
      return `${name} view=${header.view}`;
    case Command.headers:
    case Command.prepare:
      return `${name}: ${header.checksum.toString(16)}`;
    default:
      return null;
  }
}

/** What of a recorded replica ours is to be. */
export interface StandInOptions {
  readonly cluster: bigint;
  readonly replica: number;
  readonly replicaCount: number;
  /** What the recorded server was started with, in bytes. */
  readonly batchSizeLimit: number;
}

/** One replica, from the start of the recording until it orders requests by its own clock. */
export class StandIn {
  readonly #replica: HostedReplica;
  readonly #said = new Set<string>();
  /** What the recorded one said, and when. */
  readonly #recorded: { readonly text: string; readonly command: number; readonly atMicroseconds: bigint }[] = [];
  #nowMicroseconds = 0n;
  #running = true;

  constructor({ cluster, replica, replicaCount, batchSizeLimit }: StandInOptions) {
    this.#replica = new HostedReplica({
      cluster,
      release: RECORDED_RELEASE,
      releaseClientMin: RECORDED_RELEASE_CLIENT_MIN,
      batchSizeLimit,
      aofRecovery: false,
      replica,
      replicaCount,
    });
    this.#settle();
  }

  /** Lets time pass until the recording's. */
  passTo(atMicroseconds: bigint): void {
    while (this.#nowMicroseconds < atMicroseconds) this.#tick();
  }

  /** The recorded replica got this. */
  receive(frame: Uint8Array): void {
    if (!this.#running) return;
    this.#replica.deliver(frame, null);
    this.#settle();
  }

  /** The recorded replica sent this. */
  expect(frame: Uint8Array): void {
    const text = saying(frame);
    const { command } = new Header(frame);
    if (text === null) return;
    this.#recorded.push({ text, command, atMicroseconds: this.#nowMicroseconds });
    if (command === Command.exitView) this.#waitFor(text);
  }

  /** The recorded replica was killed. */
  kill(): void {
    this.#running = false;
  }

  /** The recorded replica was started again. */
  restart(): void {
    this.#replica.restart();
    this.#running = true;
    this.#settle();
  }

  /** The first thing that the recorded replica said and ours did not, or null. */
  difference(): string | null {
    const missing = this.#recorded.find(({ text }) => !this.#said.has(text));
    if (missing === undefined) return null;
    return `at ${missing.atMicroseconds} µs: ours never said ${missing.text} (${this.#replica.describe()})`;
  }

  /** How much of each command was compared. */
  counts(): ReadonlyMap<string, number> {
    const counts = new Map<string, number>();
    for (const { command } of this.#recorded) {
      const name = commandName(command);
      counts.set(name, (counts.get(name) ?? 0) + 1);
    }
    return counts;
  }

  /** When a primary is dead is a question of time: ours runs ahead of the recording until it thinks so, too. */
  #waitFor(text: string): void {
    for (let tick = 0; tick < LATE_TICKS_MAX && !this.#said.has(text); tick += 1) this.#tick();
  }

  #tick(): void {
    this.#nowMicroseconds += TICK_MICROSECONDS;
    if (!this.#running) return;
    this.#replica.tick();
    this.#settle();
  }

  #settle(): void {
    while (this.#replica.step());
    const sent = [...this.#replica.takeSent(), ...this.#replica.takeSentToReplicas().map(({ bytes }) => bytes)];
    for (const frame of sent) {
      const text = saying(frame);
      if (text !== null) this.#said.add(text);
    }
  }
}
