import { createKernels, LinearMemory } from "@stagbeetle/kernels";
import { Random } from "@stagbeetle/vsr-protocol";
import { describe, expect, test } from "vitest";
import { Content, ObjectCache, UNKNOWN } from "./object-cache.ts";

const SIZE_BYTES = 32;
const runs = Number(process.env["STAGBEETLE_PROPERTY_RUNS"] ?? 5);

/** Objects of 32 bytes: a key of 16 or 8 bytes, then a number. */
class Subject {
  readonly memory = new LinearMemory({ sizeBytes: 4 << 20, shared: false });
  readonly cache: ObjectCache;
  readonly #scratch: number;

  constructor(keySizeBytes: 8 | 16, pinnedMax: number, othersMax: number) {
    const kernels = createKernels({ memory: this.memory });
    this.cache = new ObjectCache({
      kernels,
      objectSizeBytes: SIZE_BYTES,
      keyOffset: 0,
      keySizeBytes,
      pinnedMax,
      othersMax,
      changesMax: 64,
      label: "test",
    });
    this.#scratch = this.memory.allocate(SIZE_BYTES, 16, "test");
  }

  write(at: number, key: number, value: number): number {
    this.memory.bytes.fill(0, at, at + SIZE_BYTES);
    this.memory.u32[at / 4] = key;
    this.memory.u32[at / 4 + 4] = value;
    return at;
  }

  object(key: number, value = 0): number {
    return this.write(this.#scratch, key, value);
  }

  insert(key: number, value: number): void {
    const slot = this.cache.take();
    this.write(this.cache.pointerOf(slot), key, value);
    this.cache.add(slot, Content.object);
  }

  load(key: number, value: number): void {
    this.cache.load(this.object(key, value));
  }

  update(key: number, value: number): void {
    this.cache.update(this.cache.find(this.object(key)), this.object(key, value));
  }

  remove(key: number): void {
    this.cache.remove(this.cache.find(this.object(key)));
  }

  orphan(key: number): void {
    this.cache.addOrphan(this.object(key), 16);
  }

