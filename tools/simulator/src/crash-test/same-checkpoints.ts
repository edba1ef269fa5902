/**
 * Whether the data files of stopped replicas hold the same state.
 *
 * A checkpoint refers to everything by checksum: if two replicas have the same checkpoint, and what it refers to is
 * undamaged in both files, they store the same bytes.
 */
import { inspectDataFile, runProgram } from "@stagbeetle/processes";

/** One field of the superblock, as `inspect superblock --json` has it. */
interface SuperBlockValue {
  readonly field: string;
  readonly value: string;
}

/**
 * Everything but the log. Beyond its head, slots may hold what a killed replica had begun to write: recovery drops such prepares
 * and leaves them on the disk (spec 04 §11.7), where their redundant headers are others.
 */
const INTEGRITY = ["integrity", "--skip-wal"] as const;

const CHECKPOINT = "vsr_state.checkpoint.";
/** In the text of the checkpoint's header, a prepare. */
const OP = /\.op=(?<op>\d+)/;

/** @throws Error if two replicas have different checkpoints of the same op, or if a file is damaged. */
export async function assertSameCheckpoints(paths: readonly string[]): Promise<void> {
  const byOp: Map<string, { readonly path: string; readonly text: string }> = new Map();
  for (const path of paths) {
    await inspectDataFile([...INTEGRITY, path]);
    const checkpoint = await checkpointOf(path);
    const other = byOp.get(checkpoint.op);
    if (other === undefined) byOp.set(checkpoint.op, { path, text: checkpoint.text });
    else if (other.text !== checkpoint.text) {
      throw new Error(
        `two checkpoints of op ${checkpoint.op}:\n${other.path}\n${other.text}\n${path}\n${checkpoint.text}`,
      );
    }
  }
}

/**
 * Whether a replica has taken over the checkpoint of another one and does not have all that it consists of yet: that is
 * fetched while the replica takes part already (spec 03 §21.7).
 */
export async function fetchesCheckpoint(path: string): Promise<boolean> {
  const fields = await superblockFields(path);
  if (fields.find(({ field }) => field === "vsr_state.sync_op_max")?.value === "0") return false;
  const { status } = await runProgram(["inspect", ...INTEGRITY, path]);
  return status !== 0;
}

async function checkpointOf(path: string): Promise<{ readonly op: string; readonly text: string }> {
  const fields = (await superblockFields(path)).filter(({ field }) => field.startsWith(CHECKPOINT));
  const header = fields.find(({ field }) => field === `${CHECKPOINT}header`)?.value ?? "";
  const op = OP.exec(header)?.groups?.["op"];
  if (op === undefined) throw new Error(`${path}: the superblock names no op of its checkpoint`);
  return { op, text: fields.map(({ field, value }) => `${field}=${value}`).join("\n") };
}

async function superblockFields(path: string): Promise<readonly SuperBlockValue[]> {
  return valuesOf(JSON.parse(await inspectDataFile(["superblock", "--json", path])));
}

function valuesOf(report: unknown): readonly SuperBlockValue[] {
  if (typeof report !== "object" || report === null || !("values" in report) || !Array.isArray(report.values)) {
    throw new TypeError("inspect superblock --json prints something else");
  }
  return report.values as readonly SuperBlockValue[];
}
