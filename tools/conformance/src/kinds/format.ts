/**
 * Freshly formatted data files: `stagbeetle format` writes the same bytes.
 *
 * @module
 */
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";

import { runProgramSuccessfully } from "@stagbeetle/processes";

import { type Artefact, different, equal, type Kind, type Outcome } from "../artefact.ts";
import { streamDecompressed } from "../containers/zstd.ts";
import { compareDataFile } from "../data-file.ts";

/** One entry of `files.json`. */
interface Formatted {
  readonly name: string;
  readonly cluster: string;
  readonly replica?: number;
  readonly standby?: number;
  readonly count: number;
  readonly development?: boolean;
}

function flags(formatted: Formatted): readonly string[] {
  const member = formatted.standby === undefined ? `--replica=${formatted.replica}` : `--standby=${formatted.standby}`;
  const development = formatted.development === true ? ["--development"] : [];
  return [`--cluster=${formatted.cluster}`, member, `--replica-count=${formatted.count}`, ...development];
}

async function check(formatted: Formatted, recording: string): Promise<Outcome> {
  const directory = await mkdtemp(join(tmpdir(), "stagbeetle-conformance-"));
  try {
    const path = join(directory, `${formatted.name}.stagbeetle`);
    await runProgramSuccessfully(["format", ...flags(formatted), path]);
    const { sizeBytes, difference } = await compareDataFile(path, streamDecompressed(recording));
    return difference === null ? equal(`${sizeBytes} bytes of the formatted file`) : different(difference);
  } finally {
    await rm(directory, { recursive: true });
  }
}

export const format: Kind = {
  name: "format",
  async discover(root, files) {
    const artefacts: Artefact[] = [];
    for (const index of files.filter((file) => file.endsWith("files.json"))) {
      const entries = JSON.parse(await readFile(join(root, index), "utf8")) as readonly Formatted[];
      for (const formatted of entries) {
        const name = join(dirname(index), formatted.name);
        const recording = files.find((file) => file === `${name}.tigerbeetle.zst` || file === `${name}.tigerbeetle`);
        if (recording === undefined) continue;
        artefacts.push({ name, kind: "format", check: () => check(formatted, join(root, recording)) });
      }
    }
    return artefacts;
  },
};
