import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { blankHeader, headerChain, prepareHeader, PROPERTY_RUNS } from "../../../test/builders.ts";
import { TEST_MIN } from "../../config/test-min.ts";
import { HEADER_SIZE_BYTES } from "../../message/frame.ts";
import { PrepareHeader } from "../../message/prepare.ts";
import { type JoinViewVote, joinViewVoteInvalid, joinViewVotesContradict } from "./join-view-vote.ts";

const LOG = headerChain(20, 0, (op) => (op > 10 ? 4 : 3)).reverse();
const header = (op: number): PrepareHeader => LOG[op] ?? blankHeader(op);

const vote = (fields: Partial<JoinViewVote> = {}): JoinViewVote => ({
  replica: 1,
  logView: 4,
  op: 12,
  commitMin: 10,
  checkpointOp: 0,
  headers: [header(12), blankHeader(11), header(10)],
  present: 0b101n,
  nack: 0b010n,
  ...fields,
});

describe("a vote", () => {
  it("of a correct replica is valid", () => {
    expect(joinViewVoteInvalid(TEST_MIN, vote(), 5)).toBe(null);
  });

  it.each<[string, Partial<JoinViewVote>, RegExp]>([
    ["is not of an older log", { logView: 5 }, /log_view 5/],
    ["says that it executed what it does not have", { commitMin: 13 }, /commit_min 13/],
    ["has a checkpoint of what it did not execute", { checkpointOp: 11 }, /checkpoint 11/],
    ["has no headers", { headers: [] }, /none/],
    ["has more headers than a pipeline and one", { headers: LOG.slice(7, 13).reverse() }, /6 headers/],
    ["begins with another op than it says", { op: 13 }, /begin with op 12/],
    ["begins with a blank", { headers: [blankHeader(12), header(11)] }, /blank/],
    ["has a gap", { headers: [header(12), header(10)] }, /gap/],
    ["has a head that is newer than its log", { logView: 3 }, /view 4/],
    ["shows a prepare that is not in the list", { present: 0b1000n }, /beyond/],
    ["denies a prepare that is not in the list", { nack: 1n << 127n }, /beyond/],
    ["shows the prepare of a blank", { present: 0b111n }, /blank 11/],
  ])("is refused if it %s", (_name, fields, reason) => {
    expect(joinViewVoteInvalid(TEST_MIN, vote(fields), 5)).toMatch(reason);
  });

  it("of any bytes is judged without an error", () => {
    const bytes = fc
      .uint8Array({ minLength: HEADER_SIZE_BYTES, maxLength: HEADER_SIZE_BYTES })
      .map((from) => new PrepareHeader(from));
    const property = fc.property(
      fc.array(fc.oneof(bytes, fc.nat(20).map(header), fc.nat(20).map(blankHeader)), { maxLength: 7 }),
      fc.nat(20),
      fc.bigInt({ min: 0n, max: (1n << 128n) - 1n }),
      (headers, op, bits) => {
        joinViewVoteInvalid(TEST_MIN, vote({ headers, op, present: bits, nack: bits }), 5);
      },
    );
    fc.assert(property, { numRuns: PROPERTY_RUNS });
  });
});

describe("two votes", () => {
  const stranger = prepareHeader({ op: 12, view: 4, parent: 7n, timestamp: 1201n });

  it("agree where one knows what the other does not", () => {
    expect(joinViewVotesContradict(vote(), vote({ headers: [header(12), header(11), blankHeader(10)] }))).toBe(null);
    expect(joinViewVotesContradict(vote(), vote({ op: 20, headers: [header(20)] }))).toBe(null);
  });

  it("contradict if they have different headers for one op of one log", () => {
    expect(joinViewVotesContradict(vote(), vote({ headers: [stranger] }))).toMatch(/op 12 differs/);
  });

  it("of different logs contradict only on ops of one view, which its primary chained", () => {
    const older = prepareHeader({ op: 12, view: 3, parent: 7n, timestamp: 1201n });
    expect(joinViewVotesContradict(vote(), vote({ headers: [older], logView: 3 }))).toBe(null);
    expect(joinViewVotesContradict(vote({ logView: 5 }), vote({ headers: [stranger] }))).toMatch(/op 12 differs/);
    const eleven = vote({ op: 11, headers: [header(11)], logView: 5 });
    expect(joinViewVotesContradict(eleven, vote({ headers: [stranger] }))).toMatch(/op 12 does not follow/);
    expect(joinViewVotesContradict(vote({ headers: [stranger] }), eleven)).toMatch(/op 12 does not follow/);
  });

  it("contradict if the headers of one do not follow those of the other", () => {
    const eleven = vote({ op: 11, headers: [header(11)] });
    const twelve = vote({ headers: [stranger] });
    expect(joinViewVotesContradict(eleven, twelve)).toMatch(/op 12 does not follow/);
    expect(joinViewVotesContradict(twelve, eleven)).toMatch(/op 12 does not follow/);
  });
});
