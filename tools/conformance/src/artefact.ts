/**
 * What the runner knows of a recording, whatever its kind.
 *
 * @module
 */

/** What comparing one artefact gave, and one line about it. */
export interface Outcome {
  /**
   * `equal`: everything that was compared agrees. `different`: something does not. `beyond`: the recording needs what this
   * build does not have; counted apart, never as equal. `elsewhere`: other kinds compare this recording; counted apart, too.
   */
  readonly verdict: "equal" | "different" | "beyond" | "elsewhere";
  /** What was compared and how much; or the first difference, located; or what is missing; or which kinds those are. */
  readonly text: string;
}

/** One recording that can be compared with what this project does. */
export interface Artefact {
  /** Path below the directory given to the runner, without the container's extensions. */
  readonly name: string;
  /** The kind's name, as printed. */
  readonly kind: string;
  /** Runs the comparison. Throws if the recording cannot be read. */
  check(): Promise<Outcome>;
}

/** A kind of golden data: finds its artefacts among the files of a directory tree. */
export interface Kind {
  readonly name: string;
  /** `files` are paths relative to `root`, sorted. */
  discover(root: string, files: readonly string[]): Promise<readonly Artefact[]>;
}

/** What was compared is the same; `text` says what that was. */
export function equal(text: string): Outcome {
  return { verdict: "equal", text };
}

/** What was compared differs; `text` says where first. */
export function different(text: string): Outcome {
  return { verdict: "different", text };
}

/** What this release does not do, so that it cannot be compared; `text` says why. */
export function beyond(text: string): Outcome {
  return { verdict: "beyond", text };
}

/** Other kinds compare it; `text` says which. */
export function elsewhere(text: string): Outcome {
  return { verdict: "elsewhere", text };
}
