import { expect, test } from "vitest";

import { spillCompliance } from "../../compliance/index.ts";
import { MemorySpill } from "./spill.ts";

for (const { name, run } of spillCompliance) {
  test(name, () =>
    run(() =>
      Promise.resolve({
        spill: new MemorySpill(),
        memory: (sizeBytes) => new Uint8Array(sizeBytes),
        until: () => Promise.resolve(),
        close: () => Promise.resolve(),
      }),
    ),
  );
}

test("bytes that were never written are refused", () => {
  const spill = new MemorySpill();
  spill.write(0, new Uint8Array(8));
  expect(() => spill.read(4, new Uint8Array(8))).toThrow("bytes 4..12 of 8");
});
