import { describe, expect, test } from "vitest";
import {
  formatted,
  headerChain,
  opened,
  prepareHeader,
  RecordingLogger,
  RELEASE,
  replyHeader,
  sealed,
} from "../../../test/builders.ts";
import { build } from "../../../test/messages.ts";
import type { MemoryStorage } from "../../../test/memory-storage.ts";
import { RepairBench } from "../../../test/repair-bench.ts";
import { TestTime } from "../../../test/solo.ts";
import type { ClientSession } from "../../clients/sessions.ts";
import { Command } from "../../command.ts";
import { TEST_MIN } from "../../config/test-min.ts";
import { recordBytes } from "../../layout.ts";
import { CHECKSUM_EMPTY } from "../../message/checksums.ts";
import type { Message } from "../../message/message.ts";
import { CHECKPOINT_STATE_SIZE_BYTES, ViewHeader } from "../../message/view.ts";
import { CheckpointState } from "../../superblock/layout.ts";
import type { SuperBlock } from "../../superblock/superblock.ts";
import type { CommitStage } from "../commit.ts";
import { ReplicaTimings } from "../timings.ts";
import { StateSync, SYNC_STAGE_METRIC } from "./state-sync.ts";
import { TableSync } from "./table-sync.ts";

const HEAD = 68;
const CHECKPOINT = 59;
const TRIGGER = 63;

/** A checkpoint of `op` as another replica has it, without a single block. */
function checkpointState(op: number, release: number = RELEASE): CheckpointState {
  const state = new CheckpointState(new Uint8Array(CHECKPOINT_STATE_SIZE_BYTES));
  const header = prepareHeader({ op, parent: 5n });
  state.header = recordBytes(sealed(header));
  state.freeSetBlocksAcquiredChecksum = CHECKSUM_EMPTY;
  state.freeSetBlocksReleasedChecksum = CHECKSUM_EMPTY;
  state.clientSessionsChecksum = CHECKSUM_EMPTY;
  state.parentCheckpointId = 11n;
  state.grandparentCheckpointId = 12n;
  state.storageSize = new RepairBench().config.derived.dataFileSizeMin;
  state.release = release;
  return state;
}

function viewBytes(state: CheckpointState, fields: { readonly [name: string]: number } = {}): Uint8Array {
  const body = new Uint8Array(CHECKPOINT_STATE_SIZE_BYTES + 256);
  body.set(recordBytes(state));
  body.set(recordBytes(prepareHeader({ op: HEAD })), CHECKPOINT_STATE_SIZE_BYTES);
  const values = { command: Command.view, op: HEAD, commitMax: HEAD, checkpointOp: CHECKPOINT, view: 2, ...fields };
  return build(ViewHeader, values, body);
}

/** A backup at checkpoint 0 that knows a superblock and nothing else that is real. */
class Bench {
  readonly node = new RepairBench({ replica: 1 });
  readonly storage: MemoryStorage = formatted({ replica: 1, replicaCount: 3 });
  readonly superblock: SuperBlock = opened(this.storage);
  readonly logger = new RecordingLogger();
  readonly calls: string[] = [];
  readonly facts = { commit: "idle" as CommitStage, opened: true, stuck: false, repliesDurable: true };
  readonly sync: StateSync;
  readonly tableSync: TableSync;
  sessions: ClientSession[] = [];
  #onCancelled: (() => void) | null = null;

  /** @param inMemory whether the state machine keeps its state in memory. */
  constructor(inMemory = false) {
    const { node, superblock, logger } = this;
    const timings = new ReplicaTimings(new TestTime());
    const note = (call: string) => () => void this.calls.push(call);
    node.chain(12, { commitMin: 12 });
    const store = inMemory ? null : this.#store();
    this.tableSync = new TableSync({ store, superblock, timings, logger, onComplete: note("complete") });
    this.sync = new StateSync({
      config: node.config,
      release: RELEASE,
      store,
      superblock,
      log: node.log,
      window: { opCheckpoint: 0 },
      stateMachine: { reset: note("reset state machine") },
      sessions: { reset: note("reset sessions"), entries: () => this.sessions.values() },
      clientReplies: { resetFaulty: note("reset faulty"), replyDurable: () => this.facts.repliesDurable },
      aof: { stateSynced: note("aof") },
      checksums: node.checksums,
      logger,
      progress: { stuck: this.facts.stuck, restart: note("restart progress") },
      tableSync: this.tableSync,
      commitStage: () => this.facts.commit,
      stateMachineOpened: () => this.facts.opened,
      dropCommit: note("drop commit"),
      onGridCancelled: note("grid cancelled"),
      installLog: (view) => this.#installLog(view),
      onSynced: note("reopen"),
      switchRelease: (release) => this.calls.push(`switch to ${release}`),
    });
  }

