/**
 * Where time goes: each moment counts for the innermost phase that is under way. It is the time that this thread was on a
 * processor, so that other work on the machine disturbs less.
 */

/** Milliseconds that this thread has worked. */
export function threadMs(): number {
  const { user, system } = process.threadCpuUsage();
  return (user + system) / 1000;
}

/** Adds up the time of phases by name. */
export class Phases {
  readonly #totals = new Map<string, number>();
  readonly #outer: string[] = [];
  #current = "elsewhere";
  #since = 0;

  /** Begins a phase within the one under way. */
  enter(name: string): void {
    this.#switch();
    this.#outer.push(this.#current);
    this.#current = name;
  }

  /** Ends the phase under way and goes on with the one around it. */
  leave(): void {
    this.#switch();
    this.#current = this.#outer.pop() ?? "elsewhere";
  }

  /** Does something as one phase. */
  measure<Result>(name: string, work: () => Result): Result {
    this.enter(name);
    try {
      return work();
    } finally {
      this.leave();
    }
  }

  /** The same function, whose calls are a phase. */
  timed<Parameters extends unknown[], Result>(
    name: string,
    work: (...parameters: Parameters) => Result,
  ): (...parameters: Parameters) => Result {
    return (...parameters) => this.measure(name, () => work(...parameters));
  }

  /** Forgets what was measured so far. */
  clear(): void {
    this.#switch();
    this.#totals.clear();
  }

  /** Milliseconds of a phase. */
  totalMs(name: string): number {
    return this.#totals.get(name) ?? 0;
  }

  #switch(): void {
    const now = threadMs();
    if (this.#since > 0) this.#totals.set(this.#current, this.totalMs(this.#current) + now - this.#since);
    this.#since = now;
  }
}
