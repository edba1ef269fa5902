import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { blankHeader, headerChain, prepareHeader, PROPERTY_RUNS } from "../../../test/builders.ts";
import { TEST_MIN } from "../../config/test-min.ts";
import type { PrepareHeader } from "../../message/prepare.ts";
import { isBlankPrepare } from "../../message/special-prepares.ts";
import { quorums } from "../../quorums.ts";
import { evaluateJoinViewQuorum, type JoinViewQuorum, type JoinViewQuorumRules } from "./join-view-quorum.ts";
import { entryOf, type JoinViewVote, joinViewVoteInvalid, joinViewVotesContradict } from "./join-view-vote.ts";

const PIPELINE = TEST_MIN.cluster.pipelinePrepareQueueMax;

const rules = (replicaCount: number): JoinViewQuorumRules => ({
  replicaCount,
  quorums: quorums(replicaCount, TEST_MIN.cluster.quorumReplicationMax),
  pipelinePrepareQueueMax: PIPELINE,
});

/** The log of view 4, ops 0 to 20, and that of view 3, which it follows up to op 11. */
const LOG_A = headerChain(20, 0, (op) => (op > 11 ? 4 : 3)).reverse();
const LOG_B = LOG_A.slice(0, 12);
for (let op = 12; op <= 20; op += 1) {
  LOG_B.push(prepareHeader({ op, view: 3, parent: LOG_B[op - 1]?.checksum ?? 0n, timestamp: BigInt(op) * 100n + 7n }));
}

/**
 * An entry of a vote: the header of log a or b, or a blank; then what is said of the prepare: `+` present, `-` never had, `±`
 * both, ` ` neither. The first is that of the vote's op.
 */
type Entry = `${"a" | "b" | "_"}${"+" | "-" | "±" | " "}`;

function vote(
  replica: number,
  logView: number,
  op: number,
  commitMin: number,
  entries: readonly Entry[],
): JoinViewVote {
  let present = 0n;
  let nack = 0n;
  const headers = entries.map((entry, index) => {
    if (entry.endsWith("+") || entry.endsWith("±")) present |= 1n << BigInt(index);
    if (entry.endsWith("-") || entry.endsWith("±")) nack |= 1n << BigInt(index);
    const at = op - index;
    const header = entry.startsWith("_") ? blankHeader(at) : (entry.startsWith("a") ? LOG_A : LOG_B)[at];
    if (header === undefined) throw new Error(`no op ${at}`);
    return header;
  });
  return { replica, logView, op, commitMin, checkpointOp: 0, headers, present, nack };
}

/** The decision in one line: the outcome and its op, or head and committed op. */
function decide(replicaCount: number, votes: readonly JoinViewVote[]): string {
  const quorum = evaluateJoinViewQuorum(votes, rules(replicaCount));
  return describeQuorum(quorum);
}

function describeQuorum(quorum: JoinViewQuorum): string {
  switch (quorum.outcome) {
    case "awaiting_quorum":
      return quorum.outcome;
    case "awaiting_repair":
    case "complete_invalid":
      return `${quorum.outcome} ${quorum.op}`;
    case "complete_valid":
      return `complete_valid ${quorum.opMin}..${quorum.headers[0]?.op}`;
  }
}

