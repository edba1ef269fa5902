/**
 * What makes time pass for a replica (spec 03 §5, spec 06 §4.3).
 *
 * @module
 */
import { assert } from "@stagbeetle/kernels";

/** Something that time passes for: a replica, a message bus. */
export interface Ticking {
  tick(): void;
}

/** How to make an event loop. */
export interface EventLoopOptions {
  /** The length of a tick in milliseconds: `config.process.tickMs`. */
  readonly tickMs: number;
  /** What is ticked, in this order. */
  readonly ticking: readonly Ticking[];
  /** Is told how long each tick took (ns). Null, the default, measures nothing. */
  readonly onTick?: ((durationNs: number) => void) | null;
}

const NS_PER_MS = 1_000_000;

/**
 * Ticks every `tickMs`; Node runs completions and received messages in between.
 *
 * A tick that comes late, because something took long, is not made up for: timeouts count how often the process had the
 * chance to act, so that one which was asleep does not take everybody else for dead at once.
 */
export class EventLoop {
  readonly #options: EventLoopOptions;
  #timer: NodeJS.Timeout | null = null;

  constructor(options: EventLoopOptions) {
    assert(options.tickMs > 0, () => `a tick of ${options.tickMs} ms`);
    this.#options = options;
  }

  /** Begins to tick, and keeps the process alive until `stop`. */
  start(): void {
    assert(this.#timer === null, "the event loop runs already");
    this.#timer = setInterval(() => this.#tick(), this.#options.tickMs);
  }

  /** Ends the ticking. What is under way still completes. May be called from within a tick, and more than once. */
  stop(): void {
    if (this.#timer === null) return;
    clearInterval(this.#timer);
    this.#timer = null;
  }

  #tick(): void {
    const { onTick = null } = this.#options;
    const beganMs = onTick === null ? 0 : performance.now();
    this.#tickAll();
    onTick?.(Math.round((performance.now() - beganMs) * NS_PER_MS));
  }

  #tickAll(): void {
    for (const member of this.#options.ticking) {
      // A member may have stopped the loop.
      if (this.#timer !== null) member.tick();
    }
  }
}
