import { describe, expect, test } from "vitest";
import { Solo } from "../../test/solo.ts";

describe("smoke", () => {
  test("a client registers and is answered", () => {
    const solo = Solo.serving();
    console.log(solo.logger.lines.join("\n"));
    const client = solo.registered(7n);
    expect(client.session).toBe(1);
    expect(client.add(5).tally).toEqual({ count: 1, sum: 5 });
    console.log(solo.logger.lines.join("\n"));
    console.log(solo.replica.describe());
  });
});