describe("a quorum of joined views, by hand", () => {
  const r0 = vote(0, 4, 12, 10, ["a+", "a+", "a+"]);
  const r1 = vote(1, 4, 12, 9, ["a+", "_ ", "a+", "a+"]);

  it("needs as many votes as a view change", () => {
    expect(decide(3, [r0])).toBe("awaiting_quorum");
    expect(decide(5, [r0, r1])).toBe("awaiting_quorum");
  });

  it("keeps an op that one voter can show and another cannot deny", () => {
    expect(decide(3, [r0, r1])).toBe("complete_valid 10..12");
  });

  it("begins the chosen headers with the head, chained down to what is committed", () => {
    const quorum = evaluateJoinViewQuorum([r0, r1], rules(3));
    expect(quorum).toEqual({ outcome: "complete_valid", opMin: 10, headers: [LOG_A[12], LOG_A[11], LOG_A[10]] });
  });

  it("keeps an op that the new primary lacks but one voter can show", () => {
    expect(decide(3, [vote(0, 4, 11, 10, ["a+", "a+"]), r1])).toBe("complete_valid 10..12");
  });

  it("truncates an op that one voter lacks and the other never wrote", () => {
    const neverWritten = vote(1, 4, 12, 9, ["a-", "_ ", "a+", "a+"]);
    expect(decide(3, [vote(0, 4, 11, 10, ["a+", "a+"]), neverWritten])).toBe("complete_valid 10..11");
  });

  it("goes by the newest log, not by the longest", () => {
    expect(decide(3, [vote(0, 4, 12, 10, ["a+", "a+", "a+"]), vote(1, 3, 14, 11, ["b+", "b+", "b+", "a+"])])).toBe(
      "complete_valid 11..12",
    );
    // The head of the older log counts as a denial of the newer one's; a second one truncates it.
    const twoOlder = [vote(1, 3, 12, 11, ["b+", "a+"]), vote(2, 3, 12, 11, ["b+", "a+"])];
    expect(decide(3, [r0, ...twoOlder])).toBe("complete_valid 11..11");
  });

  it("does not ask what an older log has beyond the head of the newest", () => {
    // Damage may hide an op there, and it need not be known: the newest log had truncated it.
    const longer = vote(1, 3, 12, 10, ["b+", "_ ", "a+"]);
    expect(decide(3, [vote(0, 4, 10, 10, ["a+"]), longer])).toBe("complete_valid 10..10");
  });

  it("counts a header of an older log that is not in the newest one as truncated already", () => {
    expect(decide(3, [vote(0, 4, 12, 11, ["a+", "a+"]), vote(1, 3, 12, 11, ["b+", "a+"])])).toBe(
      "complete_valid 11..12",
    );
    const unknownAbove = vote(0, 4, 13, 11, ["a+", "_-", "a+"]);
    expect(decide(3, [unknownAbove, vote(1, 3, 12, 11, ["b+", "a+"])])).toBe("complete_valid 11..11");
  });

  it("waits for another vote if nobody can show an op and too few deny it", () => {
    const lost = vote(1, 4, 12, 9, ["a ", "_ ", "a+", "a+"]);
    expect(decide(3, [vote(0, 4, 11, 10, ["a+", "a+"]), lost])).toBe("awaiting_repair 12");
    expect(decide(3, [vote(0, 4, 11, 10, ["a+", "a+"]), lost, vote(2, 4, 12, 10, ["a+", "a+", "a+"])])).toBe(
      "complete_valid 10..12",
    );
  });

  it("stops for ever if all have voted and nobody can show an op that may be committed", () => {
    const lost = [0, 1, 2].map((replica) => vote(replica, 4, 12, 9, ["a ", "a+", "a+", "a+"]));
    expect(decide(3, lost)).toBe("complete_invalid 12");
    expect(decide(3, lost.slice(0, 2))).toBe("awaiting_repair 12");
  });

  it("lets one denial of two replicas truncate: two copies never existed", () => {
    expect(decide(2, [vote(0, 4, 12, 11, ["a+", "a+"]), vote(1, 4, 11, 11, ["a+"])])).toBe("complete_valid 11..11");
  });

  it("never truncates what is committed, whatever is denied", () => {
    expect(decide(3, [vote(0, 4, 12, 12, ["a+"]), vote(1, 4, 12, 11, ["a-", "a+"])])).toBe("complete_valid 12..12");
    expect(decide(3, [vote(0, 4, 12, 11, ["a-", "a+"]), vote(1, 3, 14, 14, ["b+"])])).toBe("awaiting_repair 14");
  });

  it("takes as committed what a primary's pipeline, or the head's own commit number, proves", () => {
    const long = vote(0, 4, 16, 10, ["a+", "a+", "a+", "a+", "a+"]);
    expect(decide(3, [long, vote(1, 4, 12, 10, ["a+", "a+", "a+"])])).toBe("complete_valid 12..16");
    const parent = LOG_A[11]?.checksum ?? 0n;
    const head = prepareHeader({ op: 12, parent, commit: 11 });
    const committed = (replica: number): JoinViewVote => ({
      ...vote(replica, 4, 12, 9, ["a+", "a+", "a+", "a+"]),
      headers: [head, ...LOG_A.slice(9, 12).reverse()],
    });
    expect(decide(3, [committed(0), committed(1)])).toBe("complete_valid 11..12");
  });
});

