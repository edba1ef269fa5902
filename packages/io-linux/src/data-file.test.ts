import {
  chmodSync,
  existsSync,
  mkdirSync,
  readFileSync,
  readdirSync,
  statfsSync,
  statSync,
  symlinkSync,
  truncateSync,
  unlinkSync,
  writeFileSync,
} from "node:fs";
import { constants } from "node:os";
import { type LogLevel, TEST_MIN } from "@stagbeetle/vsr-protocol";
import { describe, expect, test } from "vitest";
import { type DataFileOptions, openDataFile } from "./data-file.ts";
import { DataFileError } from "./data-file-error.ts";
import { decideDirectIo, isMemoryFileSystem } from "./direct-io.ts";
import { loadSystemCalls, type SystemCalls } from "./system-calls.ts";
import { TemporaryDirectory } from "./testing/temporary-directory.ts";

const SIZE_MIN_BYTES = TEST_MIN.derived.dataFileSizeMin;

type Choices = Partial<DataFileOptions> & Pick<DataFileOptions, "path" | "purpose">;

async function open(options: Choices): Promise<Awaited<ReturnType<typeof openDataFile>>> {
  return openDataFile({ config: TEST_MIN, directIo: "optional", ...options });
}

/** Formats a file and closes it again. */
async function format(path: string, options: Partial<DataFileOptions> = {}): Promise<void> {
  const file = await open({ path, purpose: "format", ...options });
  file.close();
}

async function errorOf(opening: Promise<unknown>): Promise<DataFileError> {
  const error: unknown = await opening.then(
    () => null,
    (reason: unknown) => reason,
  );
  if (error instanceof DataFileError) return error;
  throw new Error(`not a DataFileError: ${String(error)}`);
}

/** System calls in which allocating fails. */
function allocatingFails(errno: number): SystemCalls {
  return { tryLock: () => "acquired", allocate: () => errno, setSocketOption: () => true, duplicateOnto: () => false };
}

function capture(): { lines: string[]; logger: NonNullable<DataFileOptions["logger"]> } {
  const lines: string[] = [];
  const log = (level: LogLevel, message: string): void => void lines.push(`${level}: ${message}`);
  return { lines, logger: { enabled: () => true, log } };
}

function allocatedSizeBytes(path: string): number {
  return statSync(path).blocks * 512;
}

