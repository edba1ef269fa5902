// Creating transfers that ask for nothing special: no flags, no timeout, accounts without limits (spec 02 §12, §14).
//
// Anything else ends the loop, and the state machine decides what it is: nothing here ever refuses a transfer. So this is not
// the rules, only their commonest outcome.

import { addId, findId } from "./hash-index";
import { copyRecord } from "./records";

// The batch, as ../src/transfers-kernel.ts writes it.
const EVENTS: usize = 0;
const COUNT: usize = 4;
/** u64: that of the first event. */
const TIMESTAMP: usize = 8;
/** Flags with which an account is not of the simple kind. */
const ACCOUNT_FLAGS_EXCLUDED: usize = 16;
const ACCOUNTS: usize = 20;
const TRANSFERS: usize = 24;
const ACCOUNT_EVENTS: usize = 28;

// What a groove shows of itself, as packages/lsm/src/groove/groove-window.ts writes it.
const INDEX: usize = 0;
const OBJECTS: usize = 4;
const STATES: usize = 8;
/** The state of an object that was just written. */
const WRITTEN: usize = 12;
/** What is left of a state but for the bar and the uses. */
const CONTENT_MASK: u32 = 3;
const CONTENT_OBJECT: u32 = 1;
const USES_ONE: u32 = 1 << 2;
const USES_MASK: u32 = 3 << 2;
const TABLE: usize = 16;
const SLOTS: usize = 20;
/** Where the next entry of the index that is filled by hand goes; moved on for each that was written. */
const ENTRIES_END: usize = 24;

/** The size of an account and of a transfer; and of what a transfer leaves behind. */
const OBJECT_SIZE: usize = 128;
const ACCOUNT_EVENT_SIZE: usize = 256;
/** An entry of account events by account: the timestamps of both. */
const ENTRY_SIZE: usize = 16;

// Offsets in a transfer (spec 02 §3).
const DEBIT_ACCOUNT: usize = 16;
const CREDIT_ACCOUNT: usize = 32;
const AMOUNT: usize = 48;
const PENDING_ID: usize = 64;
const TIMEOUT: usize = 108;
// The same in a transfer and an account.
const LEDGER: usize = 112;
/** u16 code, then u16 flags. */
const CODE_AND_FLAGS: usize = 116;
/** The flag of an account of which balances of the past are asked for. */
const HISTORY: u32 = 8 << 16;
const OBJECT_TIMESTAMP: usize = 120;
// Offsets in an account (spec 02 §2).
const DEBITS_POSTED: usize = 32;
const CREDITS_POSTED: usize = 64;
/** Id and balances of an account, which an account event has of each side. */
const ACCOUNT_PART_SIZE: usize = 80;

@inline function pointerAt(base: usize, offset: usize): usize {
  return load<u32>(base + offset);
}

/** Numbers of 128 bits below 2^126, of which any four can be added. */
@inline function small(highs: u64): bool {
  return highs >> 62 == 0;
}

@inline function add(balance: usize, low: u64, high: u64): void {
  const before = load<u64>(balance);
  const after = before + low;
  store<u64>(balance, after);
  store<u64>(balance, load<u64>(balance, 8) + high + u64(after < before), 8);
}

/** Whether a transfer has the commonest shape: nothing that has to be looked at twice. */
@inline function simple(event: usize): bool {
  const low = load<u64>(event);
  const high = load<u64>(event, 8);
  if ((low | high) == 0 || (low & high) == u64.MAX_VALUE) return false;
  if ((load<u64>(event, PENDING_ID) | load<u64>(event, PENDING_ID + 8)) != 0) return false;
  const codeAndFlags = load<u32>(event, CODE_AND_FLAGS);
  if (codeAndFlags == 0 || codeAndFlags > 0xffff) return false;
  if (load<u32>(event, TIMEOUT) != 0 || load<u32>(event, LEDGER) == 0 || load<u64>(event, OBJECT_TIMESTAMP) != 0) return false;
  return (load<u64>(event, AMOUNT) | load<u64>(event, AMOUNT + 8)) != 0 && small(load<u64>(event, AMOUNT + 8));
}

/** Where the value of an account's id in the index is, if that is an account that the simple rules hold for. */
@inline function accountSlot(accounts: usize, id: usize, ledger: u32, excluded: u32): usize {
  const found = findId(pointerAt(accounts, INDEX), id);
  if (found == 0) return 0;
  const slot: usize = load<u32>(found);
  if ((load<u32>(pointerAt(accounts, STATES) + 4 * slot) & CONTENT_MASK) != CONTENT_OBJECT) return 0;
  const account = pointerAt(accounts, OBJECTS) + slot * OBJECT_SIZE;
  if (load<u32>(account, LEDGER) != ledger) return 0;
  return (load<u32>(account, CODE_AND_FLAGS) >> 16) & excluded ? 0 : found;
}

/** The account was changed: puts it into the table, and keeps it in memory until the bar ends. */
@inline function updated(accounts: usize, slot: usize, account: usize, table: usize): void {
  const state = pointerAt(accounts, STATES) + 4 * slot;
  const uses = min(load<u32>(state) & USES_MASK, USES_MASK - USES_ONE) + USES_ONE;
  store<u32>(state, (load<u32>(accounts, WRITTEN) & ~USES_MASK) | uses);
  copyRecord(table, account, OBJECT_SIZE);
}

