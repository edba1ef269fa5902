/**
 * Viewstamped Replication as a library: messages, quorums, clock, superblock, replica and client sessions, driven by ticks and completions, and the ports through which it reaches everything else.
 *
 * @packageDocumentation
 */
export {};
