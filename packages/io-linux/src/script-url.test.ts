import { AssertionError } from "@stagbeetle/kernels";
import { expect, test } from "vitest";
import { scriptUrl } from "./script-url.ts";

test.each([
  ["worker", "file:///app/src/thread.ts", "file:///app/src/worker.ts"],
  ["worker", "file:///app/dist/thread.js", "file:///app/dist/worker.js"],
  ["../main", "file:///app/src/cluster/process.ts", "file:///app/src/main.ts"],
  ["../main", "file:///app/1.0/dist/cluster/process.js", "file:///app/1.0/dist/main.js"],
])("the script %s of %s is %s", (path, moduleUrl, script) => {
  expect(scriptUrl(path, moduleUrl).href).toBe(script);
});

test("a module without an ending of ours has no scripts", () => {
  expect(() => scriptUrl("worker", "file:///app/1.0/thread")).toThrow(AssertionError);
});
