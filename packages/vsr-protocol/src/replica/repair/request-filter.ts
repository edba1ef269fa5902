/**
 * Which messages about repair a node takes (spec 03 §20.2).
 *
 * @module
 */
import type { Header } from "../../message/frame.ts";
import type { Identity } from "../identity.ts";
import type { Roles } from "../roles.ts";
import type { Status } from "../status.ts";

/** What it depends on. */
export interface RepairFilterFacts {
  readonly identity: Pick<Identity, "replica" | "standby">;
  readonly status: Pick<Status, "current">;
  readonly roles: Pick<Roles, "ofPrimary">;
  /** Whether this replica, as the primary of a view to come, has its quorum of joined views. */
  readonly joinViewQuorum: () => boolean;
}

/**
 * Why a `get_headers`, `get_prepare`, `get_reply` or `get_blocks` is not answered, or null. Every replica answers, in any
 * status: one that does not know its own head can still help others.
 */
export function repairRequestIgnored(header: Header, { identity }: Pick<RepairFilterFacts, "identity">): string | null {
  if (header.replica === identity.replica) return "misdirected (self)";
  return identity.standby ? "misdirected (standby)" : null;
}

/** Why the `headers` of another replica are not looked at, or null. */
export function headersIgnored(header: Header, facts: RepairFilterFacts): string | null {
  const { identity, status } = facts;
  if (header.replica === identity.replica) return "misdirected (self)";
  if (status.current === "normal") return null;
  return repairsInViewChange(facts) ? null : `status ${status.current}`;
}

/** Whether this replica changes the view and has installed the log of the new one, as its primary: only then does it repair. */
export function repairsInViewChange({ status, roles, joinViewQuorum }: Omit<RepairFilterFacts, "identity">): boolean {
  return status.current === "view_change" && roles.ofPrimary && joinViewQuorum();
}
