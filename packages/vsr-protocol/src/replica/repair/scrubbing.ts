/**
 * When to scrub the grid (spec 03 §23.4).
 *
 * @module
 */
import type { Scrubber } from "../../ports/grid.ts";
import type { Timeout } from "../../timeout.ts";

/** What scrubbing depends on. */
export interface ScrubbingOptions {
  readonly scrubber: Scrubber;
  /** Whether the state machine is open, and so the grid. */
  readonly stateMachineOpened: () => boolean;
  /** Whether a state sync is under way, or tables of one are still to be fetched: then blocks are known to be missing. */
  readonly contentSyncing: () => boolean;
}

/** Lets the scrubber go on, so often that a tour takes the configured time. */
export class Scrubbing {
  readonly #options: ScrubbingOptions;

  constructor(options: ScrubbingOptions) {
    this.#options = options;
  }

  /** `grid_scrub` fired. */
  onTimeout(timeout: Timeout): void {
    const { scrubber, stateMachineOpened, contentSyncing } = this.#options;
    timeout.reset();
    if (!stateMachineOpened() || contentSyncing()) return;
    timeout.setAfterDynamicTicks(scrubber.intervalTicks);
    scrubber.scrub();
  }
}
