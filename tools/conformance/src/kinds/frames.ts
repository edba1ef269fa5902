/**
 * Every frame of a capture: read, validated, written again; and what the frames of a cluster say of one another.
 *
 * @module
 */
import { join } from "node:path";

import {
  Checksums,
  Command,
  commandHeaderOf,
  commandName,
  CommitHeader,
  fieldSizeBytes,
  Header,
  HEADER_SIZE_BYTES,
  invalidHeader,
  PRODUCTION,
  PrepareHeader,
  PrepareOkHeader,
} from "@stagbeetle/vsr-protocol";

import { type Artefact, different, equal, type Kind, type Outcome } from "../artefact.ts";
import { wireEvents } from "../containers/wirecap.ts";
import { readDecompressed, withoutCompression } from "../containers/zstd.ts";
import { firstDifferingByte } from "../difference.ts";

/** What the recorder called a frame: by its checksums first, then by its command. */
type FrameClass = "badChecksum" | "invalid" | "valid";

const checksums = new Checksums();

function classOf(frame: Uint8Array): { readonly frameClass: FrameClass; readonly reason: string | null } {
  const header = new Header(frame);
  if (!checksums.valid(header)) return { frameClass: "badChecksum", reason: "header checksum" };
  if (!checksums.validBody(header, frame.subarray(HEADER_SIZE_BYTES)))
    return { frameClass: "badChecksum", reason: "body checksum" };
  const reason = invalidHeader(header, PRODUCTION);
  return { frameClass: reason === null ? "valid" : "invalid", reason };
}

/** The header written again, field by field, from what was read. */
function encodeAgain(frame: Uint8Array): Uint8Array {
  const header = new Header(frame);
  const command = commandHeaderOf(header.command);
  if (command === null) throw new Error(`no header for ${commandName(header.command)}`);
  const bytes = new Uint8Array(HEADER_SIZE_BYTES);
  const source = command.view(header);
  const target = command.view(new Header(bytes));
  for (const name of Object.keys(command.layout)) Reflect.set(target, name, Reflect.get(source, name));
  return bytes;
}

/** The layout covers every byte, or a field that is not written would go unnoticed. */
function uncoveredBytes(command: number): number {
  const layout = commandHeaderOf(command)?.layout ?? {};
  return HEADER_SIZE_BYTES - Object.values(layout).reduce((sum, field) => sum + fieldSizeBytes(field), 0);
}

/** Whether prepares form one hash chain, and acknowledgements and heartbeats name prepares of it. */
class LogConsistency {
  /** Header checksums of the prepares seen, by op. */
  readonly #checksumsByOp = new Map<number, Set<bigint>>();
  readonly #parents: { readonly op: number; readonly parent: bigint }[] = [];
  readonly #references: { readonly op: number; readonly checksum: bigint; readonly by: string }[] = [];

  note(frame: Uint8Array): void {
    switch (new Header(frame).command) {
      case Command.prepare: {
        const { op, checksum, parent } = new PrepareHeader(frame);
        const known = this.#checksumsByOp.get(op) ?? new Set();
        known.add(checksum);
        this.#checksumsByOp.set(op, known);
        this.#parents.push({ op, parent });
        return;
      }
      case Command.prepareOk: {
        const { op, prepareChecksum } = new PrepareOkHeader(frame);
        this.#references.push({ op, checksum: prepareChecksum, by: "prepare_ok" });
        return;
      }
      case Command.commit: {
        const { commit, commitChecksum } = new CommitHeader(frame);
        this.#references.push({ op: commit, checksum: commitChecksum, by: "commit" });
        return;
      }
      default:
    }
  }

  /** The first contradiction, or null. Ops of which no prepare was seen say nothing. */
  contradiction(): string | null {
    for (const { op, parent } of this.#parents) {
      const before = this.#checksumsByOp.get(op - 1);
      if (before !== undefined && !before.has(parent))
        return `prepare of op ${op}: its parent is no prepare of op ${op - 1}`;
    }
    for (const { op, checksum, by } of this.#references) {
      const known = this.#checksumsByOp.get(op);
      if (known !== undefined && !known.has(checksum)) return `${by} of op ${op} names a prepare that was not seen`;
    }
    return null;
  }

  get prepareCount(): number {
    return this.#checksumsByOp.size;
  }
}

/** How many frames of a capture are expected to be broken: the captures of error scenarios list them. */
interface CaptureSummary {
  readonly frames?: { readonly [label: string]: number };
  readonly scenarios?: readonly unknown[];
}

function checkFrame(frame: Uint8Array, mayBeInvalid: boolean): string | null {
  const { frameClass, reason } = classOf(frame);
  const name = commandName(new Header(frame).command);
  if (frameClass !== "valid") return mayBeInvalid ? null : `${name} is refused: ${reason}`;
  const uncovered = uncoveredBytes(new Header(frame).command);
  if (uncovered !== 0) return `${uncovered} bytes of ${name} belong to no field`;
  const at = firstDifferingByte(encodeAgain(frame), frame.subarray(0, HEADER_SIZE_BYTES));
  return at === null ? null : `${name} is another one after reading and writing: byte ${at}`;
}

async function check(path: string, summary: CaptureSummary): Promise<Outcome> {
  const capture = await readDecompressed(path);
  const log = new LogConsistency();
  const mayBeInvalid = summary.scenarios !== undefined;
  let frames = 0;
  let badChecksums = 0;
  for (const { kind, bytes, connection } of wireEvents(capture)) {
    if (kind !== "initiator" && kind !== "acceptor") continue;
    const problem = checkFrame(bytes, mayBeInvalid);
    if (problem !== null) return different(`frame ${frames} (connection ${connection}): ${problem}`);
    const { frameClass } = classOf(bytes);
    if (frameClass === "badChecksum") badChecksums += 1;
    if (frameClass === "valid") log.note(bytes);
    frames += 1;
  }
  const recordedBad = summary.frames?.["invalid checksum"] ?? 0;
  if (badChecksums !== recordedBad)
    return different(`${badChecksums} frames with bad checksums, recorded ${recordedBad}`);
  const contradiction = log.contradiction();
  if (contradiction !== null) return different(contradiction);
  const chain = log.prepareCount > 0 ? `, ${log.prepareCount} prepares in one hash chain` : "";
  return equal(`${frames} frames validated and written again${chain}`);
}

export const frames: Kind = {
  name: "frames",
  async discover(root, files) {
    const captures = files.filter((file) => withoutCompression(file).endsWith(".wirecap"));
    return captures.map((file): Artefact => {
      const name = withoutCompression(file).slice(0, -".wirecap".length);
      const summaryFile = files.find((other) => other === `${name}.json`);
      return {
        name,
        kind: "frames",
        check: async () => {
          const text =
            summaryFile === undefined
              ? "{}"
              : Buffer.from(await readDecompressed(join(root, summaryFile))).toString("utf8");
          return check(join(root, file), JSON.parse(text) as CaptureSummary);
        },
      };
    });
  },
};
