import { describe, expect, it } from "vitest";
import { Command } from "../../command.ts";
import type { ReplicaStatus } from "../status.ts";
import { jumpView, type ViewJump, viewJump, type ViewJumper } from "./jump-view.ts";

/** Replica 1 of three in view 4, whose primary it is. */
const self: ViewJumper = {
  status: "normal",
  view: 4,
  replicaCount: 3,
  standby: false,
  primaryOf: (view) => view % 3 === 1,
};

const STARTED: readonly Command[] = [Command.prepare, Command.commit];
const JOINED: readonly Command[] = [Command.joinView, Command.exitView, Command.ping, Command.pong];

/** What messages of views 3 to 6 make of a replica: of those that say that the view has started, and of the others. */
const ROWS: readonly [ReplicaStatus, "started" | "joined", number, ViewJump][] = [
  ["normal", "started", 3, "none"],
  ["normal", "started", 4, "none"],
  ["normal", "started", 5, "get_view"],
  ["normal", "started", 7, "none"],
  ["normal", "joined", 3, "none"],
  ["normal", "joined", 4, "none"],
  ["normal", "joined", 5, "view_change"],
  ["normal", "joined", 7, "view_change"],
  ["view_change", "started", 3, "none"],
  ["view_change", "started", 5, "get_view"],
  ["view_change", "joined", 3, "none"],
  ["view_change", "joined", 4, "none"],
  ["view_change", "joined", 5, "view_change"],
  ["recovering", "started", 5, "none"],
  ["recovering", "joined", 5, "none"],
  ["recovering_head", "started", 3, "none"],
  ["recovering_head", "started", 4, "none"],
  ["recovering_head", "started", 5, "get_view"],
  ["recovering_head", "joined", 5, "get_view"],
  ["recovering_head", "joined", 7, "none"],
];

describe("a message of a view", () => {
  it.each(ROWS)("in status %s, %s, view %i: %s", (status, says, view, expected) => {
    for (const command of says === "started" ? STARTED : JOINED) {
      expect(viewJump({ command, view, replica: 2 }, { ...self, status }), `command ${command}`).toBe(expected);
    }
  });

  it("asks for the log of a view that is being joined, if that has started already", () => {
    const backup: ViewJumper = { ...self, status: "view_change", view: 5 };
    expect(viewJump({ command: Command.prepare, view: 5, replica: 2 }, backup)).toBe("get_view");
    expect(viewJump({ command: Command.joinView, view: 5, replica: 2 }, backup)).toBe("none");
  });

  it("says nothing if it is of a standby, or of another command", () => {
    expect(viewJump({ command: Command.ping, view: 9, replica: 3 }, self)).toBe("none");
    for (const command of [Command.view, Command.getView, Command.prepareOk, Command.headers, Command.request]) {
      expect(viewJump({ command, view: 9, replica: 2 }, self), `command ${command}`).toBe("none");
    }
  });

  it("moves a standby only if the view has started", () => {
    const standby: ViewJumper = { ...self, standby: true, primaryOf: () => false };
    for (const command of JOINED) expect(viewJump({ command, view: 9, replica: 2 }, standby)).toBe("none");
    for (const command of STARTED) expect(viewJump({ command, view: 9, replica: 2 }, standby)).toBe("get_view");
  });

  it("is acted on", () => {
    const done: string[] = [];
    const options = {
      identity: { replicaCount: 3, standby: false, primaryOf: self.primaryOf },
      status: { current: "normal" as const },
      view: { view: 4 },
      transitions: { toViewChange: (view: number) => done.push(`join ${view}`) },
      viewMessages: { requestView: (view: number) => done.push(`ask for ${view}`) },
    };
    jumpView({ command: Command.ping, view: 4, replica: 2 }, options);
    jumpView({ command: Command.ping, view: 5, replica: 2 }, options);
    jumpView({ command: Command.commit, view: 6, replica: 0 }, options);
    expect(done).toEqual(["join 5", "ask for 6"]);
  });
});
