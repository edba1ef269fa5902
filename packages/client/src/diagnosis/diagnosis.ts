/**
 * Why a client gets no answer, concluded from what it has seen of the replicas.
 *
 * @module
 */
import { assert } from "@stagbeetle/kernels";
import {
  type ConnectionEnd,
  type ConnectionObserver,
  EvictionReason,
  evictionReasonName,
  formatRelease,
  type Header,
  type Release,
} from "@stagbeetle/vsr-protocol";

import type { Eviction } from "../session.ts";
import type { Finding, FindingCode } from "./finding.ts";
import type { ReplicaReport } from "./replica-report.ts";
import { ReplicaWatch, SILENCE_TICKS } from "./replica-watch.ts";

/** What a diagnosis is made with. */
export interface DiagnosisOptions {
  /** Where the replicas are, as people write it, in their order. */
  readonly addresses: readonly string[];
  readonly cluster: bigint;
  /** The release of the client. */
  readonly release: Release;
  /** The clock that the client's pings carry, in nanoseconds. */
  readonly nowNs: () => bigint;
}

/** Hears of everything that happens on the connections of a client, and says what is wrong. */
export class Diagnosis implements ConnectionObserver {
  readonly #options: DiagnosisOptions;
  readonly #watches: readonly ReplicaWatch[];
  #eviction: Eviction | null = null;

  constructor(options: DiagnosisOptions) {
    const { addresses, cluster } = options;
    assert(addresses.length > 0, "a cluster without addresses");
    this.#options = options;
    this.#watches = addresses.map((address, position) => new ReplicaWatch(address, position, cluster));
  }

  onConnected(replica: number): void {
    this.#watch(replica).onConnected();
  }

  onMessage(replica: number, header: Header): void {
    this.#watch(replica).onMessage(header, this.#options.nowNs());
  }

  onDisconnected(replica: number, end: ConnectionEnd): void {
    this.#watch(replica).onDisconnected(end);
  }

  /** The cluster has ended the session. */
  onEviction(eviction: Eviction): void {
    this.#eviction = eviction;
  }

  /** Lets 10 ms pass. */
  tick(): void {
    for (const watch of this.#watches) watch.tick();
  }

  /** What is known of each replica, in the order of the addresses. */
  get replicas(): readonly ReplicaReport[] {
    return this.#watches.map((watch) => watch.report(this.#watches.length));
  }

  /**
   * What keeps the cluster from answering.
   *
   * @param ticksUnanswered for how long it has not answered what it was sent last; 0 if nothing is under way.
   * @returns null if nothing is known to be wrong.
   */
  finding(ticksUnanswered: number): Finding | null {
    if (this.#eviction !== null) return evictionFinding(this.#eviction, this.#options.release);
    const answering = this.#watches.filter(({ answers }) => answers).length;
    if (answering === 0) return this.#nobodyAnswers();
    const misplaced = this.#findings().find(({ code }) => code === "wrong_addresses");
    if (misplaced !== undefined) return misplaced;
    return ticksUnanswered < SILENCE_TICKS ? null : this.#nobodyExecutes(answering);
  }

  #nobodyAnswers(): Finding {
    const findings = this.#findings();
    const [first] = findings;
    if (first === undefined) {
      const addresses = this.#options.addresses.join(", ");
      return { code: "connecting", message: `no replica has answered yet: connecting to ${addresses}` };
    }
    return { code: mostTelling(findings), message: findings.map(({ message }) => message).join("; ") };
  }

  #nobodyExecutes(answering: number): Finding {
    const count = this.#watches.length;
    const majority = Math.floor(count / 2) + 1;
    if (answering >= majority) {
      return {
        code: "no_primary",
        message:
          `${answering} of ${count} replicas answer and none of them executes requests: ` +
          `the cluster is choosing a primary, or its clocks do not agree`,
      };
    }
    const others = this.#findings().map(({ message }) => message);
    return {
      code: "no_majority",
      message: [`${answering} of ${count} replicas answer, and the cluster needs ${majority}`, ...others].join("; "),
    };
  }

  #findings(): Finding[] {
    return this.#watches
      .map((watch) => watch.finding(this.#watches.length))
      .filter((finding): finding is Finding => finding !== null);
  }

  #watch(replica: number): ReplicaWatch {
    const watch = this.#watches[replica];
    assert(watch !== undefined, () => `replica ${replica} of ${this.#watches.length}`);
    return watch;
  }
}

/** Of several replicas that do not answer, what is wrong with one says more than that another is down. */
const TELLING: readonly FindingCode[] = [
  "wrong_cluster",
  "release_too_old",
  "not_a_replica",
  "closed_without_answer",
  "no_answer",
  "host_not_found",
  "unreachable",
  "nothing_listens",
];

function mostTelling(findings: readonly Finding[]): FindingCode {
  return TELLING.find((code) => findings.some((finding) => finding.code === code)) ?? "connecting";
}

/** Why the cluster ended a session, and what to do about it. */
export function evictionFinding({ reason, clusterRelease }: Eviction, clientRelease: Release): Finding {
  const cluster = formatRelease(clusterRelease);
  const client = formatRelease(clientRelease);
  if (reason === EvictionReason.clientReleaseTooLow) {
    return {
      code: "release_too_old",
      message: `the cluster runs release ${cluster} and does not serve clients of release ${client} any more: upgrade the client`,
    };
  }
  if (reason === EvictionReason.clientReleaseTooHigh) {
    return {
      code: "release_too_new",
      message: `the cluster runs release ${cluster} and does not serve clients of release ${client} yet: upgrade the cluster first`,
    };
  }
  return { code: "evicted", message: `the cluster ended the session: ${EXPLANATIONS[reason]}` };
}

const EXPLANATIONS: Readonly<Record<EvictionReason, string>> = {
  [EvictionReason.reserved]: evictionReasonName(EvictionReason.reserved),
  [EvictionReason.noSession]:
    "it has no session of this client any more, because too many others were opened since it was last used (no_session)",
  [EvictionReason.clientReleaseTooLow]: evictionReasonName(EvictionReason.clientReleaseTooLow),
  [EvictionReason.clientReleaseTooHigh]: evictionReasonName(EvictionReason.clientReleaseTooHigh),
  [EvictionReason.invalidRequestOperation]: "it does not know the operation of a request (invalid_request_operation)",
  [EvictionReason.invalidRequestBody]: "it cannot read the body of a request (invalid_request_body)",
  [EvictionReason.invalidRequestBodySize]: "it does not take requests of that size (invalid_request_body_size)",
  [EvictionReason.sessionTooLow]: "it has a newer session of the same client (session_too_low)",
  [EvictionReason.sessionReleaseMismatch]: "the session was opened with another release (session_release_mismatch)",
};
