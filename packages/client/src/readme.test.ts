import { MultiBatchEncoder } from "@stagbeetle/vsr-protocol";
import { afterEach, beforeEach, expect, test, vi } from "vitest";

import { lookUp } from "../examples/look-up.ts";
import { FakeCluster } from "../test/fake-cluster.ts";
import { registerResult, replyTo } from "../test/messages.ts";

let printed: unknown[][];

beforeEach(() => {
  printed = [];
  vi.spyOn(console, "log").mockImplementation((...values: unknown[]) => void printed.push(values));
});

afterEach(() => {
  vi.restoreAllMocks();
});

test("the README's example looks accounts up", () => {
  const cluster = new FakeCluster();
  const session = lookUp(cluster.options());
  cluster.answer(session, replyTo(cluster.lastRequest(), registerResult(1024)));
  const body = new Uint8Array(128);
  const encoder = new MultiBatchEncoder();
  encoder.begin(body, 128);
  encoder.add(0);
  cluster.answer(session, replyTo(cluster.lastRequest(), body.subarray(0, encoder.finish())));
  expect(printed).toEqual([["registered"], [[]]]);
});

test("the example says what became of it otherwise", () => {
  const session = lookUp(new FakeCluster().options());
  session.close();
  expect(printed).toEqual([["closed", "none"]]);
});
