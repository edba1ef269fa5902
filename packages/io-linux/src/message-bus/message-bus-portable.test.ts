/**
 * All facts about the bus again, on a Node without handles that can be moved and without bound sockets.
 */
import { Socket } from "node:net";
import { expect, test, vi } from "vitest";
import type * as SocketOptions from "./socket-options.ts";
import { bindSocket } from "./socket-options.ts";
import type * as Sockets from "./sockets.ts";
import { adopt } from "./sockets.ts";

vi.mock("./sockets.ts", async (importOriginal) => {
  const original = await importOriginal<typeof Sockets>();
  const adoptPortably: typeof original.adopt = (accepted, _onread, onChunk) => original.adoptChunks(accepted, onChunk);
  return { ...original, adopt: adoptPortably };
});
vi.mock("./socket-options.ts", async (importOriginal) => ({
  ...(await importOriginal<typeof SocketOptions>()),
  bindSocket: () => null,
}));

await import("./back-pressure.test.ts");
await import("./closing.test.ts");
await import("./dialling.test.ts");
await import("./framing.test.ts");
await import("./limits.test.ts");
await import("./listening.test.ts");
await import("./peers.test.ts");
await import("./untrusted-bytes.test.ts");

test("these facts are about the portable ways", () => {
  expect(bindSocket({ host: "127.0.0.1", port: 0 }, 4096)).toBeNull();
  const accepted = new Socket();
  const onread = { buffer: () => new Uint8Array(1), callback: () => true };
  expect(adopt(accepted, onread, () => true)).toBe(accepted);
});
