import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { prepareHeader, PROPERTY_RUNS, sealed } from "../../../test/builders.ts";
import { copyOf, RepairBench } from "../../../test/repair-bench.ts";
import type { PrepareHeader } from "../../message/prepare.ts";

const HEAD = 12;

function at(headers: readonly PrepareHeader[], op: number): PrepareHeader {
  const header = headers[op];
  if (header === undefined) throw new Error(`no op ${op}`);
  return header;
}

/** A log of two views, 0 up to op 8 and 3 above, executed up to op 4. */
function bench(): { readonly bench: RepairBench; readonly chain: readonly PrepareHeader[] } {
  const subject = new RepairBench();
  const chain = subject.chain(HEAD, { commitMin: 4, view: (op) => (op > 8 ? 3 : 0) });
  return { bench: subject, chain };
}

describe("a header that chains to the head", () => {
  test("fills a gap, and its prepare is still to come", () => {
    const { bench: subject, chain } = bench();
    subject.journal.lose(7);
    expect(subject.headerRepair.repairHeader(at(chain, 7))).toBe(true);
    expect([subject.journal.hasHeader(at(chain, 7)), subject.journal.hasDirty(7)]).toEqual([true, true]);
    expect(subject.headerRepair.repairHeader(at(chain, 7))).toBe(true);
  });

  test("replaces what does not belong to the log, also if that has a newer view", () => {
    const { bench: subject, chain } = bench();
    subject.journal.fill([prepareHeader({ op: 7, view: 2, parent: 99n })]);
    expect(subject.headerRepair.repairHeader(at(chain, 7))).toBe(true);
    expect(subject.journal.hasHeader(at(chain, 7))).toBe(true);
  });

  test("can be that of the head itself, if only its prepare is missing", () => {
    const { bench: subject, chain } = bench();
    subject.journal.soil(HEAD);
    expect(subject.headerRepair.repairHeader(at(chain, HEAD))).toBe(true);
  });

  test("needs no chain if it is of the head's view, whose primary chained it", () => {
    const { bench: subject, chain } = bench();
    for (const op of [9, 10, 11]) subject.journal.lose(op);
    expect(subject.headerRepair.repairHeader(at(chain, 10))).toBe(true);
    expect(subject.headerRepair.repairHeader(at(chain, 8))).toBe(false);
  });
});

describe("a header is refused", () => {
  const refused = (change: (subject: RepairBench, chain: readonly PrepareHeader[]) => PrepareHeader): string => {
    const { bench: subject, chain } = bench();
    const header = change(subject, chain);
    const before = subject.journal.ops();
    expect(subject.headerRepair.repairHeader(header)).toBe(false);
    expect(subject.journal.ops()).toEqual(before);
    return subject.logger.lines.at(-1) ?? "";
  };

  test("while a checkpoint is being installed", () => {
    const because = refused((subject, chain) => {
      subject.journal.lose(7);
      subject.syncing = true;
      return at(chain, 7);
    });
    expect(because).toContain("a checkpoint is being installed");
  });

  test("of a newer view", () => {
    expect(refused(() => prepareHeader({ op: 7, view: 4 }))).toContain("newer view");
  });

  test("above the head", () => {
    expect(refused((_, chain) => prepareHeader({ op: 13, view: 3, parent: at(chain, HEAD).checksum }))).toContain(
      "it would advance the head",
    );
  });

  test("that is another head", () => {
    expect(refused(() => prepareHeader({ op: HEAD, view: 3 }))).toContain("it would replace the head");
  });

  test("that is not needed any more", () => {
    const subject = new RepairBench({ opCheckpoint: 19 });
    const chain = subject.chain(30, { commitMin: 30 });
    subject.journal.lose(19);
    expect(subject.headerRepair.opRepairMin).toBe(20);
    expect(subject.headerRepair.repairHeader(at(chain, 19))).toBe(false);
    expect(subject.logger.lines.at(-1)).toContain("it precedes what is needed");
  });

  test("that is here with its prepare", () => {
    expect(refused((_, chain) => at(chain, 7))).toContain("it is here");
  });

  test("that does not chain to the head, or with a gap above it", () => {
    const another = refused((subject) => {
      subject.journal.lose(7);
      return prepareHeader({ op: 7, parent: 5n, timestamp: 1n });
    });
    expect(another).toContain("does not chain");
    const gap = refused((subject, chain) => {
      for (const op of [6, 7]) subject.journal.lose(op);
      return at(chain, 6);
    });
    expect(gap).toContain("does not chain");
  });

  test("of an op that was executed as another one, which is an error", () => {
    const because = refused((subject) => {
      subject.view.view = 3;
      return prepareHeader({ op: 3, view: 3 });
    });
    expect(because).toContain("another op was executed here");
  });

  test("of another checkpoint, which is an error", () => {
    const because = refused((subject) => {
      const header = prepareHeader({ op: 10, view: 3, parent: 1n });
      header.checkpointId = 5n;
      subject.journal.lose(10);
      return sealed(header);
    });
    expect(because).toContain("it is of another checkpoint");
  });

  test("of which the log of the view has another one, which is an error", () => {
    const because = refused((subject, chain) => {
      subject.journal.lose(10);
      subject.view.hasOther = ({ op }) => op === 10;
      return at(chain, 10);
    });
    expect(because).toContain("the log of the view has another one");
  });

  test("that breaks the chain within its view, which is an error", () => {
    const next = refused((subject) => {
      subject.journal.lose(10);
      return prepareHeader({ op: 10, view: 3, timestamp: 7n });
    });
    expect(next).toContain("the next op of its view");
    const before = refused((subject) => {
      subject.journal.lose(10);
      subject.journal.lose(11);
      return prepareHeader({ op: 10, view: 3, timestamp: 7n });
    });
    expect(before).toContain("the op before of its view");
  });
});

