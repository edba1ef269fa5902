import { assert } from "@stagbeetle/kernels";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  FORMAT,
  formatted,
  headerChain,
  imageAt,
  makeSuperBlock,
  opened,
  prepareHeader,
  PROPERTY_RUNS,
  RecordingLogger,
  RELEASE,
} from "../../test/builders.ts";
import { MemoryStorage } from "../../test/memory-storage.ts";
import { MANIFEST_EMPTY, TRAILER_EMPTY } from "../block-reference.ts";
import { PRODUCTION } from "../config/production.ts";
import { TEST_MIN } from "../config/test-min.ts";
import { FatalError, FatalReason } from "../fatal.ts";
import type { SuperBlock } from "./superblock.ts";
import type { CheckpointUpdate, ViewChangeUpdate } from "./update.ts";

const COPY_SIZE = TEST_MIN.derived.superblockCopySize;

/** A step into `view` with the log that the superblock has. */
function viewStep(superblock: SuperBlock, view: number, fields: Partial<ViewChangeUpdate> = {}): ViewChangeUpdate {
  const { vsrState } = superblock.staging;
  const headers = superblock.staging.viewHeaders();
  return { commitMax: vsrState.commitMax, logView: view, view, headers, syncCheckpoint: null, ...fields };
}

/** A checkpoint at `op` that has `blocks` grid blocks. */
function checkpointAt(op: number, fields: Partial<CheckpointUpdate> = {}): CheckpointUpdate {
  const trailer = { lastBlock: { checksum: BigInt(op), address: 1 }, size: 8, checksum: BigInt(op) };
  return {
    header: prepareHeader({ op }),
    viewAttributes: null,
    commitMax: op + 4,
    syncOpMin: 0,
    syncOpMax: 0,
    manifest: MANIFEST_EMPTY,
    freeSetBlocksAcquired: trailer,
    freeSetBlocksReleased: TRAILER_EMPTY,
    clientSessions: TRAILER_EMPTY,
    storageSize: TEST_MIN.derived.dataFileSizeMin + 4096,
    release: RELEASE,
    ...fields,
  };
}

/** What happens when the file is opened: the fatal error's message, or the open superblock. */
function tryOpen(storage: MemoryStorage, storageSizeLimit?: number): SuperBlock | FatalError {
  const superblock = makeSuperBlock(storage, storageSizeLimit === undefined ? {} : { storageSizeLimit });
  superblock.open(() => undefined);
  try {
    storage.run();
  } catch (error) {
    if (error instanceof FatalError) return error;
    throw error;
  }
  return superblock;
}

function fatalOf(outcome: SuperBlock | FatalError): FatalError {
  assert(outcome instanceof FatalError, "the file does not open");
  return outcome;
}

