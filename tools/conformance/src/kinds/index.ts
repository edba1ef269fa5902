/**
 * All kinds of golden data, in the order in which they are compared: the cheap ones first.
 *
 * @module
 */
import type { Kind } from "../artefact.ts";
import { accounting } from "./accounting.ts";
import { blocks } from "./blocks.ts";
import { bulkFile } from "./bulk-file.ts";
import { corpusFile } from "./corpus-file.ts";
import { dataFile } from "./data-file.ts";
import { format } from "./format.ts";
import { frames } from "./frames.ts";
import { inspect } from "./inspect.ts";
import { lsm } from "./lsm.ts";
import { manifest } from "./manifest.ts";
import { session } from "./session.ts";
import { standIn } from "./stand-in.ts";
import { viewChange } from "./view-change.ts";

export const kinds: readonly Kind[] = [
  frames,
  viewChange,
  lsm,
  accounting,
  session,
  standIn,
  format,
  blocks,
  manifest,
  inspect,
  dataFile,
  corpusFile,
  bulkFile,
];
