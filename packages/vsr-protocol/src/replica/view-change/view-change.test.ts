import { assert } from "@stagbeetle/kernels";
import { describe, expect, it } from "vitest";
import { headerChain, prepareHeader, RELEASE } from "../../../test/builders.ts";
import { type NodeOptions, ViewChangeCluster, type ViewChangeNode } from "../../../test/view-change-cluster.ts";
import { MANIFEST_EMPTY, TRAILER_EMPTY } from "../../block-reference.ts";
import { Command } from "../../command.ts";
import { TEST_MIN } from "../../config/test-min.ts";
import { recordBytes } from "../../layout.ts";
import { Header, HEADER_SIZE_BYTES, initHeader } from "../../message/frame.ts";
import { GetViewHeader } from "../../message/get-view.ts";
import { JoinViewHeader } from "../../message/join-view.ts";
import { CHECKPOINT_STATE_SIZE_BYTES, ViewHeader } from "../../message/view.ts";

const LOG = headerChain(30, 0).reverse();
const root = headerChain(0, 0)[0] ?? prepareHeader({ op: 0 });
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

/** Replicas 0, 1 and 2 in view 4, whose primary, 1, is gone. The next one is 2. */
function abandoned(fields: { readonly [replica: number]: Partial<NodeOptions> } = {}): ViewChangeCluster {
  const nodes = [0, 2].map((replica) => ({
    replica,
    view: 4,
    log: log(12),
    commitMin: 10,
    ...fields[replica],
  }));
  const cluster = new ViewChangeCluster(nodes);
  for (const node of cluster.nodes) node.start();
  return cluster;
}

/** Both leave view 4. */
function changed(cluster: ViewChangeCluster): ViewChangeCluster {
  for (const node of cluster.nodes) node.exitView.send();
  cluster.settle();
  return cluster;
}

