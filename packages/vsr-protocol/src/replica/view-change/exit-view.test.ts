import { describe, expect, it } from "vitest";
import { headerChain } from "../../../test/builders.ts";
import { ViewChangeCluster, type ViewChangeNode } from "../../../test/view-change-cluster.ts";
import { Command } from "../../command.ts";
import { initHeader } from "../../message/frame.ts";

const LOG = headerChain(5, 0);

/** Replica 0 of five, a backup in view 4; three must want to leave. */
const backup = (replicaCount = 5): [ViewChangeCluster, ViewChangeNode] => {
  const cluster = new ViewChangeCluster([
    { replica: 0, replicaCount, standbyCount: 1, view: 4, log: LOG, commitMin: 5 },
  ]);
  return [cluster, cluster.node(0).start()];
};

const receive = (node: ViewChangeNode, replica: number, view = 4): void => {
  const message = node.pool.acquire();
  initHeader(message.header, Command.exitView, 0n);
  message.header.view = view;
  message.header.replica = replica;
  node.receive(message.bytes().slice());
  message.release();
};

const fire = (node: ViewChangeNode, name: "exitViewWindow" | "exitViewMessage" | "viewChangeStatus"): void => {
  const timeout = node.timeouts.get(name);
  const handlers = {
    exitViewWindow: () => node.exitView.onWindowTimeout(timeout),
    exitViewMessage: () => node.exitView.onMessageTimeout(timeout),
    viewChangeStatus: () => node.exitView.onViewChangeStatusTimeout(timeout),
  };
  handlers[name]();
};

describe("leaving a view", () => {
  it("needs a quorum, of which the own vote is one", () => {
    const [cluster, node] = backup();
    receive(node, 2);
    receive(node, 2);
    node.exitView.send();
    expect(node.status.current).toBe("normal");
    expect(cluster.network.map(({ to }) => to)).toEqual([1, 2, 3, 4]);
    receive(node, 3);
    expect([node.status.current, node.view.view, node.exitViews.count]).toEqual(["view_change", 5, 0]);
  });

  it("can be completed by the own vote", () => {
    const [, node] = backup();
    receive(node, 2);
    receive(node, 3);
    node.exitView.send();
    expect(node.view.view).toBe(5);
  });

  it("follows others into a newer view before their vote for it is counted", () => {
    const [, node] = backup();
    receive(node, 2, 6);
    expect([node.status.current, node.view.view, node.exitViews.count]).toEqual(["view_change", 6, 1]);
  });

  it.each<[string, (node: ViewChangeNode) => void]>([
    ["an older view", (node) => receive(node, 2, 3)],
    ["a standby", (node) => receive(node, 5)],
  ])("does not count the vote of %s", (_name, act) => {
    const [, node] = backup();
    act(node);
    expect(node.exitViews.count).toBe(0);
  });

  it("does not count votes while it syncs", () => {
    const [, node] = backup();
    node.syncing = true;
    receive(node, 2);
    expect(node.exitViews.count).toBe(0);
  });

  it("forgets the votes of others after a while, but not its own", () => {
    const [, node] = backup();
    receive(node, 2);
    node.exitView.send();
    expect(node.timeouts.get("exitViewWindow").ticking).toBe(true);
    fire(node, "exitViewWindow");
    expect([node.exitViews.has(0), node.exitViews.count]).toEqual([true, 1]);
    expect(node.timeouts.get("exitViewWindow").ticking).toBe(false);
  });

  it("does not wait for others because of the own vote alone", () => {
    const [, node] = backup();
    node.exitView.send();
    expect(node.timeouts.get("exitViewWindow").ticking).toBe(false);
  });

  it("takes the own vote back when the primary is heard of", () => {
    const [cluster, node] = backup();
    node.exitView.send();
    node.exitView.clearOwn();
    cluster.network.length = 0;
    fire(node, "exitViewMessage");
    expect(cluster.network).toEqual([]);
    expect(node.exitViews.count).toBe(0);
  });

  it("repeats the own vote", () => {
    const [cluster, node] = backup();
    node.exitView.send();
    cluster.network.length = 0;
    fire(node, "exitViewMessage");
    expect(cluster.network.length).toBe(4);
  });

  it("is wanted again if the next view takes too long to start", () => {
    const [cluster, node] = backup();
    node.transitions.toViewChange(5);
    node.storage.run();
    cluster.network.length = 0;
    fire(node, "viewChangeStatus");
    expect(node.exitViews.has(0)).toBe(true);
    receive(node, 1, 5);
    receive(node, 3, 5);
    expect(node.view.view).toBe(6);
  });

  it("is not for standbys to want or to see", () => {
    const cluster = new ViewChangeCluster([
      { replica: 5, replicaCount: 5, standbyCount: 1, view: 4, log: LOG, commitMin: 5 },
    ]);
    const standby = cluster.node(5).start();
    receive(standby, 2);
    fire(standby, "exitViewMessage");
    expect([standby.exitViews.count, cluster.network.length]).toEqual([0, 0]);
    expect(() => standby.exitView.send()).toThrow(/vote/);
  });
});
