/**
 * The release of the server that was recorded, where its recording does not say otherwise.
 *
 * @module
 */
import { type Release, releaseOf } from "@stagbeetle/vsr-protocol";

export const RECORDED_RELEASE: Release = releaseOf(0, 17, 9);

/** The oldest client that it accepted. */
export const RECORDED_RELEASE_CLIENT_MIN: Release = releaseOf(0, 17, 0);
