/**
 * How the program names things.
 */
import type { AOFFault, OpRange, SurveyFault, SurveyReport } from "@stagbeetle/aof";
import { operationFromVsr } from "@stagbeetle/state-machine";
import { operationName, operationValid } from "@stagbeetle/vsr-protocol";

/** An operation by name; an unknown one by number. */
export function operationText(operation: number): string {
  if (operationValid(operation)) return operationName(operation);
  return operationFromVsr(operation)?.name ?? String(operation);
}

/** `create_accounts 31, create_transfers 164` */
function operationsText(operations: ReadonlyMap<number, number>): string {
  return [...operations]
    .toSorted(([a], [b]) => a - b)
    .map(([operation, count]) => `${operationText(operation)} ${count}`)
    .join(", ");
}

/** `op 7`, `ops 7 to 9` */
export function rangeText({ first, last }: OpRange): string {
  return first === last ? `op ${first}` : `ops ${first} to ${last}`;
}

/** `1 entry`, `2 entries` */
export function entriesText(count: number): string {
  return count === 1 ? "1 entry" : `${count} entries`;
}

/** What there is in a file. */
export function contentsText({ entries, opFirst, opLast, operations }: SurveyReport): string {
  if (entries === 0) return "no entries";
  return `${entriesText(entries)}, first op ${opFirst}, last op ${opLast}: ${operationsText(operations)}`;
}

/** One fault and what it means. */
export function faultText({ fault, offset, sizeBytes, opBefore, opAfter }: SurveyFault): string {
  const before = opBefore === null ? "the beginning" : `op ${opBefore}`;
  const after = opAfter === null ? "the end" : `op ${opAfter}`;
  return `byte ${offset}: ${fault}: ${meaning(fault, sizeBytes, opBefore, opAfter)} between ${before} and ${after}`;
}

function meaning(fault: AOFFault, sizeBytes: number, opBefore: number | null, opAfter: number | null): string {
  if (fault !== "AOFChecksumChainMismatch") return `${sizeBytes} bytes are no entry`;
  if (opBefore === null || opAfter === null) return "the chain breaks";
  if (opAfter <= opBefore) return "the log goes back, as it does after a restart,";
  return opAfter === opBefore + 1 ? "the chain breaks" : "entries are missing";
}

/** How often each fault occurs. */
export function faultCountsText(counts: ReadonlyMap<AOFFault, number>): string {
  return [...counts].map(([fault, count]) => `${count} ${fault}`).join(", ");
}
