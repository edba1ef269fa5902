/**
 * The compliance suite of the ports to files: what every implementation has to do, as cases without a test framework.
 *
 * @example
 * ```ts
 * import { fileCompliance } from "@stagbeetle/aof/compliance";
 *
 * for (const { name, run } of fileCompliance) test(name, () => run(createSubject));
 * ```
 *
 * @packageDocumentation
 */
export { fileCompliance } from "./file.ts";
export type { FileSubject } from "./file.ts";
