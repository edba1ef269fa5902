import { describe, expect, test } from "vitest";
import { formatted, opened } from "../../test/builders.ts";
import { Identity } from "./identity.ts";
import { Roles } from "./roles.ts";
import { Status } from "./status.ts";

function identityOf(replica: number, replicaCount: number, nodeCount: number): Identity {
  const identity = new Identity();
  identity.load(opened(formatted({ replica, replicaCount })), nodeCount);
  return identity;
}

describe("a node knows who it is", () => {
  test.each([
    { replica: 0, replicaCount: 1, nodeCount: 1, standby: false, solo: true, standbyCount: 0 },
    { replica: 0, replicaCount: 1, nodeCount: 2, standby: false, solo: true, standbyCount: 1 },
    { replica: 1, replicaCount: 1, nodeCount: 2, standby: true, solo: false, standbyCount: 1 },
    { replica: 2, replicaCount: 3, nodeCount: 5, standby: false, solo: false, standbyCount: 2 },
    { replica: 4, replicaCount: 3, nodeCount: 5, standby: true, solo: false, standbyCount: 2 },
  ])("node $replica of $replicaCount and $standbyCount", ({ replica, replicaCount, nodeCount, ...expected }) => {
    const { standby, solo, standbyCount } = identityOf(replica, replicaCount, nodeCount);
    expect({ standby, solo, standbyCount }).toEqual(expected);
  });

  test("only once its superblock is open", () => {
    expect(() => new Identity().replica).toThrow("the superblock is not open");
  });
});

describe("roles", () => {
  test("go round with the view, and there are none outside of status normal", () => {
    const identity = identityOf(1, 3, 3);
    const status = new Status();
    const view = { view: 4 };
    const roles = new Roles({ identity, status, view });
    expect([roles.primary, roles.backup, roles.ofPrimary]).toEqual([false, false, true]);
    status.transition("normal");
    expect([roles.primary, roles.backup, roles.primaryIndex]).toEqual([true, false, 1]);
    view.view = 5;
    expect([roles.primary, roles.backup, roles.primaryIndex]).toEqual([false, true, 2]);
  });

  test("a standby is a backup in every view", () => {
    const status = new Status();
    status.transition("normal");
    const identity = identityOf(3, 3, 4);
    for (let view = 0; view < 6; view += 1) {
      expect(new Roles({ identity, status, view: { view } }).backup).toBe(true);
    }
  });
});
