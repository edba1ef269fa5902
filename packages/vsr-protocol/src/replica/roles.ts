/**
 * Who leads and who follows (spec 03 §4.1).
 *
 * @module
 */
import type { Identity } from "./identity.ts";
import type { Status } from "./status.ts";
import type { DurableView } from "./view-durable.ts";

/** What a role follows from. */
export interface RolesOptions {
  readonly identity: Pick<Identity, "primaryOf" | "primaryIndex">;
  readonly status: Pick<Status, "normal">;
  readonly view: Pick<DurableView, "view">;
}

/** The role of this replica in its view. There are roles in status normal only; a standby is always a backup. */
export class Roles {
  readonly #options: RolesOptions;

  constructor(options: RolesOptions) {
    this.#options = options;
  }

  /** Whether this replica orders the requests of the view. */
  get primary(): boolean {
    return this.#options.status.normal && this.ofPrimary;
  }

  /** Whether this node follows the primary of the view. */
  get backup(): boolean {
    return this.#options.status.normal && !this.ofPrimary;
  }

  /** Whether the view is one that this replica leads, or will lead once the view has started. Any status. */
  get ofPrimary(): boolean {
    const { identity, view } = this.#options;
    return identity.primaryOf(view.view);
  }

  /** The index of the replica that leads the view, or will lead it. */
  get primaryIndex(): number {
    const { identity, view } = this.#options;
    return identity.primaryIndex(view.view);
  }
}
