/**
 * The zones of the data file (spec 04 §3).
 *
 * @module
 */

/** The parts of the data file, in file order. */
export type Zone = "superblock" | "walHeaders" | "walPrepares" | "clientReplies" | "gridPadding" | "grid";
