/**
 * A cluster that does not answer, which a client waits for as long as it takes: somebody has to hear of it.
 */

/** How long nothing is answered until that is said, and then again. */
const SILENCE_MS = 5000;

/** Counts answers, and says so if there are none for a while. */
export class Silence {
  readonly #timer: NodeJS.Timeout;
  #answers = 0;

  /** @param say is called every five seconds in which nothing was answered. */
  constructor(say: () => void) {
    this.#timer = setInterval(() => {
      if (this.#answers === 0) say();
      this.#answers = 0;
    }, SILENCE_MS);
  }

  /** Something was answered. */
  onAnswer(): void {
    this.#answers += 1;
  }

  /** Listens no more. */
  end(): void {
    clearInterval(this.#timer);
  }
}
