/**
 * Reservations: how jobs that run at the same time get the same addresses on every replica (spec 04 §15.3).
 *
 * @module
 */

/**
 * A run of blocks of which one job may acquire the free ones. It spans acquired blocks that lie in between; they do not
 * count.
 */
export interface Reservation {
  /** Index of the first block: its address less one. */
  readonly base: number;
  /** How many blocks, free or not. */
  readonly count: number;
  /** Which round of reservations it belongs to: all of a round are forfeited before the next begins. */
  readonly session: number;
}