test("whatever headers come, nothing but the missing headers of the log's own chain enters it", () => {
  const header = fc.record({
    op: fc.nat(40),
    view: fc.nat(4),
    genuine: fc.boolean(),
    parent: fc.bigInt({ min: 0n, max: 3n }),
  });
  const property = fc.property(
    fc.array(header, { maxLength: 30 }),
    fc.uniqueArray(fc.nat(HEAD - 1), { maxLength: 6 }),
    (headers, lost) => {
      const { bench: subject, chain } = bench();
      for (const op of lost) subject.journal.lose(op);
      for (const { op, view, genuine, parent } of headers) {
        const known = chain[op];
        const candidate = genuine && known !== undefined ? copyOf(known) : prepareHeader({ op, view, parent });
        subject.headerRepair.repairHeader(candidate);
      }
      for (const op of subject.journal.ops()) {
        const found = subject.journal.headerWithOp(op);
        // Only the head's own view is believed without a chain.
        if (found !== null && found.view !== 3) expect(found.checksum).toBe(at(chain, op).checksum);
      }
    },
  );
  fc.assert(property, { numRuns: PROPERTY_RUNS });
});

test("given all headers of the chain, highest first, any log is whole again", () => {
  const property = fc.property(fc.uniqueArray(fc.nat(HEAD - 1), { maxLength: HEAD }), (lost) => {
    const { bench: subject, chain } = bench();
    for (const op of lost) subject.journal.lose(op);
    for (const header of chain.toReversed()) subject.headerRepair.repairHeader(header);
    expect(subject.journal.ops()).toEqual(chain.map(({ op }) => op));
    expect(subject.headerRepair.validHashChain()).toBe(true);
  });
  fc.assert(property, { numRuns: PROPERTY_RUNS });
});

