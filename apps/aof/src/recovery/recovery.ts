/**
 * One run of a recovery: from the first connection to the last answer, or to the reason why there is none.
 */
import { AOFReplayClient, Iterator } from "@stagbeetle/aof";
import type { ReplayMessage, ReplayResult, ReplaySession, SurveyReport } from "@stagbeetle/aof";
import { createLogger, startProgress } from "@stagbeetle/command-line";
import type { Progress } from "@stagbeetle/command-line";
import { openReadableFile } from "@stagbeetle/io-linux";
import { fail } from "@stagbeetle/kernels";
import { formatAddress, PRODUCTION } from "@stagbeetle/vsr-protocol";
import type { Logger } from "@stagbeetle/vsr-protocol";

import { AofError } from "../aof-error.ts";
import type { RecoverCommand } from "../commands/command.ts";
import { Interruption } from "../interruption.ts";
import { ProgressFile } from "./progress-file.ts";
import type { Position } from "./progress-file.ts";
import { RecoverySessions } from "./sessions.ts";

/** After how long without an answer a line of the log says so, and says it again. */
const SILENCE_MS = 10_000;

/** What is recovered, and from where on. */
export interface RecoveryOptions {
  readonly command: RecoverCommand;
  /** Of the file, which is one chain. */
  readonly report: SurveyReport;
  readonly cluster: bigint;
  readonly position: Position;
}

/** `beginning` until the first session is registered, which shows what the cluster has; `sending`; `done`. */
type RecoveryState = "beginning" | "sending" | "done";

/** A recovery, to be run once. */
export class Recovery {
  readonly #options: RecoveryOptions;
  readonly #logger: Logger = createLogger("aof");
  readonly #progressFile: ProgressFile;
  readonly #iterator: Iterator;
  readonly #sessions: RecoverySessions;
  readonly #replay: AOFReplayClient;
  readonly #progress: Progress;
  readonly #ended: PromiseWithResolvers<void> = Promise.withResolvers<void>();
  #state: RecoveryState = "beginning";
  #position: Position;
  #shownOffset: number;
  #silentSinceMs: number = performance.now();

