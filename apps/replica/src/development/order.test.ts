import { describe, expect, it } from "vitest";

import { parseOrder } from "./order.ts";

describe("what is typed to a cluster of three", () => {
  it.each([
    ["kill 1", { verb: "kill", replicas: [1] }],
    ["  pause   0  2 ", { verb: "pause", replicas: [0, 2] }],
    ["status", { verb: "status", replicas: [] }],
    ["quit", { verb: "quit", replicas: [] }],
  ])("%s is obeyed", (line, order) => {
    expect(parseOrder(line, 3)).toEqual(order);
  });

  it.each([
    ["kill", "which? for example: kill 2"],
    ["kill 3", "no replica '3': 0 to 2"],
    ["kill one", "no replica 'one': 0 to 2"],
    ["kill -1", "no replica '-1': 0 to 2"],
    ["status 1", "status takes no index"],
    ["explode 1", "unknown: 'explode'; there is kill, stop, start, pause, resume, status, quit"],
    ["toString 1", "unknown: 'toString'; there is kill, stop, start, pause, resume, status, quit"],
  ])("%s is refused with the reason", (line, mistake) => {
    expect(parseOrder(line, 3)).toEqual({ mistake });
  });
});
