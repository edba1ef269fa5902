/**
 * Runs a scenario from its text.
 *
 * @module
 */
import { createWorld, execute } from "./commands.ts";
import { parseScript, renderScript, type Step } from "./script.ts";
import type { World } from "./world.ts";

/** How a scenario went. */
export interface ScenarioResult {
  readonly title: string;
  /** The text with what the commands really showed. */
  readonly text: string;
  /** Facts that did not hold, one line each, with the line of the scenario. The first ends the run. */
  readonly failures: readonly string[];
  /** How it stood at the end. */
  readonly end: string;
}

/** Plays it through, or up to the first fact that does not hold. @throws TypeError if the text is not a scenario. */
export function runScenario(text: string): ScenarioResult {
  const script = parseScript(text);
  const played: Step[] = [];
  const failures: string[] = [];
  let world: World | null = null;
  for (const step of script.steps) {
    if (world === null) {
      world = createWorld(step);
      played.push(step);
      continue;
    }
    const outcome = failures.length === 0 ? execute(world, step) : { output: step.output, failures: [] };
    failures.push(...outcome.failures.map((failure) => `line ${step.line}: ${step.text}: ${failure}`));
    played.push({ ...step, output: outcome.output });
  }
  const end = world?.cluster.describe() ?? "";
  return { title: script.title, text: renderScript({ ...script, steps: played }), failures, end };
}
