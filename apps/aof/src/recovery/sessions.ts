/**
 * The sessions of a recovery, over TCP.
 */
import { Session } from "@stagbeetle/client";
import { createLogger } from "@stagbeetle/command-line";
import { EventLoop, SystemTime } from "@stagbeetle/io-linux";
import { ClientNetwork, type Connected } from "@stagbeetle/tcp-client";
import { formatRelease, PRODUCTION } from "@stagbeetle/vsr-protocol";
import type { Address, Release } from "@stagbeetle/vsr-protocol";

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
  readonly #network: ClientNetwork;
  readonly #loop: EventLoop;
  readonly #members: Connected<Session>[] = [];

  constructor(options: RecoverySessionsOptions) {
    const { cluster, addresses, sessionsMax } = options;
    this.#options = options;
    this.#network = new ClientNetwork({
      config: PRODUCTION,
      cluster,
      addresses,
      clientsMax: sessionsMax,
      time: new SystemTime(),
    });
    const tick = (): void => {
      for (const { receiver } of this.#members) receiver.tick();
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
    const { attempt, onEviction } = this.#options;
    const client = BigInt(release) + (BigInt(attempt) << ATTEMPT_SHIFT);
    const member = this.#network.connect(
      { release, client, logger: createLogger(formatRelease(release)) },
      (parts) => new Session({ ...parts, aofRecovery: true, onEviction: ({ message }) => onEviction(message) }),
    );
    this.#members.push(member);
    return member.receiver;
  }

  /** Ends all connections. */
  async close(): Promise<void> {
    this.#loop.stop();
    for (const { receiver, bus } of this.#members) {
      receiver.close();
      await bus.close();
    }
  }
}