  /** Lets a view begin a sync. Returns what that called. */
  start(bytes: Uint8Array = viewBytes(checkpointState(CHECKPOINT))): string[] {
    const message = this.node.received(bytes);
    this.sync.start(message);
    message.release();
    return this.calls.splice(0);
  }

  gridCancelled(): string[] {
    const callback = this.#onCancelled;
    if (callback === null) throw new Error("the grid is not being cancelled");
    this.#onCancelled = null;
    callback();
    return this.calls.splice(0);
  }

  /** Writes the superblock as the view does, and tells of it. */
  persist(): boolean {
    let stop = false;
    const { syncCheckpoint } = this.sync;
    const headers = headerChain(HEAD, HEAD);
    this.superblock.viewChange({ view: 2, logView: 2, headers, commitMax: HEAD, syncCheckpoint }, () => {
      stop = this.sync.onViewDurable();
    });
    this.storage.run();
    return stop;
  }

  /** A store that writes down what is done to it, and has no tables. */
  #store() {
    const note = (call: string) => () => void this.calls.push(call);
    return {
      grid: {
        cancel: (callback: () => void) => {
          this.calls.push("cancel grid");
          this.#onCancelled = callback;
        },
        reclaimTable: () => null,
        resumeTables: note("resume tables"),
        fetchTable: () => true,
        tablesAvailable: 0,
        tablesMissing: 0,
      },
      clientSessions: { reset: note("reset sessions trailer") },
      scrubber: { cancel: note("cancel scrubber") },
      tables: { rewind: note("rewind"), next: () => null, has: () => true },
    };
  }

  #installLog(view: Message): void {
    const { op, commitMax } = view.as(ViewHeader);
    this.calls.push(`install log to ${op} while ${this.sync.stage}`);
    this.node.log.installHead(op, commitMax);
    this.sync.installCheckpoint();
  }
}

