import {
  Account,
  accountingGrooves,
  AccountingStateMachine,
  AccountingOperation as Operation,
  CallQueue,
  CreateResult,
  CreateTransferStatus,
  Limits,
  MemoryForest,
  Transfer,
} from "@stagbeetle/state-machine";
import { type Layout, MultiBatchEncoder, type RecordClass, recordClass } from "@stagbeetle/vsr-protocol";

const sizes = { messageBodySizeMax: 1_048_320, batchSizeLimit: 1_048_320 };
const calls = new CallQueue();
const forest = new MemoryForest({ grooves: accountingGrooves(new Limits(sizes)), nextTick: calls.push, scansMax: 6 });
const machine = new AccountingStateMachine({ forest, ...sizes });
machine.open(() => undefined);
calls.run();

/** Events as a body of one batch. */
function bodyOf<Fields extends Layout>(type: RecordClass<Fields>, ...events: readonly object[]): Uint8Array {
  const body = new Uint8Array((events.length + 1) * type.sizeBytes);
  const encoder = new MultiBatchEncoder();
  encoder.begin(body, type.sizeBytes);
  for (const [index, event] of events.entries()) Object.assign(new type(body, index * type.sizeBytes), event);
  encoder.add(events.length * type.sizeBytes);
  return body.subarray(0, encoder.finish());
}

// As a primary does, and then every replica: a timestamp for the operation, prefetch, commit, compact.
let op = 0;
function execute(operation: number, body: Uint8Array): Uint8Array {
  op += 1;
  machine.prepareTimestamp += 1n;
  machine.prepare(operation, body); // the events take timestamps, too
  const committing = { client: 1n, op, timestamp: machine.prepareTimestamp, operation, body };
  const output = new Uint8Array(sizes.messageBodySizeMax);
  let sizeBytes = 0;
  machine.prefetch(committing, op, () => (sizeBytes = machine.commit(committing, output)));
  calls.run();
  machine.compact(op, () => undefined);
  calls.run();
  return output.subarray(0, sizeBytes);
}

const Id = recordClass(16, { id: { type: "u128", offset: 0 } });
const shared = { ledger: 840, code: 1 };
execute(Operation.create_accounts, bodyOf(Account, { id: 1n, ...shared }, { id: 2n, ...shared }));
const transfer = { id: 7n, debitAccountId: 1n, creditAccountId: 2n, amount: 100n, ...shared };
for (const attempt of ["first", "second"]) {
  const { status } = new CreateResult(execute(Operation.create_transfers, bodyOf(Transfer, transfer)));
  const [name] = Object.entries(CreateTransferStatus).find(([, value]) => value === status) ?? [];
  console.log(attempt, name);
}
const account = new Account(execute(Operation.lookup_accounts, bodyOf(Id, { id: 2n })));
console.log(account.id, account.creditsPosted, account.timestamp);
