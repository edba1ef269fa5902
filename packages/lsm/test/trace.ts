/**
 * Recorded traces of forests: operations, and the events that followed them. Ours are written in the same words.
 */
import type { Pointer } from "@stagbeetle/kernels";
import type { BlockReference } from "@stagbeetle/vsr-protocol";
import type { Compaction, CompactionObserver, FlushSkipped } from "../src/compaction/compaction.ts";
import { ManifestEvent, type TableInfoView } from "../src/manifest/table-info.ts";
import type { ManifestLogObserver } from "../src/manifest-log/manifest-log.ts";
import { TREE_NAMES } from "./transfers.ts";
import type { TestCheckpoint, TestForest } from "./test-forest.ts";

const EVENT_NAMES = {
  [ManifestEvent.insert]: "insert",
  [ManifestEvent.update]: "update",
  [ManifestEvent.remove]: "remove",
};

const bytesOfHex = (hex: string): Uint8Array => Uint8Array.from(Buffer.from(hex, "hex"));

const checksumName = (checksum: bigint): string => checksum.toString(16).padStart(32, "0");

const compactionName = ({ tree, levelB }: Compaction): string => `${TREE_NAMES[tree.schema.treeId - 1]}:${levelB}`;

/** Writes what a forest does, in two streams whose order against each other is free. */
export class TraceWriter implements ManifestLogObserver, CompactionObserver {
  readonly manifestLog: string[] = [];
  readonly compaction: string[] = [];
  infos: TableInfoView | null = null;

  appended(event: ManifestEvent, table: Pointer): void {
    if (this.infos === null) throw new Error("the trace has no table infos");
    this.manifestLog.push(`${EVENT_NAMES[event]}: ${this.infos.describe(table)}`);
  }

  closed({ address, checksum }: BlockReference, entryCount: number): void {
    const line = `close_block: checksum=${checksumName(checksum)} address=${address} entries=${entryCount}/30`;
    this.manifestLog.push(line);
  }

  compacted({ address, checksum }: BlockReference, dropped: number, entryCount: number): void {
    const line = `compacted: checksum=${checksumName(checksum)} address=${address} free=${dropped}/${entryCount}`;
    this.manifestLog.push(line);
  }

  flushSkipped(compaction: Compaction, reason: FlushSkipped): void {
    const { memory, schema } = compaction.tree;
    const max = schema.valueCountMax;
    const counts = `${memory.immutable.count}+${memory.mutable.count}+${max / 2} ≤ ${max}`;
    const what = reason === "flushed" ? "immutable table flushed" : `immutable table flush skipped (${counts})`;
    this.compaction.push(`${compactionName(compaction)}: bar_commence: ${what}`);
  }

  planned(compaction: Compaction): void {
    const moves = compaction.state === "moving";
    const quotas = `half_bar_done=0 half_bar=${compaction.quotas.halfBar} move_table=${moves}`;
    this.compaction.push(`${compactionName(compaction)}: half_bar_commence: quotas: ${quotas}`);
  }

  beatEnded(compaction: Compaction): void {
    const { beat, beatDone, halfBar, halfBarDone } = compaction.quotas;
    const quotas = `quota_beat_done=${beatDone} quota_beat=${beat} quota_half_bar_done=${halfBarDone} quota_half_bar=${halfBar}`;
    this.compaction.push(`${compactionName(compaction)}: beat_complete: ${quotas}`);
  }

  completing(compaction: Compaction): void {
    const valuesIn = compaction.state === "moving" ? 0 : compaction.quotas.halfBar;
    const { droppedCount } = compaction;
    const values = `values_in=${valuesIn} values_out=${valuesIn - droppedCount} values_dropped=${droppedCount}`;
    this.compaction.push(`${compactionName(compaction)}: half_bar_complete: ${values}`);
  }
}

/** A checkpoint in the words of a trace. */
export function checkpointLine({ op, manifest, acquired, released }: TestCheckpoint): string {
  const block = ({ address, checksum }: BlockReference): string => `${address} ${checksumName(checksum)}`;
  return (
    `CKPT op=${op} manifest oldest=${block(manifest.oldest)} newest=${block(manifest.newest)} count=${manifest.blockCount} ` +
    `acquired=${block(acquired.lastBlock)} size=${acquired.size} released=${block(released.lastBlock)} size=${released.size}`
  );
}

const MANIFEST_LOG_LINE = /^debug\(manifest_log\): 0: ((?:insert|update|remove|close_block|compacted): ?.*)$/u;
const COMPACTION_LINE = /^debug\(compaction\): (.*)$/u;

/** A line of a trace that says something about the forest. */
type TraceLine =
  | { readonly kind: "operation"; readonly words: readonly string[] }
  | { readonly kind: "manifestLog" | "compaction" | "checkpoint"; readonly text: string };

function parseLine(line: string): TraceLine | null {
  if (line.startsWith("OP ")) return { kind: "operation", words: line.slice(3).split(" ") };
  if (line.startsWith("CKPT ")) return { kind: "checkpoint", text: line };
  const manifestLog = MANIFEST_LOG_LINE.exec(line)?.[1];
  if (manifestLog !== undefined) return { kind: "manifestLog", text: manifestLog };
  const compaction = COMPACTION_LINE.exec(line)?.[1];
  if (compaction === undefined || compaction.includes("beat_commence")) return null;
  return { kind: "compaction", text: compaction };
}

