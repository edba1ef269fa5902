import { describe, expect, test } from "vitest";

import { runScenario } from "./run-scenario.ts";
import { parseScript, renderScript } from "./script.ts";

const TEXT = `# A title
# and more of it

cluster replicas=1
requests 1 => 1 replies
# a remark
show R0
  a line
  another
expect log "two words"

# the end
`;

describe("a scenario's text", () => {
  test("is the same after reading and writing it", () => {
    expect(renderScript(parseScript(TEXT))).toBe(TEXT);
  });

  test("is commands with facts and outputs", () => {
    const { title, steps } = parseScript(TEXT);
    expect(title).toBe("A title");
    expect(steps.map(({ line, name, words, fact, output }) => ({ line, name, words, fact, output }))).toEqual([
      { line: 4, name: "cluster", words: ["replicas=1"], fact: null, output: [] },
      { line: 5, name: "requests", words: ["1"], fact: "1 replies", output: [] },
      { line: 7, name: "show", words: ["R0"], fact: null, output: ["a line", "another"] },
      { line: 10, name: "expect", words: ["log", "two words"], fact: null, output: [] },
    ]);
  });

  test.each([
    ["no title", "cluster replicas=1\n"],
    ["output of nothing", "# A title\n  a line\n"],
  ])("with %s is refused", (_, text) => {
    expect(() => parseScript(text)).toThrow(TypeError);
  });
});

describe("a scenario that is played", () => {
  const play = (...lines: readonly string[]): ReturnType<typeof runScenario> =>
    runScenario(["# A title", "cluster replicas=1", ...lines, ""].join("\n"));

  test("ends at the first fact that does not hold, and says which", () => {
    const { failures, text } = play("requests 1 => 2 replies", "expect R0 commit=9");
    expect(failures).toEqual(["line 3: requests 1 => 2 replies: 1 replies"]);
    expect(text).toContain("expect R0 commit=9");
  });

  test.each([
    ["expect R0 commit=9", "R0 has commit=0"],
    ["expect R0 status=down", "R0 has status=normal"],
    ['expect log "never said"', 'nobody logged "never said"'],
    ["expect C0 evicted=no_session", "C0 has evicted=no"],
    ["replay", "nothing was recorded"],
    ["open R0", "assertion: a machine is started while it is serving"],
  ])("notices that '%s' is otherwise", (line, failure) => {
    expect(play(line).failures).toEqual([`line 3: ${line}: ${failure}`]);
  });

  test.each([
    "dance",
    "expect",
    "expect R0 mood=good",
    "stop R7",
    "drop nothing to R0",
    "drop view",
    "corrupt R0 soul 1",
  ])("does not know what '%s' means", (line) => {
    expect(() => play(line)).toThrow(TypeError);
  });

  test("shows what there is instead of what was expected", () => {
    const { text, failures } = play("show R0", "  something else");
    expect(failures).toEqual([]);
    expect(text).toContain("\n  R0 normal primary view=1 head=0 commit=0/0 checkpoint=0\n");
  });
});
