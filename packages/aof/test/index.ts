/**
 * For tests outside of this package: logs, prepare by prepare. Not published.
 */
export { chain, fileOf, RELEASE } from "./log.ts";