  constructor(options: RecoveryOptions) {
    const { command, report, cluster, position } = options;
    const { path, addresses, progressPath } = command;
    const file = openReadableFile(path);
    this.#options = options;
    this.#position = position;
    this.#shownOffset = position.offset;
    this.#iterator = new Iterator({ config: PRODUCTION, file });
    this.#iterator.moveTo(position.offset);
    this.#progressFile = ProgressFile.open(progressPath);
    this.#progress = startProgress("aof", "bytes sent", file.sizeBytes - position.offset);
    this.#sessions = new RecoverySessions({
      cluster,
      addresses,
      sessionsMax: report.replayableReleases.length,
      attempt: position.attempt,
      onTick: () => this.#onTick(),
      onEviction: (message) => this.#fail(message),
    });
    this.#replay = new AOFReplayClient({
      iterator: this.#iterator,
      openSession: (release) => this.#sessions.open(release),
      onSend: (message) => this.#onSend(message),
      onAnswer: (message, session) => this.#onAnswer(message, session),
    });
  }

  /** @returns how many requests were answered. @throws AofError, and DataFileError if its progress cannot be kept. */
  async run(): Promise<number> {
    const interruption = new Interruption((signal) => this.#fail(`interrupted by ${signal}`));
    try {
      this.#replay.replay((result) => this.#onResult(result), this.#firstRelease);
      await this.#ended.promise;
    } finally {
      interruption[Symbol.dispose]();
      // Where nothing was answered, to begin anew is the same as to go on.
      if (this.#state === "done" || this.#position.opCluster === 0) this.#progressFile.remove();
      else this.#progressFile.close();
      this.#progress.end();
      await this.#sessions.close();
      this.#iterator.close();
    }
    return this.#replay.requests;
  }

  /** The release whose session is the first: that of what was under way, or of the first entry that is sent. */
  get #firstRelease(): number | null {
    const { opCluster, release } = this.#options.position;
    return opCluster === 0 || release === 0 ? null : release;
  }

  #onSend({ kind, release, op, offset }: ReplayMessage): void {
    // Until the session that goes on is registered it is not known whether what was under way has arrived.
    if (this.#state === "beginning" && this.#position.opCluster > 0) return;
    this.#position = { ...this.#position, sending: kind, release, op, offset };
    this.#progressFile.write(this.#position);
  }

  #onAnswer({ kind }: ReplayMessage, { session, batchSizeLimit }: ReplaySession): boolean {
    this.#silentSinceMs = performance.now();
    const problem = this.#state === "beginning" ? this.#goOn(session) : null;
    if (problem !== null) {
      this.#ended.reject(new AofError(problem));
      return false;
    }
    this.#state = "sending";
    const opCluster = kind === "register" ? session : this.#position.opCluster + 1;
    this.#position = { ...this.#position, opCluster, sending: null };
    // What follows a request is written with the next one; what follows a registration may be that it is useless.
    if (kind === "register") this.#progressFile.write(this.#position);
    const { replayableBodySizeMax } = this.#options.report;
    if (replayableBodySizeMax <= batchSizeLimit) return true;
    this.#fail(
      `the file has requests of ${replayableBodySizeMax} bytes and the cluster takes ${batchSizeLimit}: restart it with a larger --limit-request`,
    );
    return false;
  }

  /**
   * Checks that the cluster is where this recovery left it, and finds out whether the message under way has arrived there: the op
   * of the first session tells. Returns what is wrong, or null.
   */
  #goOn(session: number): string | null {
    const { opCluster, sending, offset } = this.#options.position;
    const arrived = session - opCluster - 1;
    if (arrived === 0) return null;
    if (opCluster === 0) return `the cluster is not fresh: its log has ${session - 1} ops already; format it anew`;
    if (arrived < 0) {
      return `the cluster's log ends before op ${opCluster}, where the recovery was interrupted: this is another cluster; remove ${this.#progressFile.path} to begin anew`;
    }
    if (arrived > 1 || sending === null) {
      return `the cluster's log has ${arrived} ops behind op ${opCluster}, where the recovery was interrupted: somebody else has used it; begin anew with a fresh cluster`;
    }
    return sending === "request" ? this.#passOver(offset) : null;
  }

  /** Moves behind an entry that has arrived. Returns what is wrong, or null. */
  #passOver(offset: number): string | null {
    this.#iterator.moveTo(offset);
    const step = this.#iterator.next();
    if (step.kind !== "entry") return `${this.#progressFile.path}: it is damaged: there is no entry at byte ${offset}`;
    this.#logger.log("info", `op ${step.entry.header.op} had arrived before the interruption`);
    return null;
  }

  #onResult(result: ReplayResult): void {
    switch (result.outcome) {
      case "done":
        this.#state = "done";
        this.#ended.resolve();
        return;
      case "damaged":
        this.#fail(`${this.#options.command.path}: ${result.fault} at byte ${result.offset}: it has changed meanwhile`);
        return;
      case "too_large":
        fail(`op ${result.op} has more bytes than any: ${result.sizeBytes}`);
      case "stopped":
    }
  }

  #fail(reason: string): void {
    const { opCluster } = this.#position;
    const hint =
      opCluster === 0 ? "" : `; \`aof recover --resume\` goes on behind op ${opCluster} of the cluster's log`;
    this.#ended.reject(new AofError(`${reason}${hint}`));
  }

  #onTick(): void {
    this.#progress.advance(this.#replay.offset - this.#shownOffset);
    this.#shownOffset = this.#replay.offset;
    if (performance.now() - this.#silentSinceMs < SILENCE_MS) return;
    this.#silentSinceMs = performance.now();
    const { command, cluster } = this.#options;
    const addresses = command.addresses.map(formatAddress).join(", ");
    this.#logger.log(
      "warn",
      `no answer from ${addresses} for ${SILENCE_MS / 1000} s; are all replicas started with --experimental --aof-recovery, fresh, and of cluster ${cluster}?`,
    );
  }
}
