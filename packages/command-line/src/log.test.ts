import { describe, expect, test } from "vitest";

import { createLogger, logLine, startLog } from "./log.ts";
import { oneLine } from "./terminal.ts";

const record = {
  timestamp: Date.UTC(2026, 10, 21, 4, 5, 6, 7),
  level: "info",
  rawMessage: "",
  properties: {},
} as const;

describe("a line of the log", () => {
  test("has the time in UTC, the level, the scope and the message", () => {
    const line = logLine({ ...record, category: ["stagbeetle", "replica"], message: ["0N: serving"] });
    expect(line).toBe("2026-11-21 04:05:06.007Z info(replica): 0N: serving\n");
  });

  test("has no brackets without a scope", () => {
    expect(logLine({ ...record, category: ["stagbeetle"], message: ["x"] })).toBe("2026-11-21 04:05:06.007Z info: x\n");
  });
});

describe("a logger", () => {
  function linesAt(level: "info" | "debug", write: (logger: ReturnType<typeof createLogger>) => void): string[] {
    const lines: string[] = [];
    startLog({ stdout: () => undefined, stderr: (text) => lines.push(text) }, level);
    write(createLogger("journal"));
    return lines.map((line) => line.slice("2026-11-21 04:05:06.007Z ".length));
  }

  test("writes the fields behind the message, braces and bigints included", () => {
    const lines = linesAt("info", (logger) =>
      logger.log("warn", "releases={1} {x}", { op: 5, id: 2n ** 100n, ok: true }),
    );
    expect(lines).toEqual([`warning(journal): releases={1} {x} op=5 id=${2n ** 100n} ok=true\n`]);
  });

  test("keeps debug lines for when they are asked for", () => {
    expect(linesAt("info", (logger) => logger.log("debug", "x"))).toEqual([]);
    expect(linesAt("debug", (logger) => logger.log("debug", "x"))).toEqual(["debug(journal): x\n"]);
    expect(linesAt("info", (logger) => expect(logger.enabled("debug")).toBe(false))).toEqual([]);
  });

  test("writes one line, whatever the text", () => {
    const [line] = linesAt("info", (logger) => logger.log("error", "a\nb\r\u001b[2J\u2028", { path: "x\ny" }));
    expect(line).toBe(String.raw`error(journal): a\nb\u{d}\u{1b}[2J\u{2028} path=x\ny` + "\n");
  });
});

test("a long line is cut", () => {
  expect(oneLine("x".repeat(100_000)).length).toBeLessThan(5000);
});
