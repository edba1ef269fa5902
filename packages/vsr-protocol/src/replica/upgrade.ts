/**
 * Upgrades: all replicas move to another release at the same checkpoint (spec 03 §24).
 *
 * Once all replicas have a newer release, the primary fills the log with `upgrade` ops up to the next checkpoint. What is
 * replayed after the checkpoint is then nothing but upgrades, which do the same in every release: nothing.
 *
 * @module
 */
import { assert } from "@stagbeetle/kernels";
import { UPGRADE_REQUEST_SIZE_BYTES, UpgradeRequest } from "../body/upgrade-request.ts";
import type { PingHeader } from "../message/ping.ts";
import { Operation } from "../operation.ts";
import type { Journal } from "../ports/journal.ts";
import type { Logger } from "../ports/logger.ts";
import { formatRelease, type Release } from "../release.ts";
import type { Timeout } from "../timeout.ts";
import type { CheckpointWindow } from "./checkpoint-window.ts";
import type { Identity } from "./identity.ts";
import type { LogPosition } from "./log-position.ts";
import type { OwnRequests } from "./own-requests.ts";
import type { Pipeline } from "./pipeline.ts";
import type { Roles } from "./roles.ts";
import type { DurableView } from "./view-durable.ts";

/** What upgrades are decided by. */
export interface UpgradesOptions {
  readonly release: Release;
  /** The releases that this installation can run, ascending, the running one among them. May grow. */
  readonly releasesBundled: () => readonly Release[];
  readonly identity: Pick<Identity, "replica" | "replicaCount">;
  readonly roles: Pick<Roles, "primary">;
  readonly view: Pick<DurableView, "updating">;
  readonly log: Pick<LogPosition, "commitMin">;
  readonly window: Pick<
    CheckpointWindow,
    "opCheckpoint" | "opCheckpointTrigger" | "opCheckpointNext" | "opCheckpointNextTrigger"
  >;
  readonly pipeline: Pick<Pipeline, "prepareCount">;
  readonly journal: Pick<Journal, "headerWithOp">;
  readonly ownRequests: Pick<OwnRequests, "send">;
  readonly logger: Logger;
}

/** What another replica can run, as of its newest ping. */
interface Target {
  readonly checkpointOp: number;
  readonly view: number;
  /** Newer than the own release. */
  readonly releases: readonly Release[];
}

/** Finds out when all can upgrade, and carries it through. */
export class Upgrades {
  readonly #options: UpgradesOptions;
  /** By replica. They never expire: an upgrade waits for all anyway. */
  readonly #targets = new Map<number, Target>();
  #release: Release | null = null;

  constructor(options: UpgradesOptions) {
    this.#options = options;
  }

  /** The release that the cluster is moving to, or null. From the first upgrade op on nothing else is executed. */
  get release(): Release | null {
    return this.#release;
  }

  /** Forgets the upgrade, when a state sync has replaced the ops that began it: they are executed again. */
  reset(): void {
    this.#release = null;
  }

  /**
   * Learns what another replica can run.
   *
   * @param releases those of the ping, ascending.
   */
  onPing(ping: PingHeader, releases: readonly Release[]): void {
    const { release, identity } = this.#options;
    assert(ping.replica !== identity.replica && ping.replica < identity.replicaCount, () => `ping of ${ping.replica}`);
    const known = this.#targets.get(ping.replica);
    const older = known !== undefined && (known.checkpointOp > ping.checkpointOp || known.view > ping.view);
    if (older) return;
    const newer = releases.filter((candidate) => candidate > release);
    this.#targets.set(ping.replica, { checkpointOp: ping.checkpointOp, view: ping.view, releases: newer });
  }

  /** The upgrade timeout of a primary: begins an upgrade that all are ready for, or goes on with one. */
  onTimeout(timeout: Timeout): void {
    timeout.reset();
    assert(this.#options.roles.primary, "only a primary upgrades");
    const { logger } = this.#options;
    if (this.#release !== null) return this.requestNext();
    const target = this.#common();
    if (target === null) return;
    logger.log("info", "upgrade: all replicas have the release", { release: formatRelease(target) });
    this.#request(target);
  }

  /** Adds one more upgrade to the log, unless the next checkpoint is that of the upgrade already. */
  requestNext(): void {
    if (this.#release === null || this.checkpointRelease === this.#release) return;
    this.#request(this.#release);
  }

  /** Executes an upgrade op: the first one begins the upgrade, and those that are replayed after it change nothing. */
  onExecute(op: number, body: Uint8Array): void {
    const { release, roles, window, pipeline, logger } = this.#options;
    const target = new UpgradeRequest(body).release;
    assert(target >= release, () => `op ${op} upgrades to ${formatRelease(target)}, which is older than this release`);
    if (target === release) {
      assert(op <= window.opCheckpointTrigger, () => `op ${op} upgrades to this release again`);
      assert(this.#release === null, "an upgrade is replayed before the next one begins");
      return;
    }
    if (this.#release === null) {
      logger.log("info", "upgrade: begins", { op, release: formatRelease(target) });
      const alone = pipeline.prepareCount <= 1;
      assert(!roles.primary || alone, () => `op ${op} begins an upgrade with ${pipeline.prepareCount} prepares`);
    }
    assert(this.#release === null || this.#release === target, () => `op ${op} upgrades to another release`);
    this.#release = target;
  }

  /**
   * The release of the next checkpoint, which all replicas decide alike: the new one if the last bar is nothing but
   * upgrades. Null until the checkpoint's trigger was executed.
   */
  get checkpointRelease(): Release | null {
    const { release, log, window } = this.#options;
    if (log.commitMin < window.opCheckpointNextTrigger) return null;
    if (this.#release === null || !this.#lastBarUpgrades()) return release;
    return this.#release;
  }

  #lastBarUpgrades(): boolean {
    const { window, journal } = this.#options;
    const first = window.opCheckpointNext + 1;
    let firstUpgrade: number | null = null;
    for (let op = first; op <= window.opCheckpointNextTrigger; op += 1) {
      const header = journal.headerWithOp(op);
      assert(header !== null, () => `op ${op} is not in the log at its checkpoint`);
      const upgrade = header.operation === Operation.upgrade;
      assert(upgrade || firstUpgrade === null, () => `op ${op} follows an upgrade`);
      if (upgrade) firstUpgrade ??= op;
    }
    return firstUpgrade === first;
  }

  /** The highest release that every replica can run, or null. */
  #common(): Release | null {
    const { release, releasesBundled, identity } = this.#options;
    const everyone = (candidate: Release): boolean =>
      candidate > release &&
      [...this.#targets.values()].filter(({ releases }) => releases.includes(candidate)).length ===
        identity.replicaCount - 1;
    return releasesBundled().findLast(everyone) ?? null;
  }

  #request(target: Release): void {
    const { view, ownRequests } = this.#options;
    if (view.updating) return;
    ownRequests.send(Operation.upgrade, UPGRADE_REQUEST_SIZE_BYTES, (body) => {
      new UpgradeRequest(body).release = target;
    });
  }
}