describe("a quorum of joined views", () => {
  const entries = (length: number): fc.Arbitrary<Entry[]> =>
    fc.array(fc.constantFrom<Entry>("a+", "a-", "a ", "a±", "b+", "b-", "b ", "_ ", "_-"), {
      minLength: length,
      maxLength: length,
    });

  const anyVote = (replica: number): fc.Arbitrary<JoinViewVote> =>
    fc
      .tuple(
        fc.integer({ min: 2, max: 4 }),
        fc.integer({ min: 11, max: 16 }),
        fc.integer({ min: 1, max: PIPELINE + 1 }),
      )
      .chain(([logView, op, length]) =>
        fc
          .tuple(entries(length), fc.integer({ min: 8, max: op }))
          .map(([list, commitMin]) => vote(replica, logView, op, commitMin, list)),
      )
      .filter((candidate) => joinViewVoteInvalid(TEST_MIN, candidate, 5) === null);

  const anyVotes = fc
    .integer({ min: 2, max: 6 })
    .chain((replicaCount) =>
      fc.tuple(
        fc.constant(replicaCount),
        fc.tuple(...Array.from({ length: replicaCount }, (_, replica) => fc.option(anyVote(replica)))),
      ),
    )
    .map(([replicaCount, options]) => {
      const votes: JoinViewVote[] = [];
      for (const candidate of options) {
        if (candidate === null) continue;
        if (votes.every((other) => joinViewVotesContradict(candidate, other) === null)) votes.push(candidate);
      }
      return { replicaCount, votes };
    });

  it("is what the definition says", () => {
    const property = fc.property(anyVotes, ({ replicaCount, votes }) => {
      const expected = byDefinition(replicaCount, votes);
      expect(describeQuorum(evaluateJoinViewQuorum(votes, rules(replicaCount)))).toBe(expected);
    });
    fc.assert(property, { numRuns: PROPERTY_RUNS * 5 });
  });

  it("does not depend on the order of the votes", () => {
    const property = fc.property(anyVotes, ({ replicaCount, votes }) => {
      expect(decide(replicaCount, votes.toReversed())).toBe(decide(replicaCount, votes));
    });
    fc.assert(property, { numRuns: PROPERTY_RUNS });
  });

  it("decides the same or better with one more vote, once it has decided", () => {
    const property = fc.property(anyWorld, ({ replicaCount, votes }) => {
      for (let count = 1; count < votes.length; count += 1) {
        const before = evaluateJoinViewQuorum(votes.slice(0, count), rules(replicaCount));
        const after = evaluateJoinViewQuorum(votes.slice(0, count + 1), rules(replicaCount));
        if (before.outcome === "complete_valid") expect(after.outcome).toBe("complete_valid");
      }
    });
    fc.assert(property, { numRuns: PROPERTY_RUNS });
  });

  it("never loses an op that a replication quorum had on disk, even if all but one of the copies are damaged", () => {
    const property = fc.property(anyWorld, ({ replicaCount, votes, committed }) => {
      for (let count = 1; count <= votes.length; count += 1) {
        const quorum = evaluateJoinViewQuorum(votes.slice(0, count), rules(replicaCount));
        if (quorum.outcome === "complete_valid") expect(quorum.headers[0]?.op).toBeGreaterThanOrEqual(committed);
      }
    });
    fc.assert(property, { numRuns: PROPERTY_RUNS * 5 });
  });

  /** What became of a prepare at one replica: on disk, damaged there, not written, unknown. */
  type Fate = "durable" | "lost" | "header" | "never";

  /** Ops 11 to 14 of one log; 10 is committed for certain. All replicas are asked, in any order. */
  const anyWorld = fc.integer({ min: 2, max: 6 }).chain((replicaCount) =>
    fc
      .tuple(
        fc.array(
          fc.array(fc.constantFrom<Fate>("durable", "lost", "header", "never"), { minLength: 4, maxLength: 4 }),
          {
            minLength: replicaCount,
            maxLength: replicaCount,
          },
        ),
        fc.shuffledSubarray(
          Array.from({ length: replicaCount }, (_, replica) => replica),
          { minLength: replicaCount },
        ),
      )
      .map(([fates, order]) => {
        const { replication } = quorums(replicaCount, TEST_MIN.cluster.quorumReplicationMax);
        let committed = 10;
        for (const op of [11, 12, 13, 14]) {
          const holders = fates.filter((of) => of[op - 11] === "durable" || of[op - 11] === "lost").length;
          if (committed === op - 1 && holders >= replication) committed = op;
        }
        return { replicaCount, committed, votes: order.map((replica) => voteOf(replica, fates[replica] ?? [])) };
      }),
  );

  function voteOf(replica: number, fates: readonly Fate[]): JoinViewVote {
    const ENTRIES = { durable: "a+", lost: "_ ", header: "a-", never: "_-" } as const;
    const list: Entry[] = ["a+", ...fates.map((fate) => ENTRIES[fate])];
    // A vote begins with an op that the replica knows. A lost head would have kept it from voting.
    let head = list.length;
    while (list[head - 1]?.startsWith("_")) {
      if (list[head - 1] === "_ ") list[head - 1] = "a ";
      else head -= 1;
    }
    return vote(replica, 4, 10 + head - 1, 10, list.slice(0, head).reverse());
  }
});

