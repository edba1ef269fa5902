/**
 * What `inspect` prints: of every recorded data file, and of the constants of the release, line by line.
 *
 * Left out: the times of `integrity`; what the reference could not print because it crashed (`grid` while nothing has been
 * released yet, the last line of `integrity` on an empty grid); and texts whose data file is not stored (`big`).
 *
 * @module
 */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { basename, dirname, join } from "node:path";

import { type Finished, runProgramManyTimes } from "@stagbeetle/processes";

import { type Artefact, different, equal, type Kind, type Outcome } from "../artefact.ts";
import { readDecompressed, streamDecompressed, withoutCompression } from "../containers/zstd.ts";
import { writeSparse } from "../sparse-file.ts";

/** One run of the program and what the reference printed. */
interface Expectation {
  /** Behind `inspect`. */
  readonly parameters: readonly string[];
  /** Without times. */
  readonly lines: readonly string[];
  /** Where to look for them. */
  readonly stream: "stdout" | "stderr";
  /** The reference crashed there: what follows is not compared. */
  readonly incomplete: boolean;
}

const TEXT = /^(?<of>.*)\.inspect-(?<subject>[a-z]+)\.txt$/;
const COMMAND_LINE = "$ inspect ";
const CRASH = /^(?:\[exit |thread \d+ panic)/;

function linesOf(text: string): readonly string[] {
  if (text === "") return [];
  return text.split("\n").slice(0, text.endsWith("\n") ? -1 : undefined);
}

/** Cut at a crash of the reference. */
function completeLines(all: readonly string[]): Pick<Expectation, "lines" | "incomplete"> {
  const crash = all.findIndex((line) => CRASH.test(line));
  return { lines: crash === -1 ? all : all.slice(0, crash), incomplete: crash !== -1 };
}

/** The runs that one recorded text is of. */
function expectationsOf(subject: string, text: string): readonly Expectation[] {
  switch (subject) {
    case "op":
    case "tables":
      return transcript(text);
    case "integrity": {
      const recorded = completeLines(linesOf(text));
      const lines = recorded.lines.filter((line) => line !== "" && !line.startsWith("exit status:"));
      return [{ ...recorded, lines, parameters: [subject, "--seed=1"], stream: "stderr" }];
    }
    default:
      return [{ ...completeLines(linesOf(text)), parameters: [subject], stream: "stdout" }];
  }
}

/** Command lines, each with what it printed and an empty line. */
function transcript(text: string): readonly Expectation[] {
  return text
    .split(COMMAND_LINE)
    .slice(1)
    .map((run) => {
      const [command = "", ...printed] = linesOf(run);
      const lines = printed.at(-1) === "" ? printed.slice(0, -1) : printed;
      return { parameters: command.split(" "), lines, stream: "stdout", incomplete: false };
    });
}

const LOG_TIME = /^\S+ \S+Z /;
const DURATION = /in \d+ms\. \(\d+MiB\/s\)$/;

/** What the program printed, without times, and without lines of the log about other things. */
function printedLines({ stream }: Expectation, stdout: string, stderr: string): readonly string[] {
  if (stream === "stdout") return linesOf(stdout);
  return linesOf(stderr)
    .map((line) => line.replace(LOG_TIME, "").replace(DURATION, ""))
    .filter((line) => line.includes("(integrity): "));
}

function problemOf(expectation: Expectation, { status, stdout, stderr }: Finished): string | null {
  const { parameters, lines, incomplete } = expectation;
  const command = `inspect ${parameters.join(" ")}`;
  if (status !== 0) return `${command} ended with status ${status}: ${stderr.trim()}`;
  const printed = printedLines(expectation, stdout, stderr);
  const at = lines.findIndex((line, index) => line !== printed[index]);
  if (at !== -1) return `${command}: line ${at + 1} is ${printed[at] ?? "missing"}, recorded ${lines[at]}`;
  if (incomplete || printed.length === lines.length) return null;
  return `${command}: ${printed.length} lines, recorded ${lines.length}`;
}

async function firstProblem(expectations: readonly Expectation[], path: string | null): Promise<string | null> {
  const file = path === null ? [] : [path];
  const runs = expectations.map(({ parameters }) => ["inspect", ...parameters, ...file]);
  for (const [index, finished] of (await runProgramManyTimes(runs)).entries()) {
    const expectation = expectations[index];
    if (expectation === undefined) throw new Error(`${expectations.length} runs, and more results`);
    const problem = problemOf(expectation, finished);
    if (problem !== null) return problem;
  }
  return null;
}

async function expectationsIn(root: string, texts: readonly Text[]): Promise<readonly Expectation[]> {
  const all = texts.map(async ({ file, subject }) => {
    const bytes = await readDecompressed(join(root, file));
    return expectationsOf(subject, Buffer.from(bytes).toString("utf8"));
  });
  return (await Promise.all(all)).flat();
}

async function check(root: string, dataFile: string | null, texts: readonly Text[]): Promise<Outcome> {
  const expectations = await expectationsIn(root, texts);
  const directory = await mkdtemp(join(tmpdir(), "stagbeetle-conformance-"));
  try {
    const path = join(directory, "0_0.stagbeetle");
    if (dataFile !== null) await writeSparse(path, streamDecompressed(join(root, dataFile)));
    const problem = await firstProblem(expectations, dataFile === null ? null : path);
    if (problem !== null) return different(problem);
    const lineCount = expectations.reduce((total, { lines }) => total + lines.length, 0);
    return equal(`${lineCount} lines of ${expectations.length} runs`);
  } finally {
    await rm(directory, { recursive: true });
  }
}

/** A recorded text. */
interface Text {
  readonly file: string;
  readonly subject: string;
}

export const inspect: Kind = {
  name: "inspect",
  discover(root, files) {
    const artefacts: Artefact[] = [];
    for (const dataFile of files.filter((file) => withoutCompression(file).endsWith(".tigerbeetle"))) {
      const name = withoutCompression(dataFile).slice(0, -".tigerbeetle".length);
      const texts = files.flatMap((file) => {
        const { of, subject } = TEXT.exec(withoutCompression(file))?.groups ?? {};
        return of === name && subject !== undefined ? [{ file, subject }] : [];
      });
      if (texts.length === 0) continue;
      artefacts.push({ name, kind: "inspect", check: () => check(root, dataFile, texts) });
    }
    for (const file of files) {
      const subject = /^inspect-(constants|metrics|op)\.txt$/.exec(basename(file))?.[1];
      if (subject === undefined) continue;
      const name = join(dirname(file), `inspect-${subject}`);
      artefacts.push({ name, kind: "inspect", check: () => check(root, null, [{ file, subject }]) });
    }
    return Promise.resolve(artefacts);
  },
};
