import { LinearMemory } from "@stagbeetle/kernels";
import {
  Checksums,
  Command,
  initHeader,
  MessagePool,
  PrepareHeader,
  releaseOf,
  rootPrepareChecksum,
  TEST_MIN,
} from "@stagbeetle/vsr-protocol";
import { AOF, aofMerge, MemoryFile, Survey } from "@stagbeetle/aof";

const config = TEST_MIN;
const cluster = 7n;
const memory = new LinearMemory({ sizeBytes: 1024 * 1024, shared: false });
const pool = new MessagePool({ memory, messageSizeMax: config.cluster.messageSizeMax, messagesMax: 1 });
const checksums = new Checksums();

// Two replicas commit the same prepares. The second one is down while ops 3 and 4 are committed.
const files = ["replica0.aof", "replica1.aof"].map((path) => new MemoryFile({ path }));
const [first, second] = files.map((file) => new AOF({ config, file }));
let parent = rootPrepareChecksum(cluster);
for (let op = 1; op <= 6; op += 1) {
  const message = pool.acquire();
  const prepare = message.as(PrepareHeader);
  initHeader(prepare, Command.prepare, cluster);
  prepare.size = 256 + 1;
  Object.assign(prepare, { view: 1, release: releaseOf(0, 17, 9), parent, client: 5n, op, commit: op - 1 });
  Object.assign(prepare, { timestamp: BigInt(op), request: op, operation: 147 });
  message.body()[0] = op;
  checksums.setMessage(message);
  parent = prepare.checksum;
  first?.write(message);
  if (op !== 3 && op !== 4) second?.write(message);
  message.release();
}

// A bit of op 5 rots in the first file.
const [rotten] = files;
const offsetOfOp5 = 4 * (16 + 256 + 1);
if (rotten !== undefined) rotten.bytes[offsetOfOp5 + 100] = 99;

// Together they have everything.
const output = new MemoryFile({ path: "prepared.aof" });
const { opFirst, opLast, problems } = aofMerge({
  config,
  inputs: files,
  output,
  onEvent: (event) => {
    if (event.kind === "damaged") console.log(`${files[event.input]?.path}: ${event.fault} at byte ${event.offset}`);
  },
});
console.log(`merged ops ${opFirst} to ${opLast}, ${problems.length} problems`);

const survey = new Survey({ config, file: output });
for (let step = survey.next(); step.kind !== "end"; step = survey.next()) {
  if (step.kind === "entry") console.log(`op ${step.entry.header.op}, body ${step.entry.body.join()}`);
}
console.log(`data checksum ${survey.report().dataChecksum}`);
