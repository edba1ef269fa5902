import { readFileSync } from "node:fs";

import { describe, expect, test } from "vitest";

import {
  matchingCases,
  printRecoveryTable,
  type RecoveryInputs,
  recoveryCase,
  recoveryCases,
  type RingContent,
  type RingRelation,
} from "./recovery-table.ts";

const CONTENTS: readonly RingContent[] = ["bad", "reserved", "prepare", "beyond"];
const RELATIONS: readonly RingRelation[] = ["none", "same", "older", "newer", "otherView"];

const isPrepare = (content: RingContent) => content === "prepare" || content === "beyond";

/** Why a combination of inputs cannot be, or null. */
function impossible({ header, prepare, relation, prepareNewest }: RecoveryInputs): string | null {
  const both = isPrepare(header) && isPrepare(prepare);
  if (both !== (relation !== "none")) return "headers are compared if both are prepares";
  if (!isPrepare(prepare) && prepareNewest) return "only a prepare is the newest op";
  if (!both) return null;
  if (header === "beyond" && prepare === "prepare" && relation !== "newer") return "above op_prepare_max is newer";
  if (header === "prepare" && prepare === "beyond" && relation !== "older") return "above op_prepare_max is newer";
  if (relation === "newer" && prepareNewest) return "the header has a newer op";
  return null;
}

const COMBINATIONS: readonly RecoveryInputs[] = CONTENTS.flatMap((header) =>
  CONTENTS.flatMap((prepare) =>
    RELATIONS.flatMap((relation) =>
      [false, true].map((prepareNewest) => ({ header, prepare, relation, prepareNewest })),
    ),
  ),
);

describe("the decision table of recovery", () => {
  test("every combination that can be matches exactly one case", () => {
    const possible = COMBINATIONS.filter((inputs) => impossible(inputs) === null);
    expect(COMBINATIONS).toHaveLength(160);
    expect(possible).toHaveLength(33);
    for (const inputs of possible) {
      expect(
        matchingCases(inputs).map(({ label }) => label),
        JSON.stringify(inputs),
      ).toHaveLength(1);
    }
  });

  test("every case is reached by a combination that can be", () => {
    const possible = COMBINATIONS.filter((inputs) => impossible(inputs) === null);
    const reached = new Set(possible.map((inputs) => recoveryCase(inputs).label));
    expect([...reached].sort()).toEqual(recoveryCases.map(({ label }) => label));
  });

  test("a combination that matches nothing is a broken invariant", () => {
    const inputs: RecoveryInputs = { header: "prepare", prepare: "prepare", relation: "none", prepareNewest: false };
    expect(matchingCases(inputs)).toEqual([]);
    expect(() => recoveryCase(inputs)).toThrow("matches undefined, undefined");
  });

  // Spec 04 §11.3, row by row: content of the header ring, of the prepare ring, the condition, and both decisions.
  test.each<[string, RingContent, RingContent, RingRelation, boolean, string, string]>([
    ["@A", "bad", "bad", "none", false, "vsr", "vsr"],
    ["@B", "reserved", "bad", "none", false, "vsr", "vsr"],
    ["@C", "prepare", "bad", "none", false, "vsr", "vsr"],
    ["@C", "beyond", "bad", "none", false, "vsr", "vsr"],
    ["@D", "bad", "reserved", "none", false, "vsr", "fix"],
    ["@E", "bad", "prepare", "none", false, "vsr", "fix"],
    ["@F", "bad", "prepare", "none", true, "fix", "fix"],
    ["@G", "reserved", "prepare", "none", false, "fix", "fix"],
    ["@G", "reserved", "prepare", "none", true, "fix", "fix"],
    ["@H", "bad", "beyond", "none", true, "cut", "impossible"],
    ["@H", "reserved", "beyond", "none", false, "cut", "impossible"],
    ["@H", "prepare", "beyond", "older", true, "cut", "impossible"],
    ["@H", "beyond", "beyond", "same", true, "cut", "impossible"],
    ["@I", "beyond", "prepare", "newer", false, "cut", "impossible"],
    ["@J", "beyond", "reserved", "none", false, "cut", "impossible"],
    ["@K", "prepare", "reserved", "none", false, "vsr", "vsr"],
    ["@L", "reserved", "reserved", "none", false, "nil", "nil"],
    ["@M", "prepare", "prepare", "older", true, "fix", "fix"],
    ["@N", "prepare", "prepare", "newer", false, "vsr", "vsr"],
    ["@O", "prepare", "prepare", "otherView", true, "vsr", "vsr"],
    ["@P", "prepare", "prepare", "same", false, "eql", "eql"],
  ])(
    "%s: %s, %s, %s, newest %s: %s with peers, %s alone",
    (label, header, prepare, relation, prepareNewest, replicated, solo) => {
      const row = recoveryCase({ header, prepare, relation, prepareNewest });
      expect([row.label, row.replicated, row.solo]).toEqual([label, replicated, solo]);
    },
  );
});

test("the README shows the table as it is", () => {
  expect(readFileSync(new URL("../README.md", import.meta.url), "utf8")).toContain(printRecoveryTable());
});