describe("formatting a superblock", () => {
  const wide = 0x0123456789abcdef0123456789abcdefn;
  it.each([
    [PRODUCTION, 0n, 0, 1, 0, 0x89a8220b1d440b5a12d43b1b76bc5fbcn, 0x6c65d244d7390ce2f3b79ede68daa5adn],
    [PRODUCTION, 0n, 0, 3, 0, 0xb51199a636c6beffc8aa4100868d92een, 0x858343259854423ea05437d9b9320bafn],
    [PRODUCTION, 0n, 1, 3, 0, 0xb5aa34981e97bf756064dca1dc0f6fd8n, 0x0a532e20edb199648ba2b21021ccb0den],
    [PRODUCTION, 0n, 2, 3, 0, 0x8fa4c94f61d70ff5fc17e5c54d031f0an, 0x2c9fb238d2737bb66634901720bbd8a8n],
    [PRODUCTION, 0n, 0, 3, 7, 0xb51199a636c6beffc8aa4100868d92een, 0x59ffee6bf1fd36a5ac74c5111c83f58cn],
    [PRODUCTION, wide, 1, 3, 0, 0x3fbe6f2de3f9c347f9443c8955d6fa74n, 0xdf98832ab134002acb96c777507b3fd6n],
    [TEST_MIN, 0n, 0, 1, 0, 0x7c53d8cb119fb5b38f2809148168d620n, 0x42045df6f199fcc8eaa3a963707210d4n],
    [TEST_MIN, 0n, 0, 3, 0, 0xb00846d11e3e06eaa3b583581fb938b2n, 0x3826d40a272b3539d42a8992c13958a7n],
    [TEST_MIN, 0n, 1, 3, 0, 0x222896c5ac5ccf57ac03230e4c1427dcn, 0x4bec96f177d76ae4c01d061953e678e1n],
    [TEST_MIN, wide, 1, 3, 0, 0xc429d8680e5e414e48f70dbeba57c4dfn, 0xe8668e2e303d7fba4f879a3da52ada48n],
  ] as const)(
    "of $name, cluster %i, replica %i of %i, view %i has the specified parent and checksum",
    (config, cluster, replica, replicaCount, view, parent, checksum) => {
      const storage = formatted({ cluster, replica, replicaCount, view }, config);
      for (let copy = 0; copy < 4; copy++) {
        const { header } = imageAt(storage, copy, config);
        expect([header.copy, header.sequence, header.parent, header.checksum]).toEqual([copy, 1, parent, checksum]);
      }
    },
  );

  it.each([
    [PRODUCTION, 0n, 0x0238099c7efd9ede77955d9ea540eed5n],
    [PRODUCTION, wide, 0x250ac349331bae4120e3170b5eccde8bn],
    [TEST_MIN, 0n, 0x9d1b24f2d172b0e66c6c4de382367a67n],
  ] as const)("of $name, cluster %i makes the specified root checkpoint", (config, cluster, id) => {
    expect(imageAt(formatted({ cluster }, config), 0, config).checkpointId()).toBe(id);
  });

  it("writes the copies one after the other and then reads them one after the other", () => {
    const storage = new MemoryStorage(TEST_MIN);
    makeSuperBlock(storage).format(FORMAT, () => undefined);
    expect(storage.pending).toBe(1);
    while (storage.step()) expect(storage.pending).toBeLessThanOrEqual(1);
    const offsets = [0, 1, 2, 3].map((copy) => copy * COPY_SIZE);
    expect(storage.log).toEqual([
      ...offsets.map((offset) => `write superblock ${offset}`),
      ...offsets.map((offset) => `read superblock ${offset}`),
    ]);
  });

  it.each([1, 2])("ends the process if %i of its writes were lost and no quorum is read back", (lost) => {
    const storage = new MemoryStorage(TEST_MIN);
    storage.onWrite = ({ index }) => (index < lost ? "lost" : "complete");
    let durable = false;
    makeSuperBlock(storage).format(FORMAT, () => (durable = true));
    if (lost === 1) storage.run();
    else expect(() => storage.run()).toThrow(/verification after writing: quorum lost/);
    expect(durable).toBe(lost === 1);
  });
});

describe("opening a superblock", () => {
  it("finds what was formatted, without writing anything", () => {
    const storage = formatted({ replica: 1, replicaCount: 3 });
    const superblock = opened(storage);
    expect(superblock.status).toBe("open");
    expect(superblock.replica).toBe(1);
    expect(superblock.checkpointIds.op).toBe(0);
    expect(superblock.working.header.sequence).toBe(1);
    expect(superblock.working.bytes).toEqual(superblock.staging.bytes);
    expect(storage.log.every((line) => line.startsWith("read"))).toBe(true);
  });

  it("finds a standby by its id", () => {
    const superblock = opened(formatted({ replica: 3, replicaCount: 3 }));
    expect(superblock.replica).toBe(3);
    expect(superblock.working.vsrState.replicaCount).toBe(3);
  });

  it("rewrites what is missing, so that all copies are there again", () => {
    const storage = formatted();
    const intact = [0, 1, 2, 3].map((slot) => imageAt(storage, slot).bytes);
    storage.write(0, new Uint8Array(8192));
    storage.write(2 * COPY_SIZE + 5000, Uint8Array.of(1));
    opened(storage);
    expect(storage.log.filter((line) => line.startsWith("write"))).toEqual([
      `write superblock ${2 * COPY_SIZE}`,
      "write superblock 0",
    ]);
    expect([0, 1, 2, 3].map((slot) => imageAt(storage, slot).bytes)).toEqual(intact);
  });

  it("logs what it repairs and what it found", () => {
    const storage = formatted();
    storage.write(COPY_SIZE, new Uint8Array(8192));
    const logger = new RecordingLogger();
    makeSuperBlock(storage, { logger }).open(() => undefined);
    storage.run();
    expect(logger.lines).toEqual([
      "info: superblock: opened sequence=1 cluster=0 checkpoint=0 view=0 logView=0 commitMax=0",
      "warn: superblock: a copy is missing, damaged or misplaced; it is rewritten copy=1",
    ]);
  });

  it.each([
    ["an empty file", (): MemoryStorage => new MemoryStorage(TEST_MIN), /not found: this is no data file/],
    ["a file with three damaged copies", (): MemoryStorage => damaged([0, 1, 2]), /quorum lost/],
    ["a file with four damaged copies", (): MemoryStorage => damaged([0, 1, 2, 3]), /not found/],
  ])("ends the process on %s", (_name, storage, message) => {
    const outcome = tryOpen(storage());
    expect(fatalOf(outcome).reason).toBe(FatalReason.cli);
    expect(fatalOf(outcome).message).toMatch(message);
  });

  function damaged(slots: readonly number[]): MemoryStorage {
    const storage = formatted();
    for (const slot of slots) storage.write(slot * COPY_SIZE + 7000, Uint8Array.of(1));
    return storage;
  }

  it("ends the process if the file is larger than the storage limit", () => {
    const storage = formatted();
    const superblock = opened(storage);
    superblock.checkpoint(checkpointAt(19), () => undefined);
    storage.run();
    const outcome = tryOpen(storage.restart(), TEST_MIN.derived.dataFileSizeMin);
    expect(fatalOf(outcome).reason).toBe(FatalReason.storageSizeExceedsLimit);
    expect(fatalOf(outcome).message).toMatch(/--limit-storage/);
  });
});

