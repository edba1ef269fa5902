import {
  Checksums,
  Header,
  HEADER_SIZE_BYTES,
  Operation,
  PrepareHeader,
  recordBytes,
  VSR_OPERATIONS_RESERVED,
} from "@stagbeetle/vsr-protocol";
import { expect, test } from "vitest";

import { Three } from "../../test/three.ts";
import { type Application, LEDGER, STORED_ECHO } from "../cluster/application.ts";

const REQUESTS = 30;
/** The newest operation of the ledger: its body is a batch of transfers. */
const CREATE_TRANSFERS = 147;

/** The op after the head of a replica, as its primary could have prepared it, but of this operation with this body. */
function forgedNext(three: Three, replica: number, operation: number, bodySizeBytes: number): Uint8Array {
  const { journal, replica: node } = three.cluster.machineAt(replica);
  const head = journal.headerWithOp(node.state.op);
  if (head === null) throw new Error("a log has a head");
  const bytes = new Uint8Array(HEADER_SIZE_BYTES + bodySizeBytes).fill(1);
  bytes.set(recordBytes(head));
  const prepare = new PrepareHeader(bytes);
  prepare.size = bytes.length;
  prepare.parent = head.checksum;
  prepare.op = head.op + 1;
  prepare.timestamp = head.timestamp + 1n;
  prepare.operation = operation;
  if (operation === Operation.pulse) Object.assign(prepare, { client: 0n, request: 0 });
  else prepare.request = head.request + 1;
  const checksums = new Checksums();
  checksums.setBody(prepare, bytes.subarray(HEADER_SIZE_BYTES));
  checksums.set(prepare);
  return bytes;
}

const FORGED: readonly (readonly [string, Application, operation: number, bodySizeBytes: number])[] = [
  ["an operation that echo does not have", STORED_ECHO, 149, 8],
  ["a pulse, which echo does not have", STORED_ECHO, Operation.pulse, 0],
  ["an operation that the protocol does not have", STORED_ECHO, VSR_OPERATIONS_RESERVED - 1, 8],
  ["an operation that the ledger does not have", LEDGER, CREATE_TRANSFERS + 1, 128],
  ["a body that is no batch of transfers", LEDGER, CREATE_TRANSFERS, 3],
  ["a pulse with a body", LEDGER, Operation.pulse, 1],
];

test.each(FORGED)(
  "a cluster keeps all its promises if prepares of %s are forged",
  (_, application, operation, size) => {
    const three = new Three(application);
    const { machines, network, workload } = three.cluster;
    const { client } = three;
    for (let requests = 0; requests < REQUESTS; requests += 1) {
      for (const { index: to, replica } of machines) {
        const bytes = forgedNext(three, to, operation, size);
        // It is of the primary, so it can be told from a real one by nothing but what it asks for.
        expect(new Header(bytes).replica).toBe(replica.state.view % machines.length);
        network.inject({ from: (to + 1) % machines.length, to, bytes });
      }
      client.request(workload.next(client.bodySizeMax));
      three.until(() => client.state === "idle");
    }
    three.until(() => machines.every(({ replica }) => replica.state.commitMin > REQUESTS));
  },
);
