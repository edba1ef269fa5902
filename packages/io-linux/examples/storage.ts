import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { DataFileError, FileStorage, openDataFile } from "@stagbeetle/io-linux";
import { LinearMemory } from "@stagbeetle/kernels";
import { StorageRequest, TEST_MIN as config } from "@stagbeetle/vsr-protocol";

// A data file: created, locked, its space reserved. `TEST_MIN` makes a small one; a server's is made with `PRODUCTION`.
const directory = mkdtempSync(join(tmpdir(), "stagbeetle-"));
const path = join(directory, "0_0.stagbeetle");
const file = await openDataFile({ path, purpose: "format", config, directIo: "optional" });
console.log(`${file.sizeBytes} bytes`);

// Nobody else opens it.
await openDataFile({ path, purpose: "open", config, directIo: "optional" }).catch((error: unknown) => {
  if (error instanceof DataFileError) console.log(error.code, error.exitStatus);
});

// Writes and reads of whole sectors, from memory that the disk can reach; their completions come later.
const storage = new FileStorage({ config, file });
const memory = new LinearMemory({ sizeBytes: 1 << 20 });
const pointer = memory.allocate(4096, 4096, "sector");
const sector = memory.bytes.subarray(pointer, pointer + 4096);
const read = new StorageRequest(() => console.log("read", sector[0]));
const written = new StorageRequest(() => {
  console.log("durable");
  storage.readSectors(read, "clientReplies", 0, sector.fill(0));
});
storage.writeSectors(written, "clientReplies", 0, sector.fill(42));

await storage.drain();
storage.close();
file.close();
rmSync(directory, { recursive: true });
