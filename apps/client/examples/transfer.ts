import { AccountFlags, createClient, CreateTransferStatus, id } from "@stagbeetle/ledger-client";

const client = createClient({ cluster_id: 0n, replica_addresses: [process.env["TB_ADDRESS"] ?? "3000"] });

const zero = { debits_pending: 0n, debits_posted: 0n, credits_pending: 0n, credits_posted: 0n, timestamp: 0n };
const userData = { user_data_128: 0n, user_data_64: 0n, user_data_32: 0 };
const [bank, alice] = [id(), id()];
await client.createAccounts([
  { id: bank, ...zero, ...userData, reserved: 0, ledger: 1, code: 1, flags: AccountFlags.none },
  {
    id: alice,
    ...zero,
    ...userData,
    reserved: 0,
    ledger: 1,
    code: 2,
    flags: AccountFlags.debits_must_not_exceed_credits,
  },
]);

const transfer = { debit_account_id: bank, credit_account_id: alice, pending_id: 0n, ...userData, timeout: 0 };
const [result] = await client.createTransfers(
  [{ id: id(), ...transfer, amount: 100n, ledger: 1, code: 1, flags: 0, timestamp: 0n }],
  { deadline_ms: 5000 },
);
console.log(result && CreateTransferStatus[result.status]);

const [account] = await client.lookupAccounts([alice]);
console.log(account?.credits_posted);

client.destroy();
