import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { afterEach, beforeEach, expect, test } from "vitest";

import { type Artefact, beyond, different, elsewhere, equal, type Kind, type Outcome } from "./artefact.ts";
import { compareArtefacts, describeCounts, discoverArtefacts } from "./run.ts";

let directory: string;

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), "stagbeetle-recordings-"));
  mkdirSync(join(directory, "wire"));
  writeFileSync(join(directory, "wire", "session.capture"), "");
  writeFileSync(join(directory, "other.capture"), "");
});

afterEach(() => {
  rmSync(directory, { recursive: true });
});

function artefact(name: string, check: () => Outcome): Artefact {
  return { name, kind: "capture", check: () => Promise.resolve().then(check) };
}

const captures: Kind = {
  name: "capture",
  discover: (_, files) => Promise.resolve(files.map((file) => artefact(file, () => equal("nothing")))),
};

test("files are found in every folder below the directory", async () => {
  const found = await discoverArtefacts([captures], directory, {});
  expect(found.map(({ name }) => name)).toEqual(["other.capture", join("wire", "session.capture")]);
});

test("a selection takes a kind, or names that contain a text", async () => {
  expect(await discoverArtefacts([captures], directory, { kind: "aof" })).toEqual([]);
  const found = await discoverArtefacts([captures], directory, { name: "sess" });
  expect(found.map(({ name }) => name)).toEqual([join("wire", "session.capture")]);
});

test("every outcome has its line and its count, and one that throws is different", async () => {
  const lines: string[] = [];
  const counts = await compareArtefacts(
    [
      artefact("a", () => equal("3 frames")),
      artefact("b", () => different("frame 7: size is 1, recorded 2")),
      artefact("c", () => beyond("needs checkpoints")),
      artefact("d", () => {
        throw new RangeError("cut off");
      }),
      artefact("e", () => elsewhere("which serve compares")),
    ],
    (line) => lines.push(line),
  );
  expect(counts).toEqual({ equal: 1, different: 2, beyond: 1, elsewhere: 1 });
  expect(describeCounts(counts)).toBe("conformance: 1 passed, 2 failed, 1 skipped, 1 compared by other kinds");
  expect(lines).toEqual([
    "ok   capture    a: 3 frames",
    "FAIL capture    b: frame 7: size is 1, recorded 2",
    "skip capture    c: needs checkpoints",
    "FAIL capture    d: RangeError: cut off",
    "see  capture    e: which serve compares",
  ]);
});
