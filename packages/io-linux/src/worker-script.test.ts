import { expect, test } from "vitest";
import { workerScript } from "./worker-script.ts";

test.each([
  ["file:///app/src/thread.ts", "file:///app/src/worker.ts"],
  ["file:///app/dist/thread.js", "file:///app/dist/worker.js"],
])("the script beside %s is %s", (moduleUrl, script) => {
  expect(workerScript("worker", moduleUrl).href).toBe(script);
});