describe("a state sync", () => {
  test("goes through its stages, and ends with the store being opened anew", () => {
    const subject = new Bench();
    expect([subject.sync.stage, subject.sync.syncing, subject.sync.checkpointIds.op]).toEqual(["idle", false, 0]);
    expect(subject.start()).toEqual(["cancel grid"]);
    expect([subject.sync.stage, subject.sync.canceling, subject.sync.syncCheckpoint]).toEqual([
      "canceling_grid",
      true,
      null,
    ]);
    expect(subject.gridCancelled()).toEqual([
      "grid cancelled",
      "cancel scrubber",
      "drop commit",
      "reset state machine",
      "reset sessions",
      "reset sessions trailer",
      "reset faulty",
      "aof",
      "rewind",
      `install log to ${HEAD} while updating_checkpoint`,
      "restart progress",
    ]);
    expect([subject.sync.stage, subject.sync.canceling, subject.sync.updatingCheckpoint]).toEqual([
      "updating_checkpoint",
      false,
      true,
    ]);
    expect(subject.node.log.commitMin).toBe(CHECKPOINT);
    expect(subject.persist()).toBe(false);
    expect([subject.sync.stage, subject.calls]).toEqual(["idle", ["reopen"]]);
    const { working } = subject.superblock;
    expect([working.checkpointHeader.op, working.vsrState.syncOpMin, working.vsrState.syncOpMax]).toEqual([
      CHECKPOINT,
      0,
      TRIGGER,
    ]);
    expect(subject.node.pool.available).toBe(subject.node.pool.messagesMax);
  });

  test("may go back, by less than the bar that its checkpoint is triggered by", () => {
    const subject = new Bench();
    const state = checkpointState(19);
    state.parentCheckpointId = subject.superblock.working.checkpointId();
    const view = viewBytes(state, { checkpointOp: 19, op: HEAD });
    subject.node.log.installHead(23, 22);
    for (let op = 13; op <= 22; op += 1) subject.node.log.executed(op);
    subject.start(view);
    subject.gridCancelled();
    expect([subject.node.log.commitMin, subject.node.log.commitMax]).toEqual([19, HEAD]);
  });

  const unrelated: readonly (readonly [name: string, op: number, change: (state: CheckpointState) => void])[] = [
    ["of an older release", CHECKPOINT, (state) => (state.release = RELEASE - 1)],
    ["that does not follow from the current one", 19, (state) => (state.parentCheckpointId = 7n)],
    ["that does not descend from the current one", 39, (state) => (state.grandparentCheckpointId = 7n)],
    ["with the parent of the current one", CHECKPOINT, (state) => (state.parentCheckpointId = 0n)],
    ["between two checkpoints", CHECKPOINT + 4, () => undefined],
    [
      "that no file has room for",
      CHECKPOINT,
      (state) => (state.storageSize = TEST_MIN.process.storageSizeLimitMax + 1),
    ],
  ];
  test.each(unrelated)("refuses a checkpoint %s", (_, op, change) => {
    const subject = new Bench();
    const state = checkpointState(op);
    change(state);
    expect(subject.start(viewBytes(state, { checkpointOp: op }))).toEqual([]);
    expect(subject.sync.stage).toBe("idle");
    expect(subject.logger.lines.at(-1)).toMatch(/sync: refused: /u);
  });

  test("is not for a replica that keeps its state in memory", () => {
    const subject = new Bench(true);
    expect(subject.start()).toEqual([]);
    expect(subject.logger.lines.at(-1)).toMatch(/sync: refused: this replica keeps its state in memory/u);
  });

  test("knows the ids of the checkpoint that it installs before that is durable", () => {
    const subject = new Bench();
    const state = checkpointState(CHECKPOINT);
    subject.start();
    subject.gridCancelled();
    expect(subject.sync.checkpointIds).toEqual({
      op: CHECKPOINT,
      id: subject.node.checksums.of(recordBytes(state)),
      parentId: 11n,
      grandparentId: 12n,
    });
    subject.persist();
    expect(subject.sync.checkpointIds).toEqual(subject.superblock.checkpointIds);
  });

  test("waits for a step of the commit loop that cannot be cancelled", () => {
    for (const commit of ["start", "stall", "reply_setup", "checkpoint_durable"] as const) {
      const subject = new Bench();
      subject.facts.commit = commit;
      expect(subject.start()).toEqual([]);
      expect([subject.sync.stage, subject.sync.canceling]).toEqual(["canceling_commit", true]);
      subject.sync.onCommitCancelled();
      expect([subject.sync.stage, subject.calls]).toEqual(["canceling_grid", ["cancel grid"]]);
    }
  });

  test("cancels what waits for the grid", () => {
    for (const commit of ["idle", "prefetch", "compact"] as const) {
      const subject = new Bench();
      subject.facts.commit = commit;
      expect(subject.start()).toEqual(["cancel grid"]);
    }
  });

  test("does not begin during a checkpoint, or a second time", () => {
    for (const commit of ["checkpoint_data", "checkpoint_superblock"] as const) {
      const subject = new Bench();
      subject.facts.commit = commit;
      expect([subject.start(), subject.sync.stage]).toEqual([[], "idle"]);
    }
    const subject = new Bench();
    subject.start();
    subject.gridCancelled();
    expect([subject.start(), subject.sync.stage]).toEqual([[], "updating_checkpoint"]);
    expect(subject.node.pool.available).toBe(subject.node.pool.messagesMax);
  });

  test("is not finished by a write of the view that had begun before", () => {
    const subject = new Bench();
    subject.start();
    const headers = headerChain(HEAD, HEAD);
    let finished = true;
    subject.superblock.viewChange({ view: 2, logView: 2, headers, commitMax: HEAD, syncCheckpoint: null }, () => {
      finished = !subject.sync.updatingCheckpoint;
      subject.sync.onViewDurable();
    });
    subject.gridCancelled();
    subject.storage.run();
    expect([finished, subject.sync.stage]).toEqual([false, "updating_checkpoint"]);
  });

  test("to a checkpoint of a newer release goes on with that release", () => {
    const subject = new Bench();
    subject.start(viewBytes(checkpointState(CHECKPOINT, RELEASE + 1)));
    subject.gridCancelled();
    expect(subject.persist()).toBe(true);
    expect([subject.sync.stage, subject.calls]).toEqual(["idle", [`switch to ${RELEASE + 1}`]]);
  });

  test("resumes its tables once the store is open again, but not at a start", () => {
    const subject = new Bench();
    subject.sync.onStateMachineOpened();
    expect(subject.calls.splice(0)).toEqual([]);
    subject.start();
    subject.gridCancelled();
    subject.persist();
    subject.calls.length = 0;
    subject.sync.onStateMachineOpened();
    expect(subject.calls).toEqual(["resume tables"]);
  });

  test("that a crash interrupted goes on with its tables at the next start", () => {
    const subject = new Bench();
    subject.sync.onSuperBlockOpened();
    expect(subject.tableSync.active).toBe(false);
    subject.superblock.working.vsrState.syncOpMin = 24;
    subject.superblock.working.vsrState.syncOpMax = TRIGGER;
    subject.sync.onSuperBlockOpened();
    expect(subject.tableSync.range).toEqual({ opMin: 24, opMax: TRIGGER });
    expect([subject.sync.gridComplete, subject.sync.contentSyncing, subject.sync.contentDone]).toEqual([
      false,
      true,
      false,
    ]);
  });

  test("keeps what an unfinished one before it skipped", () => {
    const subject = new Bench();
    subject.superblock.working.vsrState.syncOpMin = 4;
    subject.superblock.working.vsrState.syncOpMax = 23;
    subject.start();
    subject.gridCancelled();
    expect(subject.sync.syncCheckpoint).toMatchObject({ syncOpMin: 0, syncOpMax: TRIGGER });
  });

  test("has a number in metrics for each stage", () => {
    expect(SYNC_STAGE_METRIC).toEqual({ idle: 0, canceling_commit: 1, canceling_grid: 2, updating_checkpoint: 3 });
  });
});

