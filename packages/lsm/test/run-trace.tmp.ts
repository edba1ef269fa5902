import { readFileSync } from "node:fs";
import { TEST_MIN } from "/work/wt/lsm/packages/vsr-protocol/src/index.ts";
import { TestForest } from "/work/wt/lsm/packages/lsm/test/test-forest.ts";
import { TracePlayer, TraceWriter } from "/work/wt/lsm/packages/lsm/test/trace.ts";
const name = process.argv[2]!;
const w = new TraceWriter();
const f = new TestForest({ config: TEST_MIN, manifestLogObserver: w, compactionObserver: w });
f.open();
if (name.startsWith("forest")) {
  const rs = [];
  for (let i = 0; i < 2048; i++) { const r = f.grid.reserve(67); f.grid.acquire(r); rs.push(r); }
  for (const r of rs) f.grid.forfeit(r);
}
const p = new TracePlayer(f, w);
const t = performance.now();
console.log(name, p.play(readFileSync(`/tmp/lsmtr/${name}.txt`, "utf8").split("\n")), Math.round(performance.now() - t), "ms");
