import { Random, StorageRequest, TEST_MIN } from "@stagbeetle/vsr-protocol";
import { NO_STORAGE_FAULTS, SimulatedDisk, SimulatedStorage } from "@stagbeetle/io-sim";

// Two sectors of zeros are overwritten when the power fails. What is found afterwards?
const found = new Set<string>();
for (let seed = 0n; seed < 100n; seed += 1n) {
  const disk = new SimulatedDisk();
  const start = (): SimulatedStorage => {
    const faults = { ...NO_STORAGE_FAULTS, crashOutcomes: { lost: 1, torn: 2, complete: 1 } };
    return new SimulatedStorage({ config: TEST_MIN, disk, random: new Random(seed), faults });
  };
  const bytes = new Uint8Array(2 * 4096);

  const storage = start();
  storage.writeSectors(new StorageRequest(() => undefined), "clientReplies", 0, bytes);
  while (storage.step());
  storage.writeSectors(new StorageRequest(() => console.log("durable")), "clientReplies", 0, bytes.fill(1));
  storage.crash(); // nobody is told

  const restarted = start();
  restarted.readSectors(new StorageRequest(() => found.add(`${bytes[0]}${bytes[4096]}`)), "clientReplies", 0, bytes);
  while (restarted.step());
}
console.log([...found].toSorted().join(" "));
