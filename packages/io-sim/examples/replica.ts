import { createKernels, LinearMemory } from "@stagbeetle/kernels";
import * as vsr from "@stagbeetle/vsr-protocol";
import { NO_STORAGE_FAULTS, SimulatedDisk, SimulatedStorage } from "@stagbeetle/io-sim";
import { Journal } from "@stagbeetle/journal";
import { accountingGrooves, AccountingStateMachine, Limits, MemoryForest } from "@stagbeetle/state-machine";

const config = vsr.TEST_MIN;
const release = vsr.releaseOf(0, 17, 9);
const memory = new LinearMemory({ sizeBytes: 4 << 20 });
const checksums = new vsr.Checksums(createKernels({ memory }));
const pool = new vsr.MessagePool({ memory, messageSizeMax: 4096, messagesMax: vsr.messagesMax(config, 1, 4) });
const random = new vsr.Random(42);
const storage = new SimulatedStorage({ config, disk: new SimulatedDisk(), random, faults: NO_STORAGE_FAULTS });
const logger: vsr.Logger = { enabled: (level) => level === "info", log: (_, message) => console.log(message) };
const shared = { config, memory, storage, pool, checksums, logger };
const limits = { messageBodySizeMax: config.derived.messageBodySizeMax, batchSizeLimit: 4096 - 256 };
const forest = new MemoryForest({
  grooves: accountingGrooves(new Limits(limits)),
  nextTick: (callback) => storage.nextTick(callback),
  scansMax: config.cluster.lsmScansMax,
});

let now = 1n;
const replica = new vsr.Replica(
  {
    config,
    cluster: null, // whatever the file says
    addressCount: 1,
    release,
    releaseClientMin: vsr.releaseOf(0, 17, 0),
    requestSizeLimit: 4096,
    pipelineRequestQueueLimit: 4,
    nonce: random.u128(),
    aofRecovery: false,
  },
  {
    ...shared,
    superblock: new vsr.SuperBlock({ ...shared, storageSizeLimit: config.process.storageSizeLimitMax }),
    journal: new Journal({ ...shared, messagePool: pool }),
    stateMachine: new AccountingStateMachine({ forest, ...limits }),
    checkpointStore: null, // the ledger lives in memory
    bus: {
      tick: () => undefined,
      sendMessageToReplica: () => undefined,
      sendMessageToClient: (client, message) => console.log(`to ${client}: ${vsr.commandName(message.header.command)}`),
      resumeReceive: () => undefined,
    },
    time: { monotonic: () => now, realtime: () => now },
    aof: null,
    onMetrics: null,
  },
);

vsr.formatDataFile({ ...shared, cluster: 0n, release, replica: 0, replicaCount: 1, view: 0 }, () =>
  replica.open(() => console.log(replica.describe())),
);
for (let tick = 0; tick < 300; tick += 1) {
  now += 10_000_000n;
  storage.tick();
  replica.tick();
  while (storage.step());
}
// 0N: normal view=1 log_view=1 op=0 commit_min=0 commit_max=0 checkpoint=0 commit=idle prepares=0 requests=0 start=serving
