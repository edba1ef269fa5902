/**
 * What the modules of a replica share. Each takes only what its options name.
 *
 * @module
 */
import { ClientReplies } from "../clients/replies.ts";
import { ClientSessions } from "../clients/sessions.ts";
import type { Clock } from "../clock/clock.ts";
import type { Message } from "../message/message.ts";
import type { Quorums } from "../quorums.ts";
import { Random } from "../random.ts";
import type { Release } from "../release.ts";
import { CheckpointWindow } from "./checkpoint-window.ts";
import type { Commit, CommitStage } from "./commit.ts";
import { Identity } from "./identity.ts";
import type { Ingress } from "./ingress.ts";
import { LogPosition } from "./log-position.ts";
import { LogRoom } from "./log-room.ts";
import { MessageBuilder } from "./message-builder.ts";
import { MessageCounters } from "./metrics.ts";
import type { NormalCase } from "./normal-case.ts";
import type { ReplicaOptions, ReplicaPorts } from "./options.ts";
import { Outbox } from "./outbox.ts";
import { Pipeline } from "./pipeline.ts";
import { PrefixedLogger } from "./prefixed-logger.ts";
import type { Repair } from "./repair/repair.ts";
import { Roles } from "./roles.ts";
import { Status, statusLetter } from "./status.ts";
import { ReplicaTimings } from "./timings.ts";
import { Timeouts } from "./timeouts.ts";
import type { ViewChange } from "./view-change/view-change.ts";
import { DurableView } from "./view-durable.ts";

/** What is made after the context, out of it. Asked for when it is needed. */
export interface MadeLater {
  readonly clock: () => Clock;
  readonly quorums: () => Quorums;
  readonly normalCase: () => NormalCase;
  readonly viewChange: () => ViewChange;
  readonly repair: () => Repair;
  readonly commit: () => Commit;
  readonly ingress: () => Ingress;
  /** Runs each time a view was made durable. */
  readonly onViewDurable: () => void;
  /** Runs when the data file is for another release, which has to go on. */
  readonly onRelease: (release: Release) => void;
}

/** Who the replica is, and where it stands. */
interface Standing {
  readonly identity: Identity;
  readonly status: Status;
  readonly roles: Roles;
  readonly view: DurableView;
  readonly log: LogPosition;
  readonly window: CheckpointWindow;
  readonly logger: PrefixedLogger;
}

/** What the replica keeps, and its sources of time and chance. */
interface Holdings {
  readonly pipeline: Pipeline;
  readonly sessions: ClientSessions;
  readonly clientReplies: ClientReplies;
  readonly room: LogRoom;
  readonly timeouts: Timeouts;
  readonly timings: ReplicaTimings;
  readonly random: Random;
}

/** What one module knows and others ask. */
interface Questions {
  readonly clock: () => Clock;
  readonly quorums: () => Quorums;
  readonly quorumReplication: () => number;
  readonly releasesBundled: () => readonly Release[];
  /** Whether a state sync is under way, in any of its stages. */
  readonly syncing: () => boolean;
  /** Whether a state sync is at the point where it replaces the checkpoint. */
  readonly updatingCheckpoint: () => boolean;
  /** Whether every block of the checkpoint is here. */
  readonly gridComplete: () => boolean;
  readonly stateMachineOpened: () => boolean;
  /** Whether this replica, as the primary of a view to come, has its quorum of joined views. */
  readonly joinViewQuorum: () => boolean;
  readonly commitStage: () => CommitStage;
  /** Executes what can be executed. */
  readonly commit: () => void;
  /** Acknowledges everything above `commit_max` once more. */
  readonly sendPrepareOks: () => void;
  readonly onJournalWritten: () => void;
  readonly onRelease: (release: Release) => void;
}

/** All that modules share. */
export interface ReplicaContext
  extends Omit<ReplicaPorts, "logger">, Omit<ReplicaOptions, "releasesBundled">, Standing, Holdings, Questions {
  readonly limits: ReplicaOptions;
  readonly pipelinePrepareQueueMax: number;
  readonly outbox: Outbox;
  /** What was sent, by command. */
  readonly messagesOut: MessageCounters;
  readonly messages: MessageBuilder;
}