describe("formatting", () => {
  test.each([
    ["with every system call", loadSystemCalls(), undefined],
    ["with what Node has, guaranteed", null, "guaranteed"],
    ["with what Node has, sparse", null, "sparse"],
    ["where the file system cannot allocate, guaranteed", allocatingFails(constants.errno.EOPNOTSUPP), "guaranteed"],
    ["where the file system cannot allocate, sparse", allocatingFails(constants.errno.EOPNOTSUPP), "sparse"],
  ] as const)("creates zeros of the smallest size, for the owner only: %s", async (_name, systemCalls, reservation) => {
    using directory = new TemporaryDirectory();
    const path = directory.join("data");
    const file = await open({ path, purpose: "format", systemCalls, ...(reservation ? { reservation } : {}) });
    expect(file.kind).toBe("regular_file");
    expect(file.sizeBytes).toBe(SIZE_MIN_BYTES);
    const { mode, size } = statSync(path);
    expect([mode & 0o777, size]).toEqual([0o600, SIZE_MIN_BYTES]);
    expect(readFileSync(path).every((byte) => byte === 0)).toBe(true);
    expect(readdirSync(directory.path)).toEqual(["data"]);
    file.close();
  });

  test("reserves the blocks of the file, unless it may be sparse", async () => {
    using directory = new TemporaryDirectory();
    await format(directory.join("written"), { systemCalls: null, reservation: "guaranteed" });
    expect(allocatedSizeBytes(directory.join("written"))).toBeGreaterThanOrEqual(SIZE_MIN_BYTES);
    await format(directory.join("sparse"), { systemCalls: null, reservation: "sparse" });
    expect(allocatedSizeBytes(directory.join("sparse"))).toBeLessThan(SIZE_MIN_BYTES);
  });

  test.skipIf(loadSystemCalls() === null)("reserves the blocks by fallocate where it can", async () => {
    using directory = new TemporaryDirectory();
    await format(directory.join("data"), { reservation: "sparse" });
    expect(allocatedSizeBytes(directory.join("data"))).toBeGreaterThanOrEqual(SIZE_MIN_BYTES);
  });

  test("guarantees the space by default where direct I/O is required", async () => {
    using directory = new TemporaryDirectory();
    await format(directory.join("data"), { systemCalls: null, directIo: "required" });
    expect(allocatedSizeBytes(directory.join("data"))).toBeGreaterThanOrEqual(SIZE_MIN_BYTES);
  });

  test("leaves an existing file alone", async () => {
    using directory = new TemporaryDirectory();
    const path = directory.join("data");
    writeFileSync(path, "precious");
    const error = await errorOf(open({ path, purpose: "format" }));
    expect([error.code, error.exitStatus]).toEqual(["already_exists", 1]);
    expect(readFileSync(path, "utf8")).toBe("precious");
  });

  test.each(["guaranteed", "sparse"] as const)(
    "of a full disk says so and leaves nothing behind (%s)",
    async (reservation) => {
      using directory = new TemporaryDirectory();
      const path = directory.join("data");
      const systemCalls = allocatingFails(constants.errno.ENOSPC);
      const error = await errorOf(open({ path, purpose: "format", systemCalls, reservation }));
      expect([error.code, error.exitStatus]).toEqual(["no_space_left", 2]);
      expect(existsSync(path)).toBe(false);
    },
  );

  test("of more than is free says so before it writes", async () => {
    using directory = new TemporaryDirectory();
    const path = directory.join("data");
    const { bavail, bsize } = statfsSync(directory.path);
    const derived = { ...TEST_MIN.derived, dataFileSizeMin: (bavail + 1_000_000) * bsize };
    const config = { ...TEST_MIN, derived };
    for (const reservation of ["guaranteed", "sparse"] as const) {
      const error = await errorOf(open({ path, purpose: "format", config, systemCalls: null, reservation }));
      expect(error.code).toBe("no_space_left");
      expect(existsSync(path)).toBe(false);
    }
  });
});

