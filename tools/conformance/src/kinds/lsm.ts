/**
 * Recorded traces of forests: the same puts give the same compactions, the same manifest log with the same checksums and
 * addresses, and the same checkpoints; also after crashes, whatever the order in which I/O completes, and whether values wait in
 * memory or on a disk.
 *
 * @module
 */
import { basename, join } from "node:path";

import type { SpillOptions } from "@stagbeetle/lsm";
import { smallSpill, TestForest, type TraceCounts, TracePlayer, TraceWriter } from "@stagbeetle/lsm/testing";
import { MemorySpill, Random, TEST_MIN } from "@stagbeetle/vsr-protocol";

import { type Artefact, different, equal, type Kind, type Outcome } from "../artefact.ts";
import { readDecompressed } from "../containers/zstd.ts";

/** The traces of the fuzzer begin with a free set full of holes; the vectors do not. */
const FRAGMENTED = /^forest-/u;

interface PlayOptions {
  /** Draws the order in which I/O completes; in the order of the calls unless given. */
  readonly random?: Random;
  /** Where values wait to be flushed; in memory unless given. */
  readonly spill?: SpillOptions;
}

function play(name: string, lines: readonly string[], options: PlayOptions): TraceCounts {
  const writer = new TraceWriter();
  const forest = new TestForest({
    config: TEST_MIN,
    manifestLogObserver: writer,
    compactionObserver: writer,
    fragmented: FRAGMENTED.test(name),
    ...options,
  });
  return new TracePlayer(forest, writer).play(lines);
}

async function check(name: string, path: string): Promise<Outcome> {
  const text = new TextDecoder().decode(await readDecompressed(path));
  const lines = text.split("\n");
  try {
    const { events, checkpoints } = play(name, lines, {});
    play(name, lines, { random: new Random(1) });
    play(name, lines, { spill: smallSpill(new MemorySpill()) });
    return equal(`${events} events and ${checkpoints} checkpoints`);
  } catch (error) {
    return different(error instanceof Error ? error.message : String(error));
  }
}

export const lsm: Kind = {
  name: "lsm",
  discover(root, files) {
    const traces = files.filter((file) => file.endsWith(".trace.zst"));
    const artefacts = traces.map((file): Artefact => ({
      name: file.slice(0, -".trace.zst".length),
      kind: "lsm",
      check: () => check(basename(file), join(root, file)),
    }));
    return Promise.resolve(artefacts);
  },
};
