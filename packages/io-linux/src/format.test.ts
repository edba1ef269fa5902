import { readFileSync } from "node:fs";
import { LinearMemory } from "@stagbeetle/kernels";
import {
  formatDataFile,
  PrepareHeader,
  releaseOf,
  SILENT_LOGGER,
  SuperBlock,
  TEST_MIN,
  zoneStart,
} from "@stagbeetle/vsr-protocol";
import { expect, test } from "vitest";
import { openDataFile } from "./data-file.ts";
import { FileStorage } from "./storage.ts";
import { TemporaryDirectory } from "./testing/temporary-directory.ts";
import { until } from "./testing/until.ts";

test("a file that was formatted can be opened, and is zero where nothing was written", async () => {
  using directory = new TemporaryDirectory();
  const path = directory.join("data");
  const config = TEST_MIN;
  const shared = { config, memory: new LinearMemory({ sizeBytes: 4 * 1024 * 1024 }), logger: SILENT_LOGGER };

  const created = await openDataFile({ path, purpose: "format", config, directIo: "optional" });
  const formatting = { cluster: 7n, release: releaseOf(0, 17, 9), replica: 0, replicaCount: 1, view: 0 };
  let formatted = false;
  const formatStorage = new FileStorage({ config, file: created });
  formatDataFile({ ...shared, ...formatting, storage: formatStorage }, () => (formatted = true));
  await until(() => formatted);
  await formatStorage.drain();
  formatStorage.close();
  created.close();

  const opened = await openDataFile({ path, purpose: "open", config, directIo: "optional" });
  const storage = new FileStorage({ config, file: opened });
  const superblock = new SuperBlock({ ...shared, storage, storageSizeLimit: config.process.storageSizeLimitMax });
  let open = false;
  superblock.open(() => (open = true));
  await until(() => open);
  await storage.drain();
  storage.close();
  opened.close();

  const bytes = readFileSync(path);
  expect(bytes.length).toBe(config.derived.dataFileSizeMin);
  for (let slot = 0; slot < config.cluster.journalSlotCount; slot += 1) {
    const prepare = zoneStart(config, "walPrepares") + slot * config.cluster.messageSizeMax;
    expect(new PrepareHeader(bytes, prepare).op).toBe(slot);
    expect(bytes.subarray(prepare + 256, prepare + 4096).every((byte) => byte === 0)).toBe(true);
  }
  expect(bytes.subarray(zoneStart(config, "clientReplies")).every((byte) => byte === 0)).toBe(true);
});