/** The definition, op by op over all of them at once, without an order of evaluation. */
function byDefinition(replicaCount: number, votes: readonly JoinViewVote[]): string {
  const { viewChange, nackPrepare } = quorums(replicaCount, TEST_MIN.cluster.quorumReplicationMax);
  if (votes.length < viewChange) return "awaiting_quorum";
  const newest = Math.max(...votes.map(({ logView }) => logView));
  const canonical = votes.filter(({ logView }) => logView === newest);
  const certain = votes.flatMap(({ op, commitMin, headers }) => [
    op - headers.length + 1,
    op - PIPELINE,
    commitMin,
    headers[0]?.commit ?? 0,
  ]);
  const opMin = Math.max(...certain);
  const opMax = Math.max(opMin, ...canonical.map(({ op }) => op));
  const ops = Array.from({ length: opMax - opMin + 1 }, (_, index) => opMin + index);
  const headerOf = (op: number): PrepareHeader | undefined =>
    canonical.flatMap(({ headers }) => headers).find((header) => header.op === op && !isBlankPrepare(header));
  const bit = (set: bigint, of: JoinViewVote, op: number): boolean => (set & (1n << BigInt(of.op - op))) !== 0n;
  const lists = (of: JoinViewVote, op: number): boolean => of.headers.some((header) => header.op === op);
  const copies = (op: number): number =>
    votes.filter((of) => {
      const checksum = headerOf(op)?.checksum;
      return checksum !== undefined && entryOf(of, op)?.checksum === checksum && bit(of.present, of, op);
    }).length;
  const nacks = (op: number): number =>
    votes.filter((of) => {
      if (!lists(of, op)) return true;
      if (bit(of.nack, of, op)) return true;
      const entry = entryOf(of, op);
      return entry !== null && entry.checksum !== headerOf(op)?.checksum;
    }).length;
  const truncated = ops.filter((op) => op > opMin && nacks(op) >= nackPrepare);
  const head = truncated.length > 0 ? Math.min(...truncated) - 1 : opMax;
  const unknown = ops.filter((op) => op <= head && copies(op) === 0);
  if (unknown.length === 0) return `complete_valid ${opMin}..${head}`;
  const outcome = votes.length < replicaCount ? "awaiting_repair" : "complete_invalid";
  return `${outcome} ${Math.min(...unknown)}`;
}
