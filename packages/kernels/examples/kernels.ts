import { absent, checksumOf, createKernels, IdIndex, LinearMemory } from "@stagbeetle/kernels";

// All memory is taken once, at start-up. Pages that nobody touches take no resident memory.
const memory = new LinearMemory({ sizeBytes: 16 << 20 });
const kernels = createKernels({ memory });

// The checksum of 4096 bytes, as the wire protocol and the files have it; and that of the same bytes elsewhere.
const block = memory.allocate(4096, 4096, "blocks");
const checksum = memory.allocate(16, 16, "checksums");
kernels.checksum(block, 4096, checksum);
const elsewhere = checksumOf(new Uint8Array(4096));
console.log("low halves agree:", memory.view.getBigUint64(checksum, true) === BigInt.asUintN(64, elsewhere));

// From ids of 16 bytes to slots.
const index = new IdIndex(kernels, { capacity: 10_000, label: "accounts by id" });
const id = memory.allocate(16, 16, "ids");
memory.u64[id / 8] = 42n;
console.log("new:", index.insert(id, 7) === absent, "slot:", index.get(id));

// Who took how much of the memory.
console.log(memory.describe());
