/**
 * The write-ahead log: two rings of headers and prepares, and the decision table that recovers them after a crash.
 *
 * @packageDocumentation
 */
export { Journal, journalMessagesMax } from "./journal.ts";
export type { JournalOptions, JournalStatus } from "./journal.ts";
export { printRecoveryTable, recoveryCase, recoveryCases } from "./recovery-table.ts";
export type { RecoveryCase, RecoveryDecision, RecoveryInputs, RingContent, RingRelation } from "./recovery-table.ts";
