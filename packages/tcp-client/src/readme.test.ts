import { expect, test } from "vitest";

import { repeat } from "../examples/repeat.ts";
import { FakeReplica } from "../test/fake-replica.ts";

test("the README's example repeats what it is given", async () => {
  const replica = await new FakeReplica().start();
  const address = { family: 4, host: "127.0.0.1", port: replica.port } as const;
  expect(await repeat([address], 200, "hello")).toBe("hello");
  await replica.stop();
});
