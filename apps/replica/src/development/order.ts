/**
 * What can be typed while a cluster for development runs.
 */

/** The verbs, and what they do. All but the last two take indexes of replicas: `kill 1`, `pause 0 2`. */
export const VERBS = {
  kill: "ends replicas as a power failure would: kill 1",
  stop: "ends replicas in order: stop 0 2",
  start: "starts replicas again: start 1",
  pause: "freezes replicas, as if they were cut off: pause 1",
  resume: "lets them go on: resume 1",
  status: "says which replicas run",
  quit: "stops everything",
} as const;

/** What to do. */
export type Verb = keyof typeof VERBS;

/** A line that was understood, or what is wrong with it. */
export type Order = { readonly verb: Verb; readonly replicas: readonly number[] } | { readonly mistake: string };

const WITHOUT_REPLICAS: readonly Verb[] = ["status", "quit"];

/** Reads one line. @param replicaCount how many replicas there are. */
export function parseOrder(line: string, replicaCount: number): Order {
  const [verb = "", ...words] = line.trim().split(/\s+/u);
  if (!isVerb(verb)) return { mistake: `unknown: '${verb}'; there is ${Object.keys(VERBS).join(", ")}` };
  if (WITHOUT_REPLICAS.includes(verb)) {
    return words.length === 0 ? { verb, replicas: [] } : { mistake: `${verb} takes no index` };
  }
  if (words.length === 0) return { mistake: `which? for example: ${verb} ${replicaCount - 1}` };
  const wrong = words.find((word) => !/^\d+$/u.test(word) || Number(word) >= replicaCount);
  if (wrong !== undefined) return { mistake: `no replica '${wrong}': 0 to ${replicaCount - 1}` };
  return { verb, replicas: words.map(Number) };
}

function isVerb(word: string): word is Verb {
  return Object.hasOwn(VERBS, word);
}