describe("a cluster whose primary is gone", () => {
  it("stays in its view while only one replica takes the primary for dead", () => {
    const cluster = abandoned();
    cluster.node(0).exitView.send();
    cluster.settle();
    expect(cluster.describe()).toEqual([
      "0: normal view=4/4 durable=4/4 op=12 commit=10/10",
      "2: normal view=4/4 durable=4/4 op=12 commit=10/10",
    ]);
  });

  it("goes on in the next view", () => {
    const cluster = changed(abandoned());
    expect(cluster.describe()).toEqual([
      "0: normal view=5/5 durable=5/5 op=12 commit=10/10",
      "2: normal view=5/5 durable=5/5 op=12 commit=10/10",
    ]);
    const primary = cluster.node(2);
    expect(primary.pipeline.prepares.map(({ op, okCount }) => [op, okCount])).toEqual([
      [11, 0],
      [12, 0],
    ]);
    expect(primary.calls.at(-1)).toBe("prepare_oks");
    expect(primary.prepareTimestamp).toBe(1200n);
    expect(primary.running).toEqual([
      "ping",
      "prepare",
      "primaryAbdicate",
      "commitMessage",
      "exitViewMessage",
      "journalRepair",
      "gridRepair",
      "upgrade",
      "pulse",
      "gridScrub",
    ]);
    expect(cluster.node(0).running).toEqual([
      "ping",
      "exitViewMessage",
      "journalRepair",
      "repairSync",
      "gridRepair",
      "gridScrub",
    ]);
  });

  it("says what it does, message by message", () => {
    const cluster = changed(abandoned());
    expect(cluster.trace).toEqual([
      // Replica 1 is not there: what goes to it is lost.
      "0→1 exit_view view=4",
      "0→2 exit_view view=4",
      "2→0 exit_view view=4",
      "2→1 exit_view view=4",
      "0→1 join_view view=5 log_view=4 op=12 commit_min=10 headers=3 present=111 nack=0",
      "0→2 join_view view=5 log_view=4 op=12 commit_min=10 headers=3 present=111 nack=0",
      "2→0 join_view view=5 log_view=4 op=12 commit_min=10 headers=3 present=111 nack=0",
      "2→1 join_view view=5 log_view=4 op=12 commit_min=10 headers=3 present=111 nack=0",
      "2→0 view view=5 op=12 commit_max=10",
      "2→1 view view=5 op=12 commit_max=10",
    ]);
  });

  it("fetches what the new primary lacks of the chosen log before it starts", () => {
    const cluster = abandoned({ 2: { log: log(11) } });
    for (const node of cluster.nodes) node.exitView.send();
    cluster.write();
    cluster.deliver();
    cluster.write();
    cluster.deliver();
    cluster.write();
    expect(cluster.node(2).describe()).toBe("view_change view=5/5 durable=5/5 op=12 commit=10/10");
    expect(cluster.node(2).journal.hasDirty(12)).toBe(true);
    // The log is announced already, so that others can repair theirs.
    cluster.deliver();
    expect(cluster.node(0).describe()).toBe("normal view=5/5 durable=5/4 op=12 commit=10/10");
    cluster.settle();
    expect(cluster.node(2).describe()).toBe("normal view=5/5 durable=5/5 op=12 commit=10/10");
  });

  it("executes what is committed before it starts", () => {
    const cluster = changed(abandoned({ 0: { commitMin: 11 } }));
    expect(cluster.node(2).describe()).toBe("normal view=5/5 durable=5/5 op=12 commit=11/11");
    expect(cluster.node(2).pipeline.prepares.map(({ op }) => op)).toEqual([12]);
  });

  it("drops an op that was never written", () => {
    const cluster = abandoned({ 0: { log: log(11) } });
    cluster.node(2).journal.put(LOG[12] ?? root, "dirty");
    changed(cluster);
    expect(cluster.describe()).toEqual([
      "0: normal view=5/5 durable=5/5 op=11 commit=10/10",
      "2: normal view=5/5 durable=5/5 op=11 commit=10/10",
    ]);
    // Its timestamp is not used again.
    expect(cluster.node(2).prepareTimestamp).toBe(1200n);
    expect(cluster.node(2).journal.headerWithOp(12)).toBe(null);
  });

  it("prefers the newest log, and forgets what an older one holds beside it", () => {
    const stranger = prepareHeader({ op: 12, view: 2, parent: LOG[11]?.checksum ?? 0n, timestamp: 1250n });
    const cluster = abandoned({ 2: { view: 3, log: [...log(11), stranger] } });
    for (const node of cluster.nodes) node.transitions.toViewChange(5);
    cluster.settle();
    expect(cluster.describe()[1]).toBe("2: normal view=5/5 durable=5/5 op=12 commit=10/10");
    expect(cluster.node(2).journal.headerWithOp(12)?.checksum).toBe(LOG[12]?.checksum);
    expect(cluster.node(2).prepareTimestamp).toBe(1250n);
  });

  it("awaits another vote if a prepare is damaged that may be committed, and then goes on", () => {
    const cluster = new ViewChangeCluster(
      [0, 1, 2].map((replica) => ({ replica, view: 4, log: replica === 0 ? log(11) : log(12), commitMin: 10 })),
    );
    cluster.connected = (from, to) => from !== 1 && to !== 1;
    for (const node of cluster.nodes) node.transitions.recoveringToViewChange(5);
    cluster.node(2).journal.put(LOG[12] ?? root, "faulty");
    cluster.node(2).joinViews.clear();
    cluster.settle();
    expect(cluster.node(2).logger.lines).toContain("warn: on_join_view: quorum received, awaiting repair view=5 op=12");
    expect(cluster.node(2).describe()).toBe("view_change view=5/4 durable=5/4 op=12 commit=10/10");
    cluster.connected = () => true;
    for (const node of cluster.nodes) node.joinView.send();
    cluster.settle();
    expect(cluster.node(2).describe()).toBe("normal view=5/5 durable=5/5 op=12 commit=10/10");
  });

  it("stops for ever if nobody can show a prepare that may be committed", () => {
    const cluster = new ViewChangeCluster(
      [0, 1, 2].map((replica) => ({ replica, view: 4, log: log(12), commitMin: 10 })),
    );
    for (const node of cluster.nodes) node.journal.put(LOG[11] ?? root, "faulty");
    for (const node of cluster.nodes) node.transitions.recoveringToViewChange(5);
    cluster.settle();
    expect(cluster.node(2).logger.lines).toContain("error: on_join_view: quorum received, deadlocked view=5 op=11");
    expect(cluster.node(2).describe()).toBe("view_change view=5/4 durable=5/4 op=12 commit=10/10");
  });

  it("tells two attempts apart: a chosen log counts as newer even if its view never started", () => {
    const cluster = abandoned({ 2: { log: log(11) } });
    cluster.connected = (from, to) => from === 0 || to === 0;
    for (const node of cluster.nodes) node.exitView.send();
    cluster.write();
    cluster.deliver();
    cluster.write();
    cluster.deliver();
    const primary = cluster.node(2);
    expect(primary.view.headersKind).toBe("view");
    cluster.network.length = 0;
    primary.transitions.toViewChange(6);
    cluster.write();
    cluster.deliver();
    // It may have been announced, but op 12 was never here: the prepare is still missing.
    expect(cluster.trace.at(-1)).toBe(
      "2→0 join_view view=6 log_view=5 op=12 commit_min=10 headers=3 present=110 nack=1",
    );
  });

  it("lets a replica with a newer checkpoint lead for one round", () => {
    const [node0, node2] = [{ opCheckpoint: 19 }, { opCheckpoint: 0 }];
    const ops = { log: LOG.slice(10, 26), commitMin: 24 };
    const cluster = abandoned({ 0: { ...ops, ...node0 }, 2: { ...ops, ...node2 } });
    for (const node of cluster.nodes) node.exitView.send();
    cluster.write();
    cluster.deliver();
    cluster.write();
    cluster.deliver();
    const lagging = cluster.node(2);
    expect(lagging.logger.lines).toContain("info: on_join_view: lagging primary; forfeiting view=5 to=6");
    expect(lagging.describe()).toBe("view_change view=6/4 durable=5/4 op=25 commit=24/24");
  });

  it("does not let a replica lead that is syncing", () => {
    const cluster = abandoned();
    cluster.node(2).syncing = true;
    cluster.node(2).transitions.toViewChange(5);
    expect(cluster.node(2).view.view).toBe(6);
  });

  it("takes along who hears of the new view in any way", () => {
    const cluster = abandoned();
    cluster.node(2).transitions.toViewChange(8);
    cluster.settle();
    expect(cluster.describe().map((line) => line.slice(0, 22))).toEqual([
      "0: normal view=8/8 dur",
      "2: normal view=8/8 dur",
    ]);
  });

  it("sends late what a slow disk held back", () => {
    const cluster = abandoned();
    const backup = cluster.node(0);
    backup.transitions.toViewChange(5);
    expect(cluster.network).toEqual([]);
    backup.joinView.send();
    expect(cluster.network).toEqual([]);
    backup.storage.run();
    expect(cluster.network.length).toBe(2);
  });

  it("promises the same log to one view, whatever has been repaired since", () => {
    const cluster = abandoned();
    const backup = cluster.node(0);
    backup.view.setHeaders("view", [LOG[12] ?? root]);
    backup.journal.lose(11, "clean");
    backup.transitions.toViewChange(5);
    backup.storage.run();
    const before = cluster.network.map(({ bytes }) => bytes);
    cluster.network.length = 0;
    backup.journal.put(LOG[11] ?? root);
    backup.joinView.send();
    const after = cluster.network.map(({ bytes }) => bytes);
    expect(after[0]?.subarray(HEADER_SIZE_BYTES)).toEqual(before[0]?.subarray(HEADER_SIZE_BYTES));
    expect(new JoinViewHeader(before[0] ?? root.buffer).nackBitset).toBe(0b010n);
    // The blank stays blank, but is no longer denied.
    expect(new JoinViewHeader(after[0] ?? root.buffer).nackBitset).toBe(0n);
    expect(new JoinViewHeader(after[0] ?? root.buffer).presentBitset).toBe(0b101n);
  });
});

