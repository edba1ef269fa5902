/**
 * The layers of the workspace: which package may import which. The only place where this is written down; the lint
 * rules are made from it, and a test holds every `package.json` against it. `docs/architecture.md` says why.
 */

/** A folder under `packages/` and what its sources may know. */
export interface Layer {
  /** Packages whose public face may be imported, by folder name. Everything else in the workspace is forbidden. */
  readonly mayImport: readonly string[];
  /**
   * Part of the deterministic core: no clock, no randomness, no timers, no promises, no `process`, no `node:`.
   * A list of folders or files (globs within `src/`) where only a part of the package belongs to it.
   */
  readonly deterministic: boolean | readonly string[];
}

/** From the lowest to the highest: a package lists only packages that stand before it, so there can be no cycle. */
export const layers: Readonly<Record<string, Layer>> = {
  kernels: { mayImport: [], deterministic: false },
  "vsr-protocol": { mayImport: ["kernels"], deterministic: true },
  "command-line": { mayImport: ["vsr-protocol"], deterministic: false },
  aof: { mayImport: ["kernels", "vsr-protocol"], deterministic: true },
  "io-linux": { mayImport: ["kernels", "vsr-protocol", "aof"], deterministic: false },
  journal: { mayImport: ["kernels", "vsr-protocol"], deterministic: true },
  grid: { mayImport: ["kernels", "vsr-protocol"], deterministic: true },
  lsm: { mayImport: ["kernels", "vsr-protocol", "grid"], deterministic: true },
  "state-machine": { mayImport: ["kernels", "vsr-protocol", "grid", "lsm"], deterministic: true },
  client: { mayImport: ["kernels", "vsr-protocol", "state-machine"], deterministic: true },
  "tcp-client": { mayImport: ["kernels", "vsr-protocol", "io-linux", "client"], deterministic: false },
  // Composes whole clusters, so it stands above what it composes; its storage, network and time need only the ports.
  "io-sim": {
    mayImport: ["kernels", "vsr-protocol", "journal", "grid", "lsm", "state-machine", "aof", "client"],
    deterministic: true,
  },
};
