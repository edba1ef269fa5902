import { readFileSync } from "node:fs";

import { expect, test } from "vitest";

import { repeat } from "../test/example.ts";
import { FakeReplica } from "../test/fake-replica.ts";

const directory = new URL("..", import.meta.url);

test("the README shows the example as it is, and it runs", async () => {
  const readme = readFileSync(new URL("README.md", directory), "utf8");
  expect(readme).toContain(readFileSync(new URL("test/example.ts", directory), "utf8"));
  const replica = await new FakeReplica().start();
  const address = { family: 4, host: "127.0.0.1", port: replica.port } as const;
  expect(await repeat([address], 200, "hello")).toBe("hello");
  await replica.stop();
});
