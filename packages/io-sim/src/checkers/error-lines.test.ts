import type { Logger, LogLevel } from "@stagbeetle/vsr-protocol";
import { SILENT_LOGGER } from "@stagbeetle/vsr-protocol";
import { describe, expect, test } from "vitest";

import { ErrorLines } from "./error-lines.ts";

describe("lines of replicas", () => {
  test("go on to the logger behind, all levels of them", () => {
    const lines: string[] = [];
    const behind: Logger = {
      enabled: (level) => level === "warn",
      log: (level, message) => lines.push(`${level} ${message}`),
    };
    const logger = new ErrorLines(behind);
    logger.log("warn", "2n: on_pong: of this replica: dropped");
    expect(() => logger.log("error", "2n: on_view: dropped: no headers", { replica: 1 })).toThrow(
      "an error that nothing explains: 2n: on_view: dropped: no headers replica=1",
    );
    expect(lines).toEqual(["warn 2n: on_pong: of this replica: dropped", "error 2n: on_view: dropped: no headers"]);
    const levels: readonly LogLevel[] = ["error", "warn", "info", "debug"];
    expect(levels.filter((level) => logger.enabled(level))).toEqual(["error", "warn"]);
  });

  test.each(["grid: a block is damaged", "2n: clock: no agreement on cluster time"])(
    "are let pass where what is simulated explains them: %s",
    (message) => {
      expect(() => new ErrorLines(SILENT_LOGGER).log("error", message)).not.toThrow();
    },
  );

  test("are not let pass where a log cannot be recovered, which faults in a cluster never bring about", () => {
    const logger = new ErrorLines(SILENT_LOGGER);
    expect(() => logger.log("error", "journal: WALCorrupt")).toThrow("nothing explains: journal: WALCorrupt");
    expect(() => logger.log("info", "journal: recovered")).not.toThrow();
  });
});
