/**
 * `stagbeetle doctor`: why clients get no answer from a cluster, or that they would.
 */
import { EXIT_SUCCESS, EXIT_UNHEALTHY } from "@stagbeetle/command-line";
import type { Terminal } from "@stagbeetle/command-line";
import type { Finding } from "@stagbeetle/client";

import { examine, type Examination, type ExaminedReplica } from "../doctor/examine.ts";
import type { DoctorCommand } from "./doctor-flags.ts";

/** Looks at the cluster, as a client would and without a session. Returns the exit status. */
export async function doctor(command: DoctorCommand, terminal: Terminal): Promise<number> {
  const examination = await examine(command);
  terminal.stdout(command.json ? `${JSON.stringify(asJson(command, examination), null, 2)}\n` : asText(examination));
  return examination.finding === null ? EXIT_SUCCESS : EXIT_UNHEALTHY;
}

function asText({ replicas, finding }: Examination): string {
  const width = Math.max(...replicas.map(({ address }) => address.length));
  const lines = replicas.map((replica) => `${replica.address.padEnd(width)}  ${describe(replica)}`);
  lines.push(conclusion(replicas, finding));
  return lines.map((line) => `${line}\n`).join("");
}

function conclusion(replicas: readonly ExaminedReplica[], finding: Finding | null): string {
  if (finding === null) return "the cluster serves clients";
  // What was said about a replica is not said again.
  const said = replicas.some((replica) => replica.finding?.message === finding.message);
  return `the cluster does not serve clients: ${finding.code}${said ? "" : `: ${finding.message}`}`;
}

function describe(replica: ExaminedReplica): string {
  const { finding, role, release, view, roundTripMs } = replica;
  if (finding !== null) return finding.message;
  if (replica.replica === null) return "no answer";
  const parts = [`replica ${replica.replica}`];
  if (role !== "unknown") parts.push(role);
  if (release !== null) parts.push(`release ${release}`);
  if (view !== null) parts.push(`view ${view}`);
  if (roundTripMs !== null) parts.push(`${roundTripMs.toFixed(1)} ms`);
  return parts.join(", ");
}

/** An id can exceed 2^53, so it is a string. */
function asJson({ cluster }: DoctorCommand, { replicas, finding }: Examination): object {
  return { cluster: String(cluster), serves: finding === null, finding, replicas };
}