describe("updating a superblock", () => {
  it("on the first start of a solo replica writes what the specification says", () => {
    const storage = formatted({}, PRODUCTION);
    const superblock = opened(storage, PRODUCTION);
    superblock.viewChange(viewStep(superblock, 1), () => undefined);
    storage.run();
    expect(superblock.working.header.sequence).toBe(2);
    expect(superblock.working.header.checksum).toBe(0x895f4c6d2a4f73b40c65ea0f3bb0a541n);
  });

  it("shows nothing in working before it is durable", () => {
    const storage = formatted();
    const superblock = opened(storage);
    let durable = false;
    superblock.viewChange(viewStep(superblock, 1), () => (durable = true));
    while (!durable) {
      expect(superblock.working.vsrState.view).toBe(0);
      expect(superblock.staging.vsrState.view).toBe(1);
      expect(superblock.updating("viewChange")).toBe(true);
      expect(storage.step()).toBe(true);
    }
    expect(superblock.working.vsrState.view).toBe(1);
    expect(superblock.busy).toBe(false);
    expect(superblock.working.bytes).toEqual(superblock.staging.bytes);
  });

  it("chains the sequences by their checksums", () => {
    const storage = formatted();
    const superblock = opened(storage);
    for (let view = 1; view <= 3; view++) {
      const parent = superblock.working.header.checksum;
      superblock.viewChange(viewStep(superblock, view), () => undefined);
      storage.run();
      expect(superblock.working.header.parent).toBe(parent);
      expect(superblock.working.header.sequence).toBe(view + 1);
    }
  });

  it.each(["checkpoint", "viewChange"] as const)("lets a %s run while one of the other kind waits", (first) => {
    const storage = formatted();
    const superblock = opened(storage);
    const done: string[] = [];
    const start = {
      checkpoint: () => superblock.checkpoint(checkpointAt(19), () => done.push("checkpoint")),
      viewChange: () =>
        superblock.viewChange(viewStep(superblock, 1, { headers: headerChain(25, 25) }), () => done.push("viewChange")),
    };
    const second = first === "checkpoint" ? "viewChange" : "checkpoint";
    start[first]();
    start[second]();
    expect(() => start[first]()).toThrow(/before the first is durable/);
    expect(() => start[second]()).toThrow(/before the first is durable/);
    storage.run();
    expect(done).toEqual([first, second]);
    expect(superblock.working.header.sequence).toBe(3);
    expect(superblock.working.vsrState.view).toBe(1);
    expect(superblock.working.checkpointHeader.op).toBe(19);
  });

  it("takes the next update from within a callback", () => {
    const storage = formatted();
    const superblock = opened(storage);
    let view = 0;
    const next = (): void => {
      view += 1;
      if (view <= 3) superblock.viewChange(viewStep(superblock, view), next);
    };
    next();
    storage.run();
    expect(superblock.working.vsrState.view).toBe(3);
  });

  it("remembers the ids of the two checkpoints before", () => {
    const storage = formatted();
    const superblock = opened(storage);
    const ids = [superblock.checkpointIds.id];
    for (const op of [19, 39, 59]) {
      superblock.checkpoint(checkpointAt(op), () => undefined);
      storage.run();
      expect(superblock.checkpointIds.parentId).toBe(ids.at(-1));
      expect(superblock.checkpointIds.grandparentId).toBe(ids.at(-2) ?? 0n);
      ids.push(superblock.checkpointIds.id);
    }
    expect(new Set(ids).size).toBe(4);
  });

  it("keeps the view headers at a checkpoint of a replica that is alone", () => {
    const storage = formatted();
    const superblock = opened(storage);
    superblock.checkpoint(checkpointAt(19), () => undefined);
    storage.run();
    expect(superblock.working.viewHeaders().map((header) => header.op)).toEqual([0]);
    const headers = headerChain(45, 41, () => 3);
    superblock.checkpoint(checkpointAt(39, { viewAttributes: { logView: 3, view: 3, headers } }), () => undefined);
    storage.run();
    expect(superblock.working.viewHeaders().map((header) => header.op)).toEqual([45, 44, 43, 42, 41]);
    expect(superblock.working.vsrState.view).toBe(3);
  });

  it("takes over the checkpoint of another replica byte for byte", () => {
    const ahead = formatted({ replica: 1, replicaCount: 3 });
    const other = opened(ahead);
    other.checkpoint(checkpointAt(19), () => undefined);
    ahead.run();
    const storage = formatted({ replica: 2, replicaCount: 3 });
    const superblock = opened(storage);
    const syncCheckpoint = { checkpoint: other.working.checkpoint, syncOpMin: 0, syncOpMax: 23 };
    superblock.viewChange(
      viewStep(superblock, 0, { commitMax: 24, headers: headerChain(24, 20), syncCheckpoint }),
      () => undefined,
    );
    storage.run();
    expect(superblock.checkpointIds).toEqual(other.checkpointIds);
    expect(superblock.working.checkpointEquals(other.working)).toBe(true);
    expect(superblock.working.vsrState.syncOpMax).toBe(23);
  });

  it.each([
    ["a view that goes back", (superblock: SuperBlock) => viewStep(superblock, 0)],
    ["a log_view that goes back", (superblock: SuperBlock) => viewStep(superblock, 2, { logView: 0 })],
    ["log_view above view", (superblock: SuperBlock) => viewStep(superblock, 2, { logView: 3 })],
    ["a commit_max that goes back", (superblock: SuperBlock) => viewStep(superblock, 2, { commitMax: 4 })],
    ["nothing new", (superblock: SuperBlock) => viewStep(superblock, 1)],
    [
      "join_view headers with gaps",
      (superblock: SuperBlock) => viewStep(superblock, 2, { logView: 1, headers: headerChain(9, 7).toSpliced(1, 1) }),
    ],
    ["no headers", (superblock: SuperBlock) => viewStep(superblock, 2, { headers: [] })],
  ])("refuses %s", (_name, update) => {
    const storage = formatted();
    const superblock = opened(storage);
    superblock.viewChange(viewStep(superblock, 1, { commitMax: 5 }), () => undefined);
    storage.run();
    expect(() => superblock.viewChange(update(superblock), () => undefined)).toThrow();
  });

  it.each([
    ["an op that is no checkpoint", checkpointAt(18)],
    ["an op that is not committed", checkpointAt(19, { commitMax: 18 })],
    ["a file larger than the limit", checkpointAt(19, { storageSize: TEST_MIN.process.storageSizeLimitMax + 4096 })],
    ["a file smaller than its zones", checkpointAt(19, { storageSize: 4096 })],
    ["blocks without a free set", checkpointAt(19, { freeSetBlocksAcquired: TRAILER_EMPTY })],
    ["an older release", checkpointAt(19, { release: RELEASE - 1 })],
    ["sync ops in the wrong order", checkpointAt(19, { syncOpMin: 2, syncOpMax: 1 })],
  ])("refuses a checkpoint with %s", (_name, update) => {
    const superblock = opened(formatted());
    expect(() => superblock.checkpoint(update, () => undefined)).toThrow();
  });

  it("ends the process if what is read back is not what was written", () => {
    const storage = formatted();
    const superblock = opened(storage);
    storage.onWrite = () => "lost";
    superblock.viewChange(viewStep(superblock, 1), () => undefined);
    expect(() => storage.run()).toThrow(FatalError);
  });
});