describe("opening", () => {
  test("gives the file back with its size", async () => {
    using directory = new TemporaryDirectory();
    const path = directory.join("data");
    await format(path);
    truncateSync(path, SIZE_MIN_BYTES + 8192);
    const file = await open({ path, purpose: "open" });
    expect(file.sizeBytes).toBe(SIZE_MIN_BYTES + 8192);
    file.close();
  });

  test("follows a symbolic link", async () => {
    using directory = new TemporaryDirectory();
    await format(directory.join("data"));
    symlinkSync(directory.join("data"), directory.join("link"));
    (await open({ path: directory.join("link"), purpose: "open" })).close();
  });

  test.each(["open", "inspect"] as const)("what does not exist creates nothing (%s)", async (purpose) => {
    using directory = new TemporaryDirectory();
    const path = directory.join("data");
    const error = await errorOf(open({ path, purpose }));
    expect([error.code, error.exitStatus]).toEqual(["path_not_found", 1]);
    expect(error.message).toContain(path);
    expect(existsSync(path)).toBe(false);
  });

  test.each(["format", "open", "inspect"] as const)(
    "in a directory that does not exist says so (%s)",
    async (purpose) => {
      using directory = new TemporaryDirectory();
      const error = await errorOf(open({ path: directory.join("missing/data"), purpose }));
      expect(error.code).toBe("path_not_found");
    },
  );

  test("below a file says that the path is wrong", async () => {
    using directory = new TemporaryDirectory();
    writeFileSync(directory.join("file"), "");
    const error = await errorOf(open({ path: directory.join("file/data"), purpose: "format" }));
    expect(error.code).toBe("path_not_found");
  });

  test.each(["format", "open", "inspect"] as const)("a directory is refused (%s)", async (purpose) => {
    using directory = new TemporaryDirectory();
    mkdirSync(directory.join("data"));
    const error = await errorOf(open({ path: directory.join("data"), purpose }));
    expect(error.code).toBe("not_a_file");
  });

  test("a device that is not a disk is refused", async () => {
    const error = await errorOf(open({ path: "/dev/null", purpose: "open" }));
    expect(error.code).toBe("not_a_file");
  });

  test.each([0, 1, SIZE_MIN_BYTES - 1])("a file of %i bytes is refused", async (sizeBytes) => {
    using directory = new TemporaryDirectory();
    const path = directory.join("data");
    await format(path);
    truncateSync(path, sizeBytes);
    const error = await errorOf(open({ path, purpose: "open" }));
    expect(error.code).toBe("too_small");
    expect(error.message).toContain(`${sizeBytes} of at least ${SIZE_MIN_BYTES} bytes`);
    expect(statSync(path).size).toBe(sizeBytes);
  });

  test.skipIf(process.getuid?.() === 0)("a file without permission is refused", async () => {
    using directory = new TemporaryDirectory();
    const path = directory.join("data");
    await format(path);
    chmodSync(path, 0o000);
    const error = await errorOf(open({ path, purpose: "open" }));
    expect(error.code).toBe("access_denied");
  });

  test("gives the lock back when it fails", async () => {
    using directory = new TemporaryDirectory();
    const path = directory.join("data");
    await format(path);
    truncateSync(path, 0);
    await errorOf(open({ path, purpose: "open" }));
    truncateSync(path, SIZE_MIN_BYTES);
    (await open({ path, purpose: "open" })).close();
  });

  test("to inspect does not need permission to write", async () => {
    using directory = new TemporaryDirectory();
    const path = directory.join("data");
    await format(path);
    chmodSync(path, 0o400);
    (await open({ path, purpose: "inspect" })).close();
  });
});

const memoryDirectory = "/dev/shm";
const hasMemoryFileSystem = existsSync(memoryDirectory) && isMemoryFileSystem(memoryDirectory);

describe("direct I/O", () => {
  test.each([
    // mode, inspect, in memory, supported → how it is opened, whether the operator is warned
    ["required", false, false, true, "direct", false],
    ["required", false, false, false, "refused", false],
    ["required", false, true, false, "page_cache", true],
    ["required", true, false, true, "direct", false],
    ["required", true, false, false, "page_cache", true],
    ["required", true, true, false, "page_cache", true],
    ["optional", false, false, true, "direct", false],
    ["optional", false, false, false, "page_cache", true],
    ["optional", false, true, false, "page_cache", true],
    ["optional", true, false, true, "direct", false],
    ["optional", true, false, false, "page_cache", true],
    ["disabled", false, false, true, "page_cache", false],
    ["disabled", true, true, true, "page_cache", false],
  ] as const)("%s, inspect %s, in memory %s, supported %s: %s", (mode, inspect, inMemory, supported, kind, warned) => {
    const decision = decideDirectIo({ mode, inspect, inMemory, supported: () => supported });
    expect(decision.kind).toBe(kind);
    expect("warning" in decision && decision.warning !== null).toBe(warned);
  });

  test("is not used where the configuration has none", async () => {
    using directory = new TemporaryDirectory();
    const file = await open({ path: directory.join("data"), purpose: "format", directIo: "disabled" });
    expect(file.directIo).toBe(false);
    file.close();
  });

  test.skipIf(!hasMemoryFileSystem)("is given up in memory, with a warning, even when it is required", async () => {
    const path = `${memoryDirectory}/stagbeetle-io-linux-${process.pid}`;
    const { lines, logger } = capture();
    const file = await open({ path, purpose: "format", directIo: "required", logger });
    try {
      expect(file.directIo).toBe(false);
      expect(lines).toEqual([expect.stringMatching(/^warn: .*memory/u)]);
    } finally {
      file.close();
      unlinkSync(path);
    }
  });
});
