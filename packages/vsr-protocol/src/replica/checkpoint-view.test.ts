import { describe, expect, test } from "vitest";
import { headerChain } from "../../test/builders.ts";
import { RepairBench } from "../../test/repair-bench.ts";
import type { PrepareHeader } from "../message/prepare.ts";
import type { ViewHeadersKind } from "../view-headers.ts";
import { viewAtCheckpoint } from "./checkpoint-view.ts";

/** A backup of view 0 that executed the trigger of the first checkpoint, op 23, and has a longer log. */
class Bench extends RepairBench {
  solo = false;
  logView = 0;
  kind: ViewHeadersKind = "view";

  constructor(replica = 1) {
    super({ replica });
    this.chain(26, { commitMin: 23, commitMax: 23 });
    this.view.headers = headerChain(8, 4);
  }

  /** The ops of the headers that are stored; null if the view is left alone. */
  stored(): readonly number[] | null {
    const setHeaders = (kind: ViewHeadersKind, headers: readonly PrepareHeader[]): void => {
      this.kind = kind;
      this.view.headers = headers;
    };
    const view = Object.assign(this.view, { logView: this.logView, setHeaders });
    const stored = viewAtCheckpoint({ ...this.parts, identity: { solo: this.solo }, view });
    return stored?.headers.map(({ op }) => op) ?? null;
  }
}

describe("with a checkpoint is stored", () => {
  test("by a backup, the log as far as it is executed", () => {
    const bench = new Bench();
    expect(bench.stored()).toEqual([23, 22, 21, 20, 19, 11, 0]);
    expect(bench.kind).toBe("view");
  });

  test("by the primary, the log up to its head", () => {
    expect(new Bench(0).stored()?.slice(0, 5)).toEqual([26, 25, 24, 23, 22]);
  });

  test("what is known of the view already, if that goes far enough", () => {
    const bench = new Bench();
    bench.view.headers = headerChain(24, 20);
    expect(bench.stored()).toEqual([24, 23, 22, 21, 20]);
  });

  test("by a primary that repairs the log of its view, a promise of what it has", () => {
    const bench = new Bench();
    bench.status.current = "view_change";
    expect(bench.stored()).toEqual([26, 25, 24, 23]);
    expect(bench.kind).toBe("joinView");
  });

  test("by a replica that is alone, nothing of the view: its head may not be on disk", () => {
    const bench = new Bench();
    bench.solo = true;
    expect(bench.stored()).toBeNull();
  });
});

test("a replica that changes views writes no checkpoint beyond what it promised", () => {
  const bench = new Bench();
  bench.status.current = "view_change";
  bench.view.view = 2;
  expect(() => bench.stored()).toThrow("beyond the headers that were promised");
});
