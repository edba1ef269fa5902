/**
 * The scripts of other threads and processes, which modules start.
 *
 * @module
 */
import { assert } from "@stagbeetle/kernels";

/**
 * Where a script is that a module starts, with the module's own ending: files that are run from their sources have another one
 * than those that were built.
 *
 * @param path the script without its ending, relative to the module: `worker`, `../main`.
 * @param moduleUrl the module's `import.meta.url`.
 */
export function scriptUrl(path: string, moduleUrl: string): URL {
  const ending = moduleUrl.slice(moduleUrl.lastIndexOf("."));
  assert(ending === ".ts" || ending === ".js", () => `${moduleUrl} is no module from source or as built`);
  return new URL(`${path}${ending}`, moduleUrl);
}