describe("a view", () => {
  test("far ahead is a reason to sync, one that is near is not", () => {
    const subject = new Bench();
    const decide = (bytes: Uint8Array): string => {
      const message = subject.node.received(bytes);
      const decision = subject.sync.decide(message);
      message.release();
      return decision;
    };
    expect(decide(viewBytes(checkpointState(CHECKPOINT)))).toBe("sync");
    expect(decide(viewBytes(checkpointState(19), { checkpointOp: 19, op: 28, commitMax: 28 }))).toBe("repair");
  });
});

describe("what was skipped is complete", () => {
  test("when the state machine is open, all tables are here, and all replies", () => {
    const subject = new Bench();
    expect(subject.sync.contentDone).toBe(true);
    subject.facts.opened = false;
    expect([subject.sync.contentDone, subject.sync.gridComplete]).toEqual([false, false]);
    subject.facts.opened = true;
    subject.tableSync.begin({ opMin: 0, opMax: 23 });
    expect([subject.sync.contentDone, subject.sync.gridComplete]).toEqual([false, false]);
  });

  test("whatever is with replies of other ops", () => {
    const subject = new Bench();
    subject.facts.repliesDurable = false;
    subject.superblock.working.vsrState.syncOpMin = 4;
    subject.superblock.working.vsrState.syncOpMax = 23;
    const done = (op: number): boolean => {
      subject.sessions = [{ slot: 0, session: 1, header: replyHeader({ client: 7n, op }) }];
      return subject.sync.contentDone;
    };
    expect([done(3), done(4), done(23), done(24)]).toEqual([true, false, false, true]);
    subject.facts.repliesDurable = true;
    expect([done(4), done(23)]).toEqual([true, true]);
  });
});
