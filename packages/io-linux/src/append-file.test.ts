import { existsSync, mkdirSync, readFileSync, renameSync, symlinkSync, writeFileSync, writevSync } from "node:fs";
import { fileCompliance, type FileSubject } from "@stagbeetle/aof/compliance";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { type AppendFileOptions, openAppendFile, openReadableFile, type SystemAppendFile } from "./append-file.ts";
import { TemporaryDirectory } from "./testing/temporary-directory.ts";
import { until } from "./testing/until.ts";

let directory: TemporaryDirectory;
let path: string;
let opened: SystemAppendFile[];

beforeEach(() => {
  directory = new TemporaryDirectory();
  path = directory.join("x.aof");
  opened = [];
});

afterEach(() => {
  for (const file of opened) file.close();
  directory[Symbol.dispose]();
});

async function open(options: Partial<AppendFileOptions> = {}): Promise<SystemAppendFile> {
  const file = await openAppendFile({ path, create: "new_or_existing", ...options });
  opened.push(file);
  return file;
}

describe("the ports to files, for real", () => {
  const create = async (): Promise<FileSubject> => ({
    file: await open(),
    open: () => openReadableFile(path),
    moveAway: () => renameSync(path, `${path}.1`),
    openMoved: () => openReadableFile(`${path}.1`),
    until,
    close: async () => Promise.resolve(),
  });
  for (const { name, run } of fileCompliance) test(name, () => run(create));
});

describe("an append-only file", () => {
  test("keeps what is in it", async () => {
    writeFileSync(path, "torn");
    const file = await open();
    file.append([Buffer.from("next")]);
    expect(readFileSync(path, "utf8")).toBe("tornnext");
  });

  test("that must be new is refused if it exists, and left alone", async () => {
    writeFileSync(path, "precious");
    await expect(open({ create: "new" })).rejects.toMatchObject({ code: "already_exists", exitStatus: 1 });
    expect(readFileSync(path, "utf8")).toBe("precious");
  });

  test.each([null, undefined])("is refused to a second process (system calls: %s)", async (systemCalls) => {
    const options = systemCalls === undefined ? {} : { systemCalls };
    await open(options);
    await expect(open(options)).rejects.toMatchObject({ code: "locked", exitStatus: 1 });
  });

  test("is free again when it is closed", async () => {
    (await open()).close();
    opened = [];
    await open();
  });

  test("is refused where there is no directory, and where it is one", async () => {
    await expect(open({ path: directory.join("no/x.aof") })).rejects.toMatchObject({ code: "path_not_found" });
    mkdirSync(directory.join("d.aof"));
    await expect(open({ path: directory.join("d.aof") })).rejects.toMatchObject({ code: "not_a_file" });
    expect(() => openReadableFile(directory.path)).toThrow("it is not a regular file");
    expect(() => openReadableFile(path)).toThrow("no such file or directory");
    expect(existsSync(path)).toBe(false);
  });

  test("is written in as many calls as the system makes of it", async () => {
    const writev = (fileDescriptor: number, parts: readonly Uint8Array[]): number =>
      writevSync(fileDescriptor, [(parts[0] ?? new Uint8Array(0)).subarray(0, 2)]);
    const file = await open({ calls: { writev, fsync: (_, callback) => callback(null) } });
    file.append([Buffer.from("abc"), Buffer.from(""), Buffer.from("defgh")].filter(({ length }) => length > 0));
    expect(readFileSync(path, "utf8")).toBe("abcdefgh");
  });

  test("is tried again after an interrupted call", async () => {
    let interruptions = 3;
    const writev = (fileDescriptor: number, parts: readonly Uint8Array[]): number => {
      interruptions -= 1;
      if (interruptions >= 0) throw Object.assign(new Error("EINTR"), { code: "EINTR" });
      return writevSync(fileDescriptor, parts);
    };
    const file = await open({ calls: { writev, fsync: () => undefined } });
    file.append([Buffer.from("ab")]);
    expect(readFileSync(path, "utf8")).toBe("ab");
  });

  test.each([
    ["ENOSPC", { name: "FatalError", reason: 2 }],
    ["EDQUOT", { name: "FatalError", reason: 2 }],
    ["EIO", { name: "WriteError" }],
  ])("ends the process when it cannot be written: %s", async (code, expected) => {
    const writev = (): number => {
      throw Object.assign(new Error(code), { code });
    };
    const file = await open({ calls: { writev, fsync: () => undefined } });
    expect(() => file.append([Uint8Array.of(1)])).toThrow(expect.objectContaining(expected));
  });

  test("ends the process when it cannot be synced", async () => {
    const failures: unknown[] = [];
    const fsync = (_: number, callback: (error: Error | null) => void): void => {
      try {
        callback(new Error("EIO"));
      } catch (error) {
        failures.push(error);
      }
    };
    const file = await open({ calls: { writev: writevSync, fsync } });
    file.sync(() => expect.unreachable("nothing is durable"));
    expect(failures).toEqual([expect.objectContaining({ name: "WriteError" })]);
  });

  test("knows when its path leads to another file", async () => {
    const file = await open();
    renameSync(path, `${path}.1`);
    writeFileSync(path, "");
    expect(file.pathTarget()).toBe("another");
  });

  test("is the same file behind a link", async () => {
    writeFileSync(directory.join("target"), "");
    symlinkSync("target", path);
    expect((await open()).pathTarget()).toBe("same");
  });
});
