import { readFileSync } from "node:fs";

import { MultiBatchEncoder } from "@stagbeetle/vsr-protocol";
import { afterEach, beforeEach, expect, test, vi } from "vitest";

import { lookUp } from "../examples/look-up.ts";
import { FakeCluster } from "../test/fake-cluster.ts";
import { registerResult, replyTo } from "../test/messages.ts";

const directory = new URL("..", import.meta.url);

let printed: unknown[][];

beforeEach(() => {
  printed = [];
  vi.spyOn(console, "log").mockImplementation((...values: unknown[]) => void printed.push(values));
});

afterEach(() => {
  vi.restoreAllMocks();
});

test("the README shows the example as it is", () => {
  const readme = readFileSync(new URL("README.md", directory), "utf8");
  expect(readme).toContain(readFileSync(new URL("examples/look-up.ts", directory), "utf8"));
});

test("the example looks accounts up", () => {
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
