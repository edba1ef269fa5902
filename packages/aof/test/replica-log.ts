/**
 * What a replica's append-only file can look like after a while, made by a script from what its cluster has committed.
 */
import { entryOf, joined } from "./log.ts";

/** One thing that happens to a replica, or to its file. Numbers are brought into range by whoever plays them. */
export type Happening =
  /** It commits so many ops more. */
  | { readonly kind: "commit"; readonly count: number }
  /** It is killed, perhaps within an append, and commits again from so many ops earlier on. */
  | { readonly kind: "crash"; readonly tornSizeBytes: number; readonly back: number }
  /** It takes over a newer checkpoint, and with it so many ops that it never commits. */
  | { readonly kind: "state_sync"; readonly count: number }
  /** A bit of an entry that was appended flips. */
  | { readonly kind: "rot"; readonly entry: number; readonly bit: number };

/** A file, and which ops it holds undamaged, in the order in which they are in it. */
export interface ReplicaLog {
  readonly bytes: Uint8Array;
  readonly ops: readonly number[];
}

/** A piece of the file: the entry of an op, or what is left of one. */
interface Piece {
  readonly op: number;
  bytes: Uint8Array;
  whole: boolean;
}

/** Plays a script. `history[0]` is the prepare of op 1. */
export function replicaLog(history: readonly Uint8Array[], script: readonly Happening[]): ReplicaLog {
  const pieces: Piece[] = [];
  let op = 0;
  const append = (sizeBytes: number): void => {
    const prepare = history[op];
    if (prepare === undefined) return;
    const entry = entryOf(prepare);
    const whole = sizeBytes >= entry.length;
    pieces.push({ op: op + 1, bytes: entry.subarray(0, sizeBytes), whole });
    if (whole) op += 1;
  };
  for (const happening of script) {
    switch (happening.kind) {
      case "commit":
        for (let count = 0; count < happening.count; count += 1) append(Number.POSITIVE_INFINITY);
        break;
      case "crash":
        append(happening.tornSizeBytes);
        op = Math.max(0, op - happening.back);
        break;
      case "state_sync":
        op = Math.min(history.length, op + happening.count);
        break;
      case "rot":
        rot(pieces, happening);
    }
  }
  return {
    bytes: joined(pieces.map(({ bytes }) => bytes)),
    ops: pieces.filter(({ whole }) => whole).map((piece) => piece.op),
  };
}

function rot(pieces: readonly Piece[], { entry, bit }: { entry: number; bit: number }): void {
  const piece = pieces[entry % Math.max(1, pieces.length)];
  // What rots twice in the same place would be whole again.
  if (piece?.whole !== true) return;
  const at = bit % (8 * piece.bytes.length);
  piece.bytes = piece.bytes.slice();
  piece.bytes[at >> 3] = (piece.bytes[at >> 3] ?? 0) ^ (1 << (at & 7));
  piece.whole = false;
}
