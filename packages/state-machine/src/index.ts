/**
 * The interface for authors of replicated state machines, the accounting state machine, and the port through which it reaches its forest.
 *
 * @packageDocumentation
 */

// For authors of state machines.
export type { Committing, ManifestReferences, StateMachine } from "./state-machine.ts";
export { NOT_FOUND, ORPHANED } from "./forest.ts";
export type {
  Direction,
  Forest,
  ForestMemory,
  Groove,
  Pointer,
  Scan,
  ScanEnd,
  ScanInspector,
  ScanRead,
  Scans,
  ScopeOutcome,
  TimestampRange,
} from "./forest.ts";
export type { GrooveDeclaration, IndexCondition, IndexDeclaration, IndexKind, IndexSource } from "@stagbeetle/lsm";
export { TIMESTAMP_MAX, TIMESTAMP_MIN, timestampValid } from "./timestamp.ts";

// A forest in memory.
export { CallQueue } from "./memory-forest/call-queue.ts";
export type { NextTick } from "./memory-forest/groove.ts";
export { MemoryForest } from "./memory-forest/memory-forest.ts";
export type { MemoryForestOptions } from "./memory-forest/memory-forest.ts";

// The forest on disk.
export { LsmForest, lsmForestBlocksMax } from "./lsm-forest/lsm-forest.ts";
export type { LsmForestOptions, LsmForestSuperBlock } from "./lsm-forest/lsm-forest.ts";
export { accountingStore } from "./lsm-forest/accounting-store.ts";
export type { AccountingStore, AccountingStoreOptions } from "./lsm-forest/accounting-store.ts";
export { echoStore } from "./lsm-forest/echo-store.ts";
export type { EchoStore, EchoStoreOptions } from "./lsm-forest/echo-store.ts";
export type { DataFileStore, DataFileStoreOptions } from "./lsm-forest/data-file-store.ts";
export { accountingGrooveLimits } from "./lsm-forest/accounting-limits.ts";
export type { CacheSizes } from "./lsm-forest/accounting-limits.ts";

// The accounting state machine.
export { AccountingStateMachine } from "./accounting/accounting.ts";
export type { AccountingOptions } from "./accounting/accounting.ts";
export { accountingGrooves } from "./accounting/grooves.ts";
export { Limits } from "./accounting/limits.ts";
export type { LimitsOptions } from "./accounting/limits.ts";
export {
  Operation as AccountingOperation,
  OPERATIONS,
  operationFromVsr,
  operationTraits,
} from "./accounting/operations.ts";
export type { OperationKind, OperationTraits } from "./accounting/operations.ts";
export { CreateAccountStatus } from "./accounting/create-account-status.ts";
export { CreateTransferStatus, createTransferStatusTransient } from "./accounting/create-transfer-status.ts";

// Its records.
export { Account, ACCOUNT_LAYOUT, ACCOUNT_SIZE_BYTES, AccountFlags } from "./accounting/account.ts";
export { AccountEvent, ACCOUNT_EVENT_LAYOUT, ACCOUNT_EVENT_SIZE_BYTES } from "./accounting/account-event.ts";
export {
  AccountFilter,
  AccountFilterFlags,
  ChangeEventsFilter,
  QueryFilter,
  QueryFilterFlags,
} from "./accounting/filters.ts";
export {
  AccountBalance,
  ChangeEvent,
  ChangeEventType,
  CreateResult,
  CreateResultSparse,
} from "./accounting/results.ts";
export { Transfer, TRANSFER_LAYOUT, TRANSFER_SIZE_BYTES, TransferFlags } from "./accounting/transfer.ts";
export { TRANSFER_PENDING_LAYOUT, TransferPending, TransferPendingStatus } from "./accounting/transfer-pending.ts";

// The smallest state machine that stores something.
export * as echo from "./echo/index.ts";

// What a simulator sends to the accounting machine, and how it checks the replies.
export * as workload from "./workload/index.ts";
