/**
 * What the runner knows of a recording, whatever its kind.
 *
 * @module
 */

/** What comparing one artefact gave. */
export type Outcome =
  /** Everything that was compared is equal; `compared` says what and how much. */
  | { readonly verdict: "equal"; readonly compared: string }
  /** `difference` locates the first difference: which record, which field or offset, both values. */
  | { readonly verdict: "different"; readonly difference: string }
  /** The recording needs something that this build does not have; `reason` says what. Counted apart, never as equal. */
  | { readonly verdict: "beyond"; readonly reason: string };

/** One recording that can be compared with what this project does. */
export interface Artefact {
  /** Path below the directory given to the runner, without the container's extensions. */
  readonly name: string;
  /** The kind's name, as printed. */
  readonly kind: string;
  /** Runs the comparison. Throws only if the recording itself cannot be read. */
  check(): Promise<Outcome>;
}

/** A kind of golden data: finds its artefacts among the files of a directory tree. */
export interface Kind {
  readonly name: string;
  /** `files` are paths relative to `root`, sorted. */
  discover(root: string, files: readonly string[]): Promise<readonly Artefact[]>;
}

export function equal(compared: string): Outcome {
  return { verdict: "equal", compared };
}

export function different(difference: string): Outcome {
  return { verdict: "different", difference };
}
