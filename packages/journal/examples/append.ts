import { LinearMemory } from "@stagbeetle/kernels";
import {
  Checksums,
  Command,
  initHeader,
  initPrepare,
  MessagePool,
  PrepareHeader,
  RequestHeader,
  type Storage,
  TEST_MIN,
  writeReservedPrepare,
  writeRootPrepare,
} from "@stagbeetle/vsr-protocol";
import { Journal } from "@stagbeetle/journal";

const config = TEST_MIN;
const cluster = 7n;
const memory = new LinearMemory({ sizeBytes: 1024 * 1024, shared: false });
const messagePool = new MessagePool({ memory, messageSizeMax: config.cluster.messageSizeMax, messagesMax: 8 });
const checksums = new Checksums();

// A disk, formatted: both rings hold the root in slot 0 and reserved headers elsewhere.
const zones = {
  walHeaders: new Uint8Array(config.derived.journalSizeHeaders),
  walPrepares: new Uint8Array(config.derived.journalSizePrepares),
};
for (let slot = 0; slot < config.cluster.journalSlotCount; slot += 1) {
  const header = new PrepareHeader(zones.walHeaders, slot * 256);
  if (slot === 0) writeRootPrepare(header, cluster);
  else writeReservedPrepare(header, cluster, slot);
  zones.walPrepares.set(zones.walHeaders.subarray(slot * 256, (slot + 1) * 256), slot * config.cluster.messageSizeMax);
}

// Storage answers later, never from inside the call.
const completions: (() => void)[] = [];
const storage: Storage = {
  readSectors: (request, zone, offset, buffer) => {
    const bytes = zone === "walHeaders" ? zones.walHeaders : zones.walPrepares;
    request.begin(zone, offset, buffer);
    buffer.set(bytes.subarray(offset, offset + buffer.length));
    completions.push(() => request.complete());
  },
  writeSectors: (request, zone, offset, buffer) => {
    const bytes = zone === "walHeaders" ? zones.walHeaders : zones.walPrepares;
    request.begin(zone, offset, buffer);
    bytes.set(buffer, offset);
    completions.push(() => request.complete());
  },
  nextTick: (callback) => completions.push(callback),
};
function drain(): void {
  for (let next = completions.shift(); next !== undefined; next = completions.shift()) next();
}

const journal = new Journal({ config, memory, storage, messagePool, checksums });
const root = new PrepareHeader(zones.walHeaders.slice(0, 256));
const window = { opCheckpoint: 0, opPrepareMax: 31, view: 1, logView: 1, viewHeaders: [root], solo: true };
journal.recover({ cluster, ...window }, ({ outcome }) => console.log(outcome));
drain();

// A prepare is made of a request; it is padded with zeros to whole sectors.
const message = messagePool.acquire();
message.buffer.fill(0, 0, 4096).set([1, 2, 3], 256);
const request = message.as(RequestHeader);
initHeader(request, Command.request, cluster);
Object.assign(request, { size: 256 + 3, release: 1, client: 5n, request: 1, operation: 128 });
checksums.setBody(request, message.body());
checksums.set(request);
const values = { view: 1, replica: 0, parent: root.checksum, checkpointId: 0n, op: 1, commit: 0, timestamp: 1n };
const prepare = initPrepare(message, values, checksums);

journal.setHeaderAsDirty(prepare);
journal.writePrepare(message, (durable) => console.log(durable === null ? "lost" : "durable"));
drain();

journal.readPrepare(1, prepare.checksum, "commit", (read) => {
  console.log("body", read?.body().join(" "));
  read?.release();
});
drain();
console.log(journal.describe());