/** What the transfer did: its accounts as they are now, and itself. */
@inline function writeAccountEvent(target: usize, debit: usize, credit: usize, event: usize, timestamp: u64): void {
  copyRecord(target, debit, ACCOUNT_PART_SIZE);
  copyRecord(target + ACCOUNT_PART_SIZE, credit, ACCOUNT_PART_SIZE);
  store<u64>(target, timestamp, 160);
  store<u64>(target, load<u64>(debit, OBJECT_TIMESTAMP), 168);
  store<u64>(target, load<u64>(credit, OBJECT_TIMESTAMP), 176);
  store<u32>(target, (load<u32>(debit, CODE_AND_FLAGS) >> 16) | (load<u32>(credit, CODE_AND_FLAGS) & 0xffff0000), 184);
  store<u32>(target, 0, 188);
  v128.store(target, i64x2.splat(0), 192);
  v128.store(target, v128.load(event, AMOUNT), 208);
  v128.store(target, v128.load(event, AMOUNT), 224);
  store<u32>(target, load<u32>(event, LEDGER), 240);
  store<u32>(target, 0, 244);
  store<u64>(target, 0, 248);
}

/** Notes the event with an account that has a history. Returns where the next entry goes. */
@inline function noteHistory(target: usize, account: usize, timestamp: u64): usize {
  if ((load<u32>(account, CODE_AND_FLAGS) & HISTORY) == 0) return target;
  store<u64>(target, load<u64>(account, OBJECT_TIMESTAMP));
  store<u64>(target, timestamp, 8);
  return target + ENTRY_SIZE;
}

/** Creates transfers from the first on, until one is not simple. Returns how many were created. */
export function createSimpleTransfers(batch: usize): u32 {
  const count = load<u32>(batch, COUNT);
  const excluded = load<u32>(batch, ACCOUNT_FLAGS_EXCLUDED);
  const accounts = pointerAt(batch, ACCOUNTS);
  const transfers = pointerAt(batch, TRANSFERS);
  const transferIndex = pointerAt(transfers, INDEX);
  const slots = pointerAt(transfers, SLOTS);
  let timestamp = load<u64>(batch, TIMESTAMP);
  let event = pointerAt(batch, EVENTS);
  let accountTable = pointerAt(accounts, TABLE);
  let transferTable = pointerAt(transfers, TABLE);
  const accountEvents = pointerAt(batch, ACCOUNT_EVENTS);
  let eventTable = pointerAt(accountEvents, TABLE);
  let entries = pointerAt(accountEvents, ENTRIES_END);
  let done: u32 = 0;
  for (; done < count; done++) {
    if (!simple(event)) break;
    const ledger = load<u32>(event, LEDGER);
    const debitFound = accountSlot(accounts, event + DEBIT_ACCOUNT, ledger, excluded);
    const creditFound = accountSlot(accounts, event + CREDIT_ACCOUNT, ledger, excluded);
    if (debitFound == 0 || creditFound == 0 || debitFound == creditFound) break;
    if (findId(transferIndex, event) != 0) break;
    const debitSlot: usize = load<u32>(debitFound);
    const creditSlot: usize = load<u32>(creditFound);
    const objects = pointerAt(accounts, OBJECTS);
    const debit = objects + debitSlot * OBJECT_SIZE;
    const credit = objects + creditSlot * OBJECT_SIZE;
    // The upper halves of what was and is pending and posted on each side.
    if (!small(load<u64>(debit, 24) | load<u64>(debit, 40) | load<u64>(credit, 56) | load<u64>(credit, 72))) break;

    const slot: usize = load<u32>(slots + 4 * <usize>done);
    const transfer = pointerAt(transfers, OBJECTS) + slot * OBJECT_SIZE;
    copyRecord(transfer, event, OBJECT_SIZE);
    store<u64>(transfer, timestamp, OBJECT_TIMESTAMP);
    copyRecord(transferTable, transfer, OBJECT_SIZE);
    addId(transferIndex, event, <u32>slot);
    store<u32>(pointerAt(transfers, STATES) + 4 * slot, load<u32>(transfers, WRITTEN));

    const low = load<u64>(event, AMOUNT);
    const high = load<u64>(event, AMOUNT + 8);
    add(debit + DEBITS_POSTED, low, high);
    updated(accounts, debitSlot, debit, accountTable);
    add(credit + CREDITS_POSTED, low, high);
    updated(accounts, creditSlot, credit, accountTable + OBJECT_SIZE);
    writeAccountEvent(eventTable, debit, credit, event, timestamp);
    entries = noteHistory(noteHistory(entries, debit, timestamp), credit, timestamp);

    accountTable += 2 * OBJECT_SIZE;
    transferTable += OBJECT_SIZE;
    eventTable += ACCOUNT_EVENT_SIZE;
    event += OBJECT_SIZE;
    timestamp++;
  }
  store<u32>(accountEvents, <u32>entries, ENTRIES_END);
  return done;
}
