/**
 * The sessions of a recovery, over TCP.
 */
import { Session } from "@stagbeetle/client";
import { createLogger } from "@stagbeetle/command-line";
import { EventLoop, MessageBus, SystemTime } from "@stagbeetle/io-linux";
import { assert, createKernels, LinearMemory } from "@stagbeetle/kernels";
import { Checksums, formatRelease, MessagePool, PRODUCTION, Random } from "@stagbeetle/vsr-protocol";
import type { Address, Config, MessageBuffer, Release } from "@stagbeetle/vsr-protocol";

/** A request, a ping, and what is received. */
const MESSAGES_PER_SESSION = 4;
const MEMORY_BESIDE_MESSAGES_BYTES = 2 ** 20;
/** Tells attempts apart in a client's id: the release is below. */
const ATTEMPT_SHIFT = 32n;

/** How to make the sessions. */
export interface RecoverySessionsOptions {
  readonly cluster: bigint;
  readonly addresses: readonly Address[];
  /** How many sessions there will be at most. */
  readonly sessionsMax: number;
  /** How often the recovery was taken up again. */
  readonly attempt: number;
  readonly onTick: () => void;
  /** Why the cluster ended a session: there is no going on. */
  readonly onEviction: (message: string) => void;
}

/** One session for each release of the log, and the loop that drives them. */
export class RecoverySessions {
  readonly #options: RecoverySessionsOptions;
  readonly #pool: MessagePool;
  readonly #checksums: Checksums;
  readonly #loop: EventLoop;
  readonly #members: { readonly session: Session; readonly bus: MessageBus }[] = [];

  constructor(options: RecoverySessionsOptions) {
    const { messageSizeMax } = PRODUCTION.cluster;
    const messagesMax = options.sessionsMax * messagesOf(PRODUCTION, options.addresses.length);
    const memory = new LinearMemory({ sizeBytes: messagesMax * messageSizeMax + MEMORY_BESIDE_MESSAGES_BYTES });
    this.#options = options;
    this.#checksums = new Checksums(createKernels({ memory }));
    this.#pool = new MessagePool({ memory, messageSizeMax, messagesMax });
    const tick = (): void => {
      for (const { session } of this.#members) session.tick();
      options.onTick();
    };
    this.#loop = new EventLoop({ tickMs: PRODUCTION.process.tickMs, ticking: [{ tick }] });
    this.#loop.start();
  }

  /**
   * The session of a release, not registered yet. Its client's id is the release, so that two recoveries of one file leave the
   * same bytes; a recovery that is taken up again cannot go on with the session it had, and has another.
   */
  open(release: Release): Session {
    const { cluster, addresses, attempt, sessionsMax, onEviction } = this.#options;
    assert(this.#members.length < sessionsMax, () => `more than ${sessionsMax} sessions`);
    const client = BigInt(release) + (BigInt(attempt) << ATTEMPT_SHIFT);
    const random = new Random(BigInt.asUintN(64, client));
    const logger = createLogger(formatRelease(release));
    const bus = new MessageBus({
      role: { kind: "client" },
      config: PRODUCTION,
      addresses,
      pool: this.#pool,
      checksums: this.#checksums,
      receiver: { onMessages: (buffer: MessageBuffer) => session.onMessages(buffer) },
      random,
      logger,
    });
    const session = new Session({
      config: PRODUCTION,
      pool: this.#pool,
      checksums: this.#checksums,
      bus,
      time: new SystemTime(),
      random,
      cluster,
      client,
      replicaCount: addresses.length,
      release,
      aofRecovery: true,
      onEviction: ({ message }) => onEviction(message),
      logger,
    });
    this.#members.push({ session, bus });
    return session;
  }

  /** Ends all connections. */
  async close(): Promise<void> {
    this.#loop.stop();
    for (const { session, bus } of this.#members) {
      session.close();
      await bus.close();
    }
  }
}

/** How many messages one session holds at once: its own, and on each connection a buffer and what waits to be sent. */
function messagesOf({ derived }: Config, replicaCount: number): number {
  return MESSAGES_PER_SESSION + replicaCount * (1 + derived.connectionSendQueueMaxClient);
}
