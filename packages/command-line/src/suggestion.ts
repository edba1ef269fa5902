/**
 * "Did you mean …?": the known word that a mistyped one was probably meant to be.
 */

/** Longer words are not compared: nobody mistypes a flag of that length, and the comparison is quadratic. */
const LENGTH_MAX = 64;

/** A word may differ in a third of its letters, at least in one. */
const DISTANCE_SHARE = 3;

/** The known word closest to `word`, or null if none is close. */
export function suggestion(word: string, known: readonly string[]): string | null {
  if (word.length === 0 || word.length > LENGTH_MAX) return null;
  let closest: string | null = null;
  let closestDistance = Math.max(1, Math.floor(word.length / DISTANCE_SHARE)) + 1;
  for (const candidate of known) {
    const distance = editDistance(word, candidate);
    if (distance < closestDistance) [closest, closestDistance] = [candidate, distance];
  }
  return closest;
}

/** How many letters must be inserted, removed, replaced or swapped with their neighbour: optimal string alignment. */
export function editDistance(a: string, b: string): number {
  let beforeLast: number[] = [];
  let last = Array.from({ length: b.length + 1 }, (_, column) => column);
  for (let row = 1; row <= a.length; row++) {
    const current = [row];
    for (let column = 1; column <= b.length; column++) {
      const same = a[row - 1] === b[column - 1];
      let distance = Math.min(at(last, column) + 1, at(current, column - 1) + 1, at(last, column - 1) + (same ? 0 : 1));
      const swapped = row > 1 && column > 1 && a[row - 1] === b[column - 2] && a[row - 2] === b[column - 1];
      if (swapped) distance = Math.min(distance, at(beforeLast, column - 2) + 1);
      current.push(distance);
    }
    [beforeLast, last] = [last, current];
  }
  return at(last, b.length);
}

function at(row: readonly number[], column: number): number {
  return row[column] ?? Number.POSITIVE_INFINITY;
}