/** How much of a trace was compared. */
export interface TraceCounts {
  operations: number;
  events: number;
  checkpoints: number;
}

/** Runs a trace's operations on a forest and compares what follows, line by line. Throws at the first difference. */
export class TracePlayer {
  readonly counts: TraceCounts = { operations: 0, events: 0, checkpoints: 0 };
  readonly #subject: TestForest;
  readonly #writer: TraceWriter;
  /** Objects by id, in hexadecimal. */
  #objects = new Map<string, Uint8Array>();
  #barObjects: { op: number; objects: Map<string, Uint8Array> }[] = [];
  #checkpointObjects = new Map<string, Uint8Array>();
  #checkpoints: string[] = [];
  #crashing = false;

  constructor(subject: TestForest, writer: TraceWriter) {
    this.#subject = subject;
    this.#writer = writer;
    writer.infos = subject.forest.infos;
  }

  play(lines: readonly string[]): TraceCounts {
    for (const [number, line] of lines.entries()) {
      const parsed = parseLine(line);
      if (parsed === null) continue;
      if (parsed.kind === "operation") {
        this.#expectAllCompared(number);
        this.#operation(parsed.words);
      } else if (!this.#crashing) {
        this.#compare(parsed.kind, parsed.text, number);
      }
    }
    this.#expectAllCompared(lines.length);
    return this.counts;
  }

  #compare(kind: "manifestLog" | "compaction" | "checkpoint", expected: string, number: number): void {
    const lines = kind === "checkpoint" ? this.#checkpoints : this.#writer[kind];
    const actual = lines.shift() ?? "nothing";
    if (actual !== expected) throw new Error(`line ${number + 1}:\n  expected ${expected}\n  but got  ${actual}`);
    if (kind === "checkpoint") this.counts.checkpoints += 1;
    else this.counts.events += 1;
  }

  #expectAllCompared(number: number): void {
    const left = [...this.#writer.manifestLog, ...this.#writer.compaction, ...this.#checkpoints];
    if (left.length > 0) throw new Error(`before line ${number + 1}: ${left.length} more lines, first: ${left[0]}`);
  }

  #operation([name = "", ...words]: readonly string[]): void {
    this.counts.operations += 1;
    const [word = ""] = words;
    switch (name) {
      case "put":
        this.#put(bytesOfHex(word));
        break;
      case "remove":
        this.#remove(word);
        break;
      case "getts":
        this.#lookupByTimestamp(BigInt(word));
        break;
      case "scan":
        this.#sort(word);
        break;
      case "compact":
        if (!this.#crashing) this.#compact(Number(word), words[1] === "1", words[2] === "1");
        break;
      case "crash_next":
        this.#crashing = true;
        break;
      case "crashed":
        this.#crash();
        break;
      default:
        break;
    }
  }

  #put(object: Uint8Array): void {
    const id = Buffer.from(object.subarray(0, 16)).toString("hex");
    const old = this.#objects.get(id);
    if (old === undefined) this.#subject.insert(object);
    else this.#subject.update(old, object);
    this.#objects.set(id, object);
  }

  #remove(decimalId: string): void {
    const hex = BigInt(decimalId).toString(16).padStart(32, "0");
    const id = Buffer.from(bytesOfHex(hex).reverse()).toString("hex");
    const object = this.#objects.get(id);
    if (object === undefined) return;
    this.#subject.remove(object);
    this.#objects.delete(id);
  }

  /** A lookup by timestamp sorts, unless the key range answers it. */
  #lookupByTimestamp(timestamp: bigint): void {
    const { objects } = this.#subject.groove;
    const { view, bytes } = this.#subject.kernels.memory;
    const key = this.#subject.keyScratch;
    bytes.fill(0, key, key + 32);
    view.setBigUint64(key, timestamp, true);
    if (timestamp > 0n && timestamp < 1n << 63n && objects.keyRange.contains(key)) {
      this.#subject.forest.sortMutable(objects);
    }
  }

  #sort(indexName: string): void {
    const { groove, forest } = this.#subject;
    const index = groove.indexes.find(({ declaration }) => declaration.name === indexName);
    if (index === undefined) throw new Error(`there is no index ${indexName}`);
    forest.sortMutable(index.tree);
    forest.sortMutable(groove.objects);
  }

  #compact(op: number, checkpoints: boolean, durable: boolean): void {
    const subject = this.#subject;
    if (durable) subject.checkpointDurable();
    subject.compact(op);
    if (subject.forest.beats.endsBar(op)) this.#barObjects.push({ op, objects: new Map(this.#objects) });
    if (checkpoints !== subject.checkpointsAt(op)) throw new Error(`a checkpoint at op ${op}: ${checkpoints}`);
    if (!checkpoints) return;
    this.#checkpoints.push(checkpointLine(subject.checkpoint(op)));
    const bar = this.#barObjects.find((saved) => saved.op === subject.checkpointOp);
    if (bar === undefined) throw new Error(`no objects of op ${subject.checkpointOp}`);
    this.#checkpointObjects = bar.objects;
    this.#barObjects = this.#barObjects.slice(-1);
  }

  /** Whatever happened since the last checkpoint is gone. */
  #crash(): void {
    this.#crashing = false;
    this.#subject.crash();
    this.#writer.infos = this.#subject.forest.infos;
    this.#objects = new Map(this.#checkpointObjects);
    this.#barObjects = [];
  }
}