describe("standbys", () => {
  it("follow, but never vote or lead", () => {
    const cluster = new ViewChangeCluster(
      [0, 1, 2, 3].map((replica) => ({ replica, standbyCount: 1, view: 4, log: log(12), commitMin: 10 })),
    );
    const [standby, primary] = [cluster.node(3), cluster.node(2)];
    cluster.connected = (from, to) => from !== 1 && to !== 1;
    for (const node of cluster.nodes) node.start();
    cluster.settle();
    expect(cluster.trace.filter((line) => line.startsWith("3→"))).toEqual([]);
    expect(standby.describe()).toBe("normal view=4/4 durable=4/4 op=12 commit=10/10");
    cluster.node(0).exitView.send();
    primary.exitView.send();
    cluster.settle();
    // Nobody announces the view to a standby: it asks when it hears of it.
    expect(standby.view.view).toBe(4);
    standby.viewMessages.requestView(5);
    cluster.settle();
    expect(standby.describe()).toBe("normal view=5/5 durable=5/5 op=12 commit=10/10");
    expect(cluster.trace.slice(-2)).toEqual(["3→2 get_view view=5", "2→3 view view=5 op=12 commit_max=10 nonce=103"]);
  });
});

describe("a replica that does not know its head", () => {
  const lost = (): [ViewChangeCluster, ViewChangeNode] => {
    const cluster = new ViewChangeCluster([0, 1].map((replica) => ({ replica, view: 4, log: log(12), commitMin: 10 })));
    cluster.node(0).transitions.recoveringToRecoveringHead();
    return [cluster, cluster.node(0)];
  };
  /** What the primary of view 4 answers to a nonce. */
  const answer = (nonce: bigint, view = 4): Uint8Array => {
    const cluster = new ViewChangeCluster([{ replica: 1, view, log: log(12), commitMin: 10 }]);
    const primary = cluster.node(1);
    primary.status.transition("normal");
    const ask = primary.pool.acquire();
    initHeader(ask.header, Command.getView, 0n);
    ask.header.view = view;
    ask.header.replica = 0;
    ask.as(GetViewHeader).nonce = nonce;
    primary.receive(ask.bytes());
    return cluster.network[0]?.bytes ?? new Uint8Array(0);
  };

  it("neither votes nor leaves the view", () => {
    const [cluster, node] = lost();
    cluster.node(1).start();
    cluster.write();
    cluster.deliver();
    // The primary of view 4 restarted and joins view 5, of which replica 2 is the primary.
    expect(cluster.network.map(({ from, to, bytes }) => [from, to, new Header(bytes).command])).toEqual([
      [0, 2, Command.getView],
    ]);
    expect(node.describe()).toBe("recovering_head view=4/4 durable=4/4 op=12 commit=10/10");
    expect(node.running).toEqual(["ping", "gridRepair", "gridScrub"]);
  });

  it("ignores a log that may be older than its crash", () => {
    const [, node] = lost();
    node.receive(answer(7n));
    expect(node.status.current).toBe("recovering_head");
    expect(node.logger.lines.at(-1)).toMatch(/on_view: ignoring \(recovering_head, nonce mismatch\)/);
  });

  it("takes the answer to its own question, in the view in which it crashed", () => {
    const [, node] = lost();
    node.receive(answer(100n));
    expect(node.describe()).toBe("normal view=4/4 durable=4/4 op=12 commit=10/10");
    expect(node.running).toEqual(["ping", "exitViewMessage", "journalRepair", "repairSync", "gridRepair", "gridScrub"]);
  });

  it("takes the log of a newer view, whoever asked for it", () => {
    const [, node] = lost();
    node.receive(answer(7n, 7));
    node.storage.run();
    expect(node.describe()).toBe("normal view=7/7 durable=7/7 op=12 commit=10/10");
  });
});