describe("a crash", () => {
  /** What the disk can hold of an interrupted write of two sectors. */
  const TEARS = ["nothing", "head", "tail", "all", "garbage"] as const;
  type Tear = (typeof TEARS)[number];

  function torn(tear: Tear, before: Uint8Array, buffer: Uint8Array): Uint8Array {
    const bytes = before.slice();
    if (tear === "head" || tear === "all") bytes.set(buffer.subarray(0, 4096), 0);
    if (tear === "tail" || tear === "all") bytes.set(buffer.subarray(4096), 4096);
    if (tear === "garbage") bytes.fill(0xa5);
    return bytes;
  }

  /** Lets the process die at the write number `index`. */
  function crashAt(storage: MemoryStorage, index: number, tear: Tear): void {
    storage.onWrite = (write) => {
      if (write.index !== index) return "complete";
      return { crashWith: torn(tear, storage.read(write.offsetInZone, write.buffer.length), write.buffer) };
    };
  }

  const cases = [0, 1, 2, 3].flatMap((index) => TEARS.map((tear) => [index, tear] as const));

  it.each(cases)("at write %i of a format, leaving %s, leaves no file that opens as anything else", (index, tear) => {
    const storage = new MemoryStorage(TEST_MIN);
    crashAt(storage, index, tear);
    makeSuperBlock(storage).format(FORMAT, () => expect.unreachable("the format is not durable"));
    storage.run();
    const outcome = tryOpen(storage.restart());
    if (outcome instanceof FatalError) expect(outcome.message).toMatch(/not found|quorum lost/);
    else expect(outcome.working.bytes).toEqual(imageAt(formatted(), 0).bytes);
  });

  it.each(cases)("at write %i of an update, leaving %s, leaves the old or the new state", (index, tear) => {
    const storage = formatted();
    const superblock = opened(storage);
    crashAt(storage, index, tear);
    superblock.viewChange(viewStep(superblock, 1), () => expect.unreachable("the update is not durable"));
    storage.run();
    expect(storage.crashed).toBe(true);
    const after = storage.restart();
    const reopened = opened(after);
    const { working } = reopened;
    expect(working.contentEquals(superblock.working) || working.contentEquals(superblock.staging)).toBe(true);
    for (let slot = 0; slot < 4; slot++) {
      expect(imageAt(after, slot).contentEquals(working)).toBe(true);
      expect(imageAt(after, slot).header.copy).toBe(slot);
    }
  });

  it("never takes back what was durable, whatever writes are torn in a row of updates and repairs", () => {
    const event = fc.record({
      index: fc.nat(6),
      tear: fc.constantFrom(...TEARS),
      copy: fc.nat(3),
      damage: fc.boolean(),
    });
    const property = fc.property(fc.array(event, { minLength: 1, maxLength: 8 }), (events) => {
      let storage = formatted();
      let durableView = 0;
      let askedView = 0;
      for (const { index, tear, copy, damage } of events) {
        // At rest any one copy may be lost.
        if (damage) storage.write(copy * COPY_SIZE + 64, Uint8Array.of(0xee));
        crashAt(storage, index, tear);
        const superblock = makeSuperBlock(storage);
        superblock.open(() => {
          const { view } = superblock.working.vsrState;
          expect(view === durableView || view === askedView).toBe(true);
          durableView = view;
          askedView = view + 1;
          superblock.viewChange(viewStep(superblock, askedView), () => (durableView = askedView));
        });
        storage.run();
        storage = storage.restart();
        // All copies are whole again before the next one is damaged.
        const { view } = opened(storage).working.vsrState;
        expect(view === durableView || view === askedView).toBe(true);
        durableView = view;
        storage = storage.restart();
      }
    });
    fc.assert(property, { numRuns: PROPERTY_RUNS });
  });
});
