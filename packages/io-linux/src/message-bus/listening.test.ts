import type { Address } from "@stagbeetle/vsr-protocol";
import { describe, expect, test } from "vitest";
import { Inbox } from "../testing/inbox.ts";
import { createMember } from "../testing/network.ts";
import { OneReplica } from "../testing/one-replica.ts";

describe("listening", () => {
  test("a port that is taken is refused with one line", async () => {
    await using replica = await OneReplica.start();
    const { address } = replica;
    const { bus } = createMember({ kind: "replica", replica: 0, clientsLimit: 1 }, [address], new Inbox());
    const refused = expect(bus.listen()).rejects;
    await refused.toMatchObject({ name: "ListenError", code: "address_in_use", exitStatus: 1 });
    await bus.close();
  });

  test("an address that the machine does not have is refused with one line", async () => {
    const address: Address = { family: 4, host: "192.0.2.1", port: 0 };
    const { bus } = createMember({ kind: "replica", replica: 0, clientsLimit: 1 }, [address], new Inbox());
    await expect(bus.listen()).rejects.toMatchObject({ code: "address_not_available" });
    await bus.close();
  });

  test("on port 0 tells the port", async () => {
    await using replica = await OneReplica.start();
    const { address } = replica;
    expect(address).toMatchObject({ family: 4, host: "127.0.0.1" });
    expect(address.port).toBeGreaterThan(0);
  });
});