describe("a header of the view's log", () => {
  test("takes the place of whatever is there", () => {
    const { bench: subject } = bench();
    const other = prepareHeader({ op: 9, view: 2, parent: 5n });
    subject.headerRepair.replaceHeader(other);
    expect([subject.journal.hasHeader(other), subject.journal.hasDirty(9)]).toEqual([true, true]);
  });

  test("leaves alone what is right, and what precedes what is needed", () => {
    const subject = new RepairBench({ opCheckpoint: 19 });
    const chain = subject.chain(30, { commitMin: 30 });
    subject.headerRepair.replaceHeader(at(chain, 25));
    subject.journal.lose(19);
    subject.headerRepair.replaceHeader(at(chain, 19));
    expect([subject.journal.hasDirty(25), subject.journal.headerWithOp(19)]).toEqual([false, null]);
  });

  test("above the head, of a newer view, or other than what was executed is a bug", () => {
    const { bench: subject } = bench();
    expect(() => subject.headerRepair.replaceHeader(prepareHeader({ op: 13 }))).toThrow("above head 12");
    expect(() => subject.headerRepair.replaceHeader(prepareHeader({ op: 9, view: 4 }))).toThrow("of view 4 in view 3");
    expect(() => subject.headerRepair.replaceHeader(prepareHeader({ op: 3 }))).toThrow("op 3 enters the log: another");
    const wrong = prepareHeader({ op: 1, parent: 5n });
    subject.syncing = true;
    expect(() => subject.headerRepair.replaceHeader(wrong)).toThrow("does not follow the checkpoint");
  });
});

describe("a header that others vouch for is foreign", () => {
  test.each<[string, (subject: RepairBench, chain: readonly PrepareHeader[]) => PrepareHeader, string | null]>([
    ["not if it is the one that is here", (_, chain) => at(chain, 10), null],
    ["not if it is of another view than the ops beside it", () => prepareHeader({ op: 10, view: 2, parent: 7n }), null],
    ["if it is of a newer view", () => prepareHeader({ op: 10, view: 4 }), "of view 4 in view 3"],
    [
      "if the log of the view has another one",
      (subject) => {
        subject.view.hasOther = ({ op }) => op === 10;
        return prepareHeader({ op: 10, view: 2, parent: 7n });
      },
      "the log of the view has another one",
    ],
    ["if another one was executed", () => prepareHeader({ op: 3, parent: 7n }), "another one was executed here"],
    [
      "if it does not follow the checkpoint",
      (subject) => {
        subject.journal.lose(1);
        return prepareHeader({ op: 1, parent: 7n });
      },
      "it does not follow the checkpoint",
    ],
    [
      "if the next op of its view does not follow it",
      (subject) => {
        subject.journal.lose(9);
        return prepareHeader({ op: 9, view: 3, parent: 7n });
      },
      "it is not chained to the next op of its view",
    ],
    [
      "if it does not follow the op before of its view",
      (subject) => {
        subject.journal.lose(HEAD);
        return prepareHeader({ op: HEAD, view: 3, parent: 7n });
      },
      "it is not chained to the op before of its view",
    ],
  ])("%s", (_, change, because) => {
    const { bench: subject, chain } = bench();
    const header = change(subject, chain);
    expect(subject.headerRepair.foreign(header)).toBe(because);
  });
});

describe("the log is certain", () => {
  test("if it is whole from what is executed up to the head", () => {
    const { bench: subject, chain } = bench();
    expect(subject.headerRepair.validHashChain()).toBe(true);
    subject.journal.lose(2);
    expect(subject.headerRepair.validHashChain()).toBe(true);
    subject.journal.lose(4);
    expect(subject.headerRepair.validHashChain()).toBe(false);
    subject.journal.fill([at(chain, 4), prepareHeader({ op: 8 })]);
    expect(subject.headerRepair.validHashChain()).toBe(false);
  });

  test("not if the cluster's log is known to go further", () => {
    const { bench: subject } = bench();
    subject.log.learnCommitMax(HEAD + 1);
    expect([subject.headerRepair.opRepairMax, subject.headerRepair.validHashChain()]).toEqual([HEAD + 1, false]);
  });

  test("not if the head is the checkpoint that was just installed", () => {
    const subject = new RepairBench({ opCheckpoint: 19 });
    subject.chain(19, { commitMin: 19 });
    expect(subject.headerRepair.validHashChain()).toBe(false);
  });

  test("not if its first op does not follow the checkpoint", () => {
    const subject = new RepairBench({ opCheckpoint: 19 });
    const chain = subject.chain(24, { commitMin: 19 });
    expect(subject.headerRepair.validHashChain()).toBe(true);
    subject.superblock.working.checkpointHeader = at(chain, 18);
    expect(subject.headerRepair.validHashChain()).toBe(false);
  });
});
