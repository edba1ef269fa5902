/**
 * A suite: what the project and the recordings of the reference server should agree on.
 */

/** Takes the outcome of one comparison. Without a problem it agreed. */
export type Report = (check: string, problem?: string) => void;

/** A set of comparisons over one folder of recordings. */
export interface Suite {
  readonly name: string;
  /** The folder below the directory of recordings, such as `wire`. */
  readonly folder: string;
  /** Compares, and reports each comparison. `directory` is the suite's own folder. */
  readonly run: (directory: string, report: Report) => Promise<void>;
}
