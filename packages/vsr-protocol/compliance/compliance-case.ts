/**
 * How the compliance suites of the ports are made.
 *
 * A suite is a list of cases, each a fact about the port. It knows no test framework: hand each case a function that
 * creates the implementation, and report its name if it throws.
 *
 * @module
 */
import { AssertionError } from "@stagbeetle/kernels";

/** Something that a case works on and gives back. */
export interface Subject {
  /** Lets the implementation work until `condition` holds. Rejects if it never does. */
  until(condition: () => boolean): Promise<void>;
  /** Gives back everything. Called once, after the case, whether it passed or not. */
  close(): Promise<void>;
}

/**
 * One fact about a port.
 *
 * @example
 * ```ts
 * for (const { name, run } of storageCompliance) test(name, () => run(createSubject));
 * ```
 */
export interface ComplianceCase<Create> {
  /** The fact, as a sentence. */
  readonly name: string;
  /** Rejects if the implementation that `create` makes does not behave so. */
  readonly run: (create: Create) => Promise<void>;
}

/** Makes a case of a function that checks a new subject, which is closed afterwards. */
export function complianceCase<Checked extends Subject>(
  name: string,
  check: (subject: Checked) => Promise<void>,
): ComplianceCase<() => Promise<Checked>> {
  return {
    name,
    async run(create) {
      const subject = await create();
      try {
        await check(subject);
      } finally {
        await subject.close();
      }
    },
  };
}

/** Lets the implementation work for some turns, in which something must not happen. */
export async function aWhile(subject: Subject): Promise<void> {
  let turns = 0;
  await subject.until(() => {
    turns += 1;
    return turns > 20;
  });
}

/** Asserts that `call` finds a mistake of its caller. */
export function assertRefuses(what: string, call: () => void): void {
  try {
    call();
  } catch (error) {
    if (error instanceof AssertionError) return;
    throw error;
  }
  throw new AssertionError(`${what} was not refused`);
}

/** Asserts that two sequences of bytes are the same, and says where they first differ. */
export function assertBytes(what: string, actual: Uint8Array, expected: Uint8Array): void {
  if (actual.length !== expected.length) {
    throw new AssertionError(`${what}: ${actual.length} instead of ${expected.length} bytes`);
  }
  const at = actual.findIndex((byte, index) => byte !== expected[index]);
  if (at !== -1) throw new AssertionError(`${what}: byte ${at} is ${actual[at]} instead of ${expected[at]}`);
}
