import { openSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { TEST_MIN } from "@stagbeetle/vsr-protocol";
import { beforeAll, describe, expect, test } from "vitest";
import { openDataFile } from "./data-file.ts";
import { acquireFileLock, fileIdentity, lockedByAnother } from "./lock.ts";
import { loadSystemCalls } from "./system-calls.ts";
import { Child } from "./testing/child.ts";
import { TemporaryDirectory } from "./testing/temporary-directory.ts";

const systemCalls = loadSystemCalls();

async function format(path: string): Promise<void> {
  const file = await openDataFile({ path, purpose: "format", config: TEST_MIN, directIo: "disabled" });
  file.close();
}

describe("/proc/locks", () => {
  // makedev(0xfe, 0x01)
  const identity = { device: 0xfe01n, inode: 4711n };

  test.each([
    ["1: FLOCK  ADVISORY  WRITE 4242 fe:01:4711 0 EOF", true],
    ["17: FLOCK  ADVISORY  READ 4242 fe:01:4711 0 EOF", true],
    ["1: -> FLOCK  ADVISORY  WRITE 4242 fe:01:4711 0 EOF", false],
    ["1: POSIX  ADVISORY  WRITE 4242 fe:01:4711 0 EOF", false],
    ["1: FLOCK  ADVISORY  WRITE 4242 fe:01:47110 0 EOF", false],
    ["1: FLOCK  ADVISORY  WRITE 4242 fe:02:4711 0 EOF", false],
    ["", false],
    ["nonsense\n\n1:", false],
  ])("%j says that the file is locked: %s", (line, locked) => {
    expect(lockedByAnother(`${line}\n`, identity)).toBe(locked);
  });

  test("knows devices with large numbers", () => {
    // makedev(259, 0x10002): the low byte of the minor number, the major number, the rest of the minor number.
    expect(lockedByAnother("1: FLOCK ADVISORY WRITE 1 103:10002:5 0 EOF", { device: 0x1001_0302n, inode: 5n })).toBe(
      true,
    );
  });
});

describe("the lock of a data file", () => {
  let directory: TemporaryDirectory;
  beforeAll(() => {
    directory = new TemporaryDirectory();
    return () => directory[Symbol.dispose]();
  });

  test.each([
    ["", ""],
    ["", "node-only"],
    ["node-only", ""],
    ["node-only", "node-only"],
  ])("keeps another process out, and kill -9 gives it back (%j, then %j)", async (first, second) => {
    const path = directory.join(`processes-${first}-${second}`);
    await format(path);
    await using holder = new Child("hold-data-file.ts", [path, first]);
    expect(await holder.line()).toBe("held");
    await using refused = new Child("hold-data-file.ts", [path, second]);
    expect(await refused.line()).toBe("locked");
    await holder.kill();
    await using successor = new Child("hold-data-file.ts", [path, second]);
    expect(await successor.line()).toBe("held");
    expect(successor.stderr).toBe("");
  });

  test("waits for a predecessor that is about to end", async () => {
    const path = directory.join("predecessor");
    await format(path);
    const options = { path, purpose: "open", config: TEST_MIN, directIo: "disabled" } as const;
    const predecessor = await openDataFile(options);
    const successor = openDataFile(options);
    await new Promise((resolve) => setTimeout(resolve, 60));
    predecessor.close();
    (await successor).close();
  });

  test("is that of the file, not of its name", async () => {
    const path = directory.join("real-name");
    await format(path);
    const file = await openDataFile({ path, purpose: "open", config: TEST_MIN, directIo: "disabled" });
    const alias = `${directory.path}/../${directory.path.split("/").at(-1)}/real-name`;
    await expect(
      openDataFile({ path: alias, purpose: "open", config: TEST_MIN, directIo: "disabled" }),
    ).rejects.toMatchObject({ code: "locked" });
    file.close();
  });

  test("does not keep an inspector out, who is warned", async () => {
    const path = directory.join("inspected");
    await format(path);
    const holder = await openDataFile({ path, purpose: "open", config: TEST_MIN, directIo: "disabled" });
    const warnings: string[] = [];
    const inspected = await openDataFile({
      path,
      purpose: "inspect",
      config: TEST_MIN,
      directIo: "disabled",
      logger: { enabled: () => true, log: (_level, message) => warnings.push(message) },
    });
    expect(warnings).toEqual([expect.stringContaining("another process holds the lock")]);
    inspected.close();
    holder.close();
  });

  test.skipIf(systemCalls === null)("is seen by those who only use flock, and sees them", async () => {
    const path = directory.join("flock");
    writeFileSync(path, "");
    // As the reference does it: flock, and nothing else.
    const foreign = openSync(path, "r+");
    expect(systemCalls?.tryLock(foreign)).toBe("acquired");
    const mine = openSync(path, "r+");
    const identity = fileIdentity(statSync(path, { bigint: true }));
    expect(readFileSync("/proc/locks", "latin1")).toContain(`:${identity.inode} `);
    expect(await acquireFileLock(mine, identity, systemCalls)).toBeNull();
    expect(await acquireFileLock(mine, identity, null)).toBeNull();
  });
});

test.skipIf(systemCalls === null)("reaching system calls says nothing on standard error", async () => {
  using directory = new TemporaryDirectory();
  const path = directory.join("data");
  await format(path);
  await using child = new Child("hold-data-file.ts", [path]);
  expect(await child.line()).toBe("held");
  await child.kill();
  expect(child.stderr).toBe("");
});

test("without node:ffi there are no system calls, and everything works", async () => {
  using directory = new TemporaryDirectory();
  const path = directory.join("data");
  await format(path);
  await using child = new Child("hold-data-file.ts", [path], ["--no-experimental-ffi"]);
  expect(await child.line()).toBe("held");
});