describe("a view message", () => {
  const follower = (fields: Partial<NodeOptions> = {}): [ViewChangeCluster, ViewChangeNode, ViewChangeNode] => {
    const cluster = new ViewChangeCluster([
      { replica: 0, view: 4, log: log(12), commitMin: 10, ...fields },
      { replica: 1, view: 4, log: log(14), commitMin: 12 },
    ]);
    const [backup, primary] = [cluster.node(0), cluster.node(1)];
    backup.start();
    primary.status.transition("normal");
    return [cluster, backup, primary];
  };

  it("moves a backup's head forward in its view", () => {
    const [cluster, backup, primary] = follower();
    primary.viewMessages.broadcast();
    cluster.deliver();
    expect(backup.describe()).toBe("normal view=4/4 durable=4/4 op=14 commit=12/12");
    expect(backup.journal.hasDirty(13)).toBe(true);
  });

  it("carries the checkpoint that is durable, while the next one is being written", () => {
    const cluster = new ViewChangeCluster([{ replica: 1, view: 4, log: log(26), commitMin: 23 }]);
    const primary = cluster.node(1);
    primary.status.transition("normal");
    const { view } = primary;
    const trailer = { lastBlock: { address: 1, checksum: 1n }, size: 8, checksum: 1n };
    primary.superblock.checkpoint(
      {
        header: LOG[19] ?? root,
        viewAttributes: { view: view.view, logView: view.logView, headers: view.headers },
        commitMax: 23,
        syncOpMin: 0,
        syncOpMax: 0,
        manifest: MANIFEST_EMPTY,
        freeSetBlocksAcquired: trailer,
        freeSetBlocksReleased: TRAILER_EMPTY,
        clientSessions: TRAILER_EMPTY,
        storageSize: TEST_MIN.derived.dataFileSizeMin + TEST_MIN.cluster.blockSize,
        release: RELEASE,
      },
      () => undefined,
    );
    expect(primary.superblock.staging.checkpointHeader.op).toBe(19);
    primary.viewMessages.broadcast();
    const [sent] = cluster.network;
    assert(sent !== undefined, "the view is announced");
    expect(new ViewHeader(sent.bytes).checkpointOp).toBe(0);
    const checkpoint = sent.bytes.subarray(HEADER_SIZE_BYTES, HEADER_SIZE_BYTES + CHECKPOINT_STATE_SIZE_BYTES);
    expect(checkpoint).toEqual(recordBytes(primary.superblock.working.checkpoint));
  });

  it("that is older than what the backup has since prepared is ignored", () => {
    const [cluster, backup, primary] = follower({ log: log(16) });
    primary.viewMessages.broadcast();
    cluster.deliver();
    expect(backup.describe()).toBe("normal view=4/4 durable=4/4 op=16 commit=10/12");
  });

  it("of a newer view truncates what was not acknowledged by a quorum", () => {
    const [cluster, backup, primary] = follower({ view: 3, log: log(16) });
    primary.viewMessages.broadcast();
    cluster.deliver();
    cluster.write();
    expect(backup.describe()).toBe("normal view=4/4 durable=4/4 op=14 commit=12/12");
    expect(backup.journal.headerWithOp(15)).toBe(null);
    expect(backup.calls.filter((call) => call !== "repair")).toEqual([
      "view left",
      "normal",
      "view left",
      // At once, and each time that a view was written: until then nobody gets them.
      "prepare_oks",
      "prepare_oks",
      "prepare_oks",
    ]);
  });

  it("may be left to a state sync", () => {
    const [cluster, backup, primary] = follower({ view: 3 });
    backup.takeForSync = true;
    primary.viewMessages.broadcast();
    cluster.deliver();
    expect(backup.describe()).toBe("view_change view=4/3 durable=3/3 op=12 commit=10/10");
  });

  it("whose headers are not of the log here is neither installed nor synced to", () => {
    const [cluster, backup, primary] = follower();
    primary.viewMessages.broadcast();
    const [sent] = cluster.network;
    assert(sent !== undefined, "the view is announced");
    const message = backup.pool.acquire();
    message.buffer.set(sent.bytes);
    expect(backup.viewInstaller.fitsSync(message)).toBe(true);
    backup.foreign = "another one was executed here";
    expect(backup.viewInstaller.fitsSync(message)).toBe(false);
    expect(backup.logger.lines.at(-1)).toMatch(/on_view: not synced: another one was executed here/u);
    message.release();
    cluster.deliver();
    expect(backup.describe()).toBe("normal view=4/4 durable=4/4 op=12 commit=10/10");
  });

  it("is not given to those in another view, nor by those who do not lead", () => {
    const [cluster, backup, primary] = follower();
    backup.viewMessages.requestView(4);
    backup.viewMessages.requestView(7);
    cluster.deliver();
    expect(cluster.network.map(({ to }) => to)).toEqual([0]);
    cluster.network.length = 0;
    primary.transitions.toViewChange(7);
    backup.viewMessages.requestView(7);
    cluster.deliver();
    expect(primary.logger.lines.at(-1)).toMatch(/on_get_view: ignoring \(view_change\)/);
  });
});
