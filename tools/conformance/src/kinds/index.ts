/**
 * All kinds of golden data, in the order in which they are compared: the cheap ones first.
 *
 * @module
 */
import type { Kind } from "../artefact.ts";
import { format } from "./format.ts";
import { frames } from "./frames.ts";
import { lsm } from "./lsm.ts";

export const kinds: readonly Kind[] = [frames, lsm, format];
