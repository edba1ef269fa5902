/**
 * What is in a prepare or reply: the events or results of its operation (spec 06 §6.6, §6.7).
 *
 * Different from the reference, which takes the trailer of a body of several batches for events, batches are told apart.
 */
import {
  Account,
  AccountBalance,
  AccountFilter,
  ChangeEvent,
  ChangeEventsFilter,
  CreateResult,
  CreateResultSparse,
  operationFromVsr,
  QueryFilter,
  Transfer,
} from "@stagbeetle/state-machine";
import type { OperationTraits } from "@stagbeetle/state-machine";
import { MultiBatchDecoder, RegisterRequest, RegisterResult, Operation } from "@stagbeetle/vsr-protocol";
import type { Layout } from "@stagbeetle/vsr-protocol";

import { layoutLeaves } from "./leaves.ts";
import { operationText } from "./text.ts";

/** Which side of an operation. */
export type BodyKind = "events" | "results";

/** One field of an element as text, by its name, in the order of the layout. */
export type ElementFields = Readonly<Record<string, string>>;

/** A body taken apart. */
export interface BodyReport {
  /** All elements of all batches. */
  readonly elements: readonly ElementFields[];
  /** How many elements each batch has; null if the operation has no batches. */
  readonly batches: readonly number[] | null;
  /** Why it could not be taken apart, or null. */
  readonly fault: string | null;
}

interface ElementType {
  readonly layout: Layout;
  readonly sizeBytes: number;
}

const ID: ElementType = { layout: { id: { type: "u128", offset: 0 } }, sizeBytes: 16 };

/** @param body behind the header; any bytes. */
export function bodyReport(kind: BodyKind, operation: number, body: Uint8Array): BodyReport {
  if (body.length === 0) return { elements: [], batches: null, fault: null };
  if (operation === Operation.register) {
    return plainReport(kind === "events" ? RegisterRequest : RegisterResult, body);
  }
  const traits = operationFromVsr(operation);
  const element = traits === null ? null : kind === "events" ? eventOf(traits) : resultOf(traits);
  if (traits === null || element === null) return faulty(`unimplemented operation=${operationText(operation)}`);
  return traits.multiBatch ? batchesReport(element, body) : plainReport(element, body);
}

function eventOf({ kind }: OperationTraits): ElementType | null {
  switch (kind) {
    case "pulse":
      return null;
    case "create_accounts":
      return Account;
    case "create_transfers":
      return Transfer;
    case "lookup_accounts":
    case "lookup_transfers":
      return ID;
    case "get_account_transfers":
    case "get_account_balances":
      return AccountFilter;
    case "query_accounts":
    case "query_transfers":
      return QueryFilter;
    case "get_change_events":
      return ChangeEventsFilter;
  }
}

function resultOf({ kind, resultSizeBytes }: OperationTraits): ElementType | null {
  switch (kind) {
    case "pulse":
      return null;
    case "create_accounts":
    case "create_transfers":
      return resultSizeBytes === CreateResult.sizeBytes ? CreateResult : CreateResultSparse;
    case "lookup_accounts":
    case "query_accounts":
      return Account;
    case "lookup_transfers":
    case "query_transfers":
    case "get_account_transfers":
      return Transfer;
    case "get_account_balances":
      return AccountBalance;
    case "get_change_events":
      return ChangeEvent;
  }
}

function batchesReport(type: ElementType, body: Uint8Array): BodyReport {
  const decoder = new MultiBatchDecoder();
  const reason = decoder.decode(body, type.sizeBytes);
  if (reason !== null) return faulty(`unexpected body size=${body.length} (${reason})`);
  const elements: ElementFields[] = [];
  const batches: number[] = [];
  while (decoder.next()) {
    batches.push(decoder.elementCount);
    elements.push(...elementsOf(type, decoder.batch()));
  }
  return { elements, batches, fault: null };
}

function plainReport(type: ElementType, body: Uint8Array): BodyReport {
  if (body.length % type.sizeBytes !== 0) return faulty(`unexpected body size=${body.length}`);
  return { elements: elementsOf(type, body), batches: null, fault: null };
}

function faulty(fault: string): BodyReport {
  return { elements: [], batches: null, fault };
}

function elementsOf({ layout, sizeBytes }: ElementType, bytes: Uint8Array): readonly ElementFields[] {
  return Array.from({ length: bytes.length / sizeBytes }, (_, index) =>
    elementFields(layout, bytes.subarray(index * sizeBytes, (index + 1) * sizeBytes)),
  );
}

/** The fields of one record. */
export function elementFields(layout: Layout, bytes: Uint8Array): ElementFields {
  const leaves = layoutLeaves(layout, "", 0);
  return Object.fromEntries(
    leaves.map(({ path, offset, sizeBytes, text }) => [path, text(bytes.subarray(offset, offset + sizeBytes))]),
  );
}

/** One line a field, under the names that the reference has for them. */
export function bodyLines(kind: BodyKind, { elements, fault }: BodyReport): readonly string[] {
  if (fault !== null) return [`error: ${fault}`];
  if (elements.length === 0) return ["(no body)"];
  return elements.flatMap((fields, index) =>
    Object.entries(fields).map(([name, value]) => `${kind}[${index}]: .${name}=${value}`),
  );
}
