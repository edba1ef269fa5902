import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { DataFileError } from "@stagbeetle/io-linux";
import fc from "fast-check";
import { afterEach, beforeEach, expect, test } from "vitest";

import { AofError } from "../aof-error.ts";
import { ProgressFile } from "./progress-file.ts";
import type { Position } from "./progress-file.ts";

let directory = "";
let path = "";

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), "stagbeetle-progress-"));
  path = join(directory, "p.recovery");
});

afterEach(() => rmSync(directory, { recursive: true }));

const position: Position = {
  checksumFirst: "0".repeat(32),
  checksumLast: "f".repeat(32),
  attempt: 2,
  opCluster: Number.MAX_SAFE_INTEGER,
  sending: "request",
  release: 4361,
  op: Number.MAX_SAFE_INTEGER,
  offset: Number.MAX_SAFE_INTEGER,
};

test("a position is read as it was written, whatever was written before it", () => {
  expect(ProgressFile.read(path)).toBeNull();
  const file = ProgressFile.open(path);
  expect(ProgressFile.read(path)).toBeNull();
  file.write(position);
  expect(ProgressFile.read(path)).toEqual(position);
  const next: Position = { ...position, sending: null, op: 1, offset: 0 };
  file.write(next);
  expect(ProgressFile.read(path)).toEqual(next);
  expect(readFileSync(path)).toHaveLength(512);
  file.remove();
  expect(ProgressFile.read(path)).toBeNull();
});

test("a disk that is full is told as that", () => {
  const file = ProgressFile.open("/dev/full");
  expect(() => file.write(position)).toThrow(DataFileError);
  expect(() => file.write(position)).toThrow("/dev/full: cannot keep the progress of the recovery: no space left");
  file.close();
});

test("anything else in the file is told, not taken", () => {
  const wrong = fc.oneof(
    fc.uint8Array({ minLength: 1, maxLength: 600 }).map((bytes) => Buffer.from(bytes).toString("latin1")),
    fc.json(),
    fc.constantFrom(...Object.keys(position)).map((name) => JSON.stringify({ ...position, [name]: -1 })),
    fc.constantFrom(...Object.keys(position)).map((name) => JSON.stringify({ ...position, [name]: undefined })),
  );
  fc.assert(
    fc.property(wrong, (text) => {
      writeFileSync(path, text);
      expect(() => ProgressFile.read(path)).toThrow(AofError);
    }),
  );
});
