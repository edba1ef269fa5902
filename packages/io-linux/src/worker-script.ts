/**
 * The scripts of other threads, which lie beside the modules that start them.
 *
 * @module
 */

/**
 * Where the script `name`, without its ending, is: beside the module of this URL (`import.meta.url`), with the same ending. Files
 * that are run from their sources have another one than those that were built.
 */
export function workerScript(name: string, moduleUrl: string): URL {
  return new URL(`./${name}${moduleUrl.slice(moduleUrl.lastIndexOf("."))}`, moduleUrl);
}