/** Makes what modules share. Allocates the session table; nothing is read or written. */
export function createContext(options: ReplicaOptions, ports: ReplicaPorts, later: MadeLater): ReplicaContext {
  const standing = createStanding(options, ports, later);
  const { pipelinePrepareQueueMax } = options.config.cluster;
  const state = {
    ...ports,
    ...options,
    ...standing,
    ...createHoldings(options, ports, standing),
    ...createQuestions(options, later),
    limits: options,
    pipelinePrepareQueueMax,
    messagesOut: new MessageCounters(),
  };
  const outbox = new Outbox({
    ...state,
    counters: state.messagesOut,
    opPrepareOkMax: () => later.normalCase().acknowledgements.opMax,
    deliver: (message: Message) => later.ingress().onMessage(message),
  });
  return { ...state, outbox, messages: new MessageBuilder(state) };
}

/** `<index><status letter>:`, by which people and tests find a replica's lines. */
export function logPrefix({ identity, status, view }: Pick<Standing, "identity" | "status" | "view">): string {
  if (!identity.loaded) return "-r:";
  return `${identity.replica}${statusLetter(status.current, identity.primaryOf(view.view))}:`;
}

function createStanding({ config }: ReplicaOptions, { superblock, logger }: ReplicaPorts, later: MadeLater): Standing {
  const identity = new Identity();
  const status = new Status();
  const log = new LogPosition(config.cluster.pipelinePrepareQueueMax);
  const window = new CheckpointWindow(config, {
    opCheckpoint: () => superblock.working.checkpointHeader.op,
    checkpointSync: () => later.repair().stateSync.checkpointIds,
  });
  const view = new DurableView({
    config,
    superblock,
    commitMax: () => log.commitMax,
    syncCheckpoint: () => later.repair().stateSync.syncCheckpoint,
    onWritten: () => later.repair().stateSync.onViewDurable(),
    onDurable: later.onViewDurable,
  });
  return {
    identity,
    status,
    roles: new Roles({ identity, status, view }),
    view,
    log,
    window,
    logger: new PrefixedLogger(logger, () => logPrefix({ identity, status, view })),
  };
}

function createHoldings(options: ReplicaOptions, ports: ReplicaPorts, { window, logger }: Standing): Holdings {
  const { config, nonce, pipelineRequestQueueLimit } = options;
  const { memory, storage, stateMachine, time, pool, checksums } = ports;
  const random = new Random(BigInt.asUintN(64, nonce));
  const sessions = new ClientSessions({ config, memory });
  const opMax = stateMachine.checkpoints ? null : (): number => window.opCheckpointNextTrigger - 1;
  return {
    random,
    timings: new ReplicaTimings(time),
    timeouts: new Timeouts({ config, random, afterTicks: options.timeoutTicks }),
    sessions,
    clientReplies: new ClientReplies({ config, storage, sessions, messages: pool, checksums }),
    room: new LogRoom(opMax, time, logger),
    pipeline: new Pipeline({
      prepareQueueMax: config.cluster.pipelinePrepareQueueMax,
      requestQueueMax: pipelineRequestQueueLimit,
    }),
  };
}

function createQuestions(options: ReplicaOptions, later: MadeLater): Questions {
  return {
    clock: later.clock,
    quorums: later.quorums,
    quorumReplication: () => later.quorums().replication,
    releasesBundled: options.releasesBundled ?? ((): readonly Release[] => [options.release]),
    syncing: () => later.repair().stateSync.syncing,
    updatingCheckpoint: () => later.repair().stateSync.updatingCheckpoint,
    gridComplete: () => later.repair().stateSync.gridComplete,
    stateMachineOpened: () => later.commit().open,
    joinViewQuorum: () => later.viewChange().joinViewQuorum,
    commitStage: () => later.commit().stage,
    commit: () => later.commit().run(),
    sendPrepareOks: () => later.normalCase().acknowledgements.sendPrepareOksAfterCommitMax(),
    onJournalWritten: () => later.ingress().resume(),
    onRelease: later.onRelease,
  };
}
