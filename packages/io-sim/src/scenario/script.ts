/**
 * Scenarios as text: commands to a cluster, and under each of them what is expected to come of it.
 *
 * ```text
 * # R4: a damaged root prepare is repaired          title; further lines with # tell the story
 * cluster replicas=3                                a command
 * stop R0
 * corrupt R0 prepare 0
 * open R0
 * requests 1 => 1 replies                           a fact: never rewritten
 * expect R* commit=1                                facts
 * show R*                                           what follows, indented, is the expected output: rewritten on request
 *   R0 backup  normal view=1 head=1 commit=1/1 checkpoint=0
 * ```
 *
 * @module
 */

/** One command and what is expected of it. */
export interface Step {
  /** From 1. */
  readonly line: number;
  /** Empty lines and comments before it, as they are. */
  readonly before: readonly string[];
  /** The command as it was written. */
  readonly text: string;
  readonly name: string;
  readonly words: readonly string[];
  /** What stands behind `=>`; null if nothing. */
  readonly fact: string | null;
  /** The expected output, without indentation. */
  readonly output: readonly string[];
}

/** A scenario as it was written. */
export interface Script {
  readonly title: string;
  readonly steps: readonly Step[];
  /** Empty lines and comments after the last step. */
  readonly after: readonly string[];
}

const INDENTATION = "  ";

/** Reads a scenario. @throws TypeError if it is not one. */
export function parseScript(text: string): Script {
  const lines = text.replace(/\n$/, "").split("\n");
  const [first = ""] = lines;
  if (!first.startsWith("# ")) throw new TypeError("a scenario begins with '# ' and its title");
  const steps: Step[] = [];
  let before: string[] = [first];
  for (const [index, line] of lines.entries()) {
    if (index === 0) continue;
    if (line === "" || line.startsWith("#")) {
      before.push(line);
      continue;
    }
    if (line.startsWith(INDENTATION)) {
      const step = steps.pop();
      if (step === undefined || before.length > 0) throw new TypeError(`line ${index + 1}: output of no command`);
      steps.push({ ...step, output: [...step.output, line.slice(INDENTATION.length)] });
      continue;
    }
    steps.push({ ...parseCommand(line), line: index + 1, before, text: line, output: [] });
    before = [];
  }
  return { title: first.slice(2), steps, after: before };
}

/** Writes a scenario with other outputs. */
export function renderScript({ steps, after }: Script): string {
  const lines = steps.flatMap(({ before, text, output }) => [
    ...before,
    text,
    ...output.map((line) => `${INDENTATION}${line}`),
  ]);
  return `${[...lines, ...after].join("\n")}\n`;
}

/** Splits a command into words; what is in double quotes is one word. */
function parseCommand(line: string): Pick<Step, "name" | "words" | "fact"> {
  const [command = "", fact] = line.split(" => ", 2);
  const [name = "", ...words] = command.match(/"[^"]*"|\S+/g) ?? [];
  return { name, words: words.map((word) => word.replaceAll('"', "")), fact: fact ?? null };
}