  /** What the cache says of a key: its value, or what it is. */
  get(key: number): number | "unknown" | "orphan" | "removed" {
    const slot = this.cache.find(this.object(key));
    if (slot === UNKNOWN) return "unknown";
    const content = this.cache.contentOf(slot);
    if (content === Content.object) return this.memory.u32[this.cache.pointerOf(slot) / 4 + 4] as number;
    return content === Content.orphan ? "orphan" : "removed";
  }
}

type Entry = { value: number | "orphan" | "removed"; bar: number };

/** A map, with the bar in which each key was pinned last, and a copy to go back to. */
class Model {
  entries = new Map<number, Entry>();
  bar = 0;
  before: Map<number, Entry> | null = null;
}

function step(random: Random, subject: Subject, model: Model): void {
  const key = 1 + random.index(60);
  const entry = model.entries.get(key);
  const value = random.index(1000);
  const pinned = [...model.entries.values()].filter(({ bar }) => bar === model.bar).length;
  const put = (next: Entry["value"]): void => void model.entries.set(key, { value: next, bar: model.bar });
  const exists = entry !== undefined && typeof entry.value === "number";
  const known = subject.get(key) !== "unknown";
  switch (random.weighted([6, 6, 2, 1, 2, 2, 2])) {
    case 0:
      // New to the store, and to the cache.
      if ((entry !== undefined && entry.value !== "removed") || pinned >= 32) return;
      subject.insert(key, value);
      put(value);
      return;
    case 1:
      // What an operation updates, it has prefetched.
      if (!exists || (pinned >= 32 && entry.bar !== model.bar)) return;
      if (!known && model.before !== null) return;
      if (!known) subject.load(key, entry.value as number);
      subject.update(key, value);
      put(value);
      return;
    case 2:
      if (!exists || !known) return;
      subject.remove(key);
      put("removed");
      return;
    case 3:
      if (entry !== undefined || model.before !== null || pinned >= 32) return;
      subject.orphan(key);
      put("orphan");
      return;
    case 4:
      if (model.before !== null || !exists || pinned >= 32) return;
      subject.load(key, entry.value as number);
      put(entry.value);
      return;
    case 5:
      if (model.before !== null) return;
      subject.cache.endBar();
      model.bar += 1;
      return;
    default:
      if (model.before === null) {
        subject.cache.scopeOpen();
        model.before = new Map(model.entries);
        return;
      }
      if (random.boolean()) {
        subject.cache.scopeClose("persist");
      } else {
        subject.cache.scopeClose("discard");
        model.entries = model.before;
      }
      model.before = null;
  }
}

function expectSame(subject: Subject, model: Model): void {
  for (let key = 1; key <= 60; key += 1) {
    const entry = model.entries.get(key);
    const said = subject.get(key);
    const wanted = entry?.value ?? "unknown";
    if (entry !== undefined && entry.bar === model.bar) expect(said, `key ${key}, of this bar`).toBe(wanted);
    else if (said !== "unknown") expect(said, `key ${key}, older`).toBe(wanted);
  }
}

describe("an object cache says what a map would, or of older objects nothing", () => {
  test.each([
    { keySizeBytes: 16, othersMax: 0 },
    { keySizeBytes: 16, othersMax: 20 },
    { keySizeBytes: 8, othersMax: 0 },
    { keySizeBytes: 8, othersMax: 1000 },
  ] as const)("with room for $othersMax others, keys of $keySizeBytes bytes", ({ keySizeBytes, othersMax }) => {
    for (let seed = 0; seed < runs; seed += 1) {
      const random = new Random(seed);
      const subject = new Subject(keySizeBytes, 64, othersMax);
      const model = new Model();
      for (let count = 0; count < 400; count += 1) {
        step(random, subject, model);
        expectSame(subject, model);
      }
    }
  });
});

test("an object that was used survives others that were not", () => {
  const subject = new Subject(16, 8, 8);
  for (let key = 1; key <= 8; key += 1) subject.insert(key, key);
  subject.cache.endBar();
  for (let bar = 0; bar < 6; bar += 1) {
    subject.cache.pin(subject.object(1));
    for (let key = 0; key < 7; key += 1) subject.insert(100 + 10 * bar + key, 0);
    subject.cache.endBar();
  }
  expect(subject.get(1)).toBe(1);
  expect(subject.get(2)).toBe("unknown");
});

test("objects stay where they are while others come", () => {
  const subject = new Subject(16, 64, 0);
  subject.insert(1, 1);
  const place = subject.cache.pointerOf(subject.cache.find(subject.object(1)));
  for (let key = 2; key < 60; key += 1) subject.insert(key, key);
  expect(subject.cache.pointerOf(subject.cache.find(subject.object(1)))).toBe(place);
});

describe("an object cache refuses", () => {
  test("a key that it has", () => {
    const subject = new Subject(16, 8, 0);
    subject.insert(1, 1);
    expect(() => subject.insert(1, 2)).toThrow("in the cache already");
  });

  test("more objects in a bar than it was made for", () => {
    const subject = new Subject(16, 8, 0);
    for (let key = 1; key <= 9; key += 1) subject.insert(key, key);
    expect(() => subject.insert(10, 10)).toThrow("all 9 objects are pinned");
  });

  test("scopes that nest, and a bar that ends within one", () => {
    const { cache } = new Subject(16, 8, 0);
    cache.scopeOpen();
    expect(() => cache.scopeOpen()).toThrow("do not nest");
    expect(() => cache.endBar()).toThrow("scope is open");
  });

  test("an object that it does not have", () => {
    const subject = new Subject(16, 8, 0);
    subject.insert(1, 1);
    const object = subject.cache.pointerOf(0);
    expect(subject.cache.slotOf(object)).toBe(0);
    expect(() => subject.cache.slotOf(object + SIZE_BYTES)).toThrow("no object");
    expect(() => subject.cache.slotOf(object + 8)).toThrow("no object");
  });
});
