/**
 * Which package may import which, as data, and the lint rules made from it.
 *
 * @packageDocumentation
 */
export { boundaries } from "./rules.ts";
