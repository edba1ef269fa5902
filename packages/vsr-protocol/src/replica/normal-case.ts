/**
 * The normal case: the modules that take requests, replicate them and keep the view alive, joined (spec 03 §11 to §15).
 *
 * @module
 */
import { Acknowledgements, type AcknowledgementsOptions } from "./acknowledgements.ts";
import { BackupProgress } from "./backup-progress.ts";
import { Evictions, type EvictionsOptions } from "./evictions.ts";
import { FaultDetector } from "./fault-detector.ts";
import { Heartbeats, type HeartbeatsOptions } from "./heartbeats.ts";
import { Normal, type NormalOptions } from "./normal.ts";
import { OwnRequests, type OwnRequestsOptions } from "./own-requests.ts";
import { Pings, type PingsOptions } from "./ping.ts";
import { Pulses, type PulsesOptions } from "./pulse.ts";
import { Replication, type ReplicationOptions } from "./replication.ts";
import { Replies, type RepliesOptions } from "./replies.ts";
import { Requests, type RequestsOptions } from "./request.ts";
import { Upgrades, type UpgradesOptions } from "./upgrade.ts";

/** What the modules of the normal case are for one another. */
type Inner =
  | "evictions"
  | "faultDetector"
  | "normal"
  | "onHeard"
  | "onPrepareWritten"
  | "onRequest"
  | "ownRequests"
  | "progress"
  | "replication"
  | "replies"
  | "upgrades"
  | "upgrading"
  | "logHasRoom";

/** What the normal case needs of the rest of the replica. */
export type NormalCaseOptions = Omit<
  AcknowledgementsOptions &
    EvictionsOptions &
    HeartbeatsOptions &
    NormalOptions &
    OwnRequestsOptions &
    PingsOptions &
    PulsesOptions &
    ReplicationOptions &
    RepliesOptions &
    RequestsOptions &
    UpgradesOptions,
  Inner
>;

/** A replica in a view that has started, as its primary or as one who follows. */
export class NormalCase {
  readonly progress: BackupProgress = new BackupProgress();
  readonly acknowledgements: Acknowledgements;
  readonly heartbeats: Heartbeats;
  readonly replication: Replication;
  readonly replies: Replies;
  readonly requests: Requests;
  readonly pings: Pings;
  readonly pulses: Pulses;
  readonly upgrades: Upgrades;
  readonly #normal: Normal;

  constructor(options: NormalCaseOptions) {
    const { progress } = this;
    const faultDetector = new FaultDetector();
    const ownRequests = new OwnRequests({ ...options, onRequest: (request) => this.requests.onRequest(request) });
    const upgrades = new Upgrades({ ...options, ownRequests });
    const evictions = new Evictions(options);
    const replies = new Replies(options);
    const onHeard = (): void => this.heartbeats.onHeard();
    const acknowledgements = new Acknowledgements({ ...options, progress, onHeard });
    const replication = new Replication({
      ...options,
      faultDetector,
      onPrepareWritten: (prepare) => acknowledgements.acknowledge(prepare),
    });
    const normal = new Normal({ ...options, replication });
    this.upgrades = upgrades;
    this.replies = replies;
    this.acknowledgements = acknowledgements;
    this.replication = replication;
    this.#normal = normal;
    this.heartbeats = new Heartbeats({ ...options, faultDetector });
    this.requests = new Requests({ ...options, normal, replies, evictions, upgrades });
    this.pings = new Pings({ ...options, evictions, upgrades });
    this.pulses = new Pulses({
      ...options,
      ownRequests,
      upgrading: () => upgrades.release !== null,
      logHasRoom: () => this.requests.logHasRoom,
    });
  }

  /** To be called by a primary after each op that it executed: there is room for more (spec 03 §13.3). */
  afterExecute(): void {
    this.#normal.afterExecute();
    this.pulses.afterExecute();
    this.upgrades.requestNext();
  }

  /** To be called whenever a view was left, or has started. */
  onViewLeft(): void {
    this.heartbeats.onTransition();
  }

  /** To be called in every transition to status normal. */
  onNormal(): void {
    this.heartbeats.onTransition();
    this.progress.reset();
  }
}
