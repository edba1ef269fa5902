/**
 * The release that this client speaks.
 */
import { type Release, releaseOf } from "@stagbeetle/vsr-protocol";

/** The official client's whose behaviour this one has. */
export const RELEASE: Release = releaseOf(0, 17, 9);

/** The oldest whose operations are those of this client: before it, results had another form. */
export const RELEASE_MIN: Release = releaseOf(0, 17, 0);
