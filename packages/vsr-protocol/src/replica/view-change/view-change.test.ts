import { describe, expect, it } from "vitest";
import { headerChain } from "../../../test/builders.ts";
import { ViewChangeCluster } from "../../../test/view-change-cluster.ts";

const LOG = headerChain(20, 0).reverse();
const log = (op: number): typeof LOG => LOG.slice(0, op + 1);

describe("a fresh cluster of three", () => {
  const cluster = new ViewChangeCluster([0, 1, 2].map((replica) => ({ replica, log: log(0) })));
  const [r0, r1] = [cluster.node(0), cluster.node(1)];

  it("begins in view 0, whose primary leaves it at once", () => {
    for (const node of cluster.nodes) node.start();
    expect(cluster.describe()).toEqual([
      "0: view_change view=1/0 durable=0/0 op=0 commit=0/0",
      "1: normal view=0/0 durable=0/0 op=0 commit=0/0",
      "2: normal view=0/0 durable=0/0 op=0 commit=0/0",
    ]);
  });

  it("tells nobody of view 1 before it is durable", () => {
    expect(cluster.network).toEqual([]);
    r0.storage.run();
    cluster.deliver();
    const join = "join_view view=1 log_view=0 op=0 commit_min=0 headers=1 present=1 nack=0";
    expect(cluster.trace.splice(0)).toEqual([`0→1 ${join}`, `0→2 ${join}`]);
  });

  it("starts view 1 with two votes: that of its primary needs no network", () => {
    expect(cluster.describe()).toEqual([
      "0: view_change view=1/0 durable=1/0 op=0 commit=0/0",
      "1: normal view=1/1 durable=0/0 op=0 commit=0/0",
      "2: view_change view=1/0 durable=0/0 op=0 commit=0/0",
    ]);
    expect(cluster.network).toEqual([]);
  });

  it("writes the view first, then that the log is its own, and only then announces it", () => {
    r1.storage.run();
    expect(r1.superblock.working.header.sequence).toBe(3);
    cluster.deliver();
    expect(cluster.trace.splice(0)).toEqual(["1→0 view view=1 op=0 commit_max=0", "1→2 view view=1 op=0 commit_max=0"]);
  });

  it("is in view 1 once that is durable everywhere", () => {
    cluster.settle();
    expect(cluster.describe()).toEqual([
      "0: normal view=1/1 durable=1/1 op=0 commit=0/0",
      "1: normal view=1/1 durable=1/1 op=0 commit=0/0",
      "2: normal view=1/1 durable=1/1 op=0 commit=0/0",
    ]);
  });
});
