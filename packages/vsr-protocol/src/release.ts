/**
 * Releases: versions of the software, as a u32 (spec 01 §3.3).
 *
 * @module
 */
import { assert } from "@stagbeetle/kernels";

/**
 * A version triple packed as `major`·65536 + `minor`·256 + `patch`. Releases compare as numbers; 0 is no release.
 */
export type Release = number;

/** No release: the value in the headers of most messages between replicas. */
const RELEASE_NONE: Release = 0;

/** The smallest release, 0.0.1: that of development builds. */
export const RELEASE_MINIMUM: Release = 1;

/** The major version kept for test builds, which refuse to run with a cluster id other than 0. */
export const RELEASE_MAJOR_TEST = 65_535;

/** Packs a version triple. */
export function releaseOf(major: number, minor: number, patch: number): Release {
  assert(major >>> 0 === major && major <= 0xffff, () => `not a major version: ${major}`);
  assert(minor >>> 0 === minor && minor <= 0xff, () => `not a minor version: ${minor}`);
  assert(patch >>> 0 === patch && patch <= 0xff, () => `not a patch version: ${patch}`);
  return major * 65_536 + minor * 256 + patch;
}

/** The textual form `major.minor.patch`, for example `0.17.9`. */
export function formatRelease(release: Release): string {
  assert(release >>> 0 === release, () => `not a release: ${release}`);
  return `${release >>> 16}.${(release >>> 8) & 0xff}.${release & 0xff}`;
}

const TRIPLE = /^(0|[1-9][0-9]{0,4})\.(0|[1-9][0-9]{0,2})\.(0|[1-9][0-9]{0,2})$/u;

/** Reads the textual form: three decimal numbers without signs or leading zeros. Null for everything else. */
export function parseRelease(text: string): Release | null {
  const triple = TRIPLE.exec(text);
  if (triple === null) return null;
  const [major, minor, patch] = [Number(triple[1]), Number(triple[2]), Number(triple[3])];
  if (major > 0xffff || minor > 0xff || patch > 0xff) return null;
  return releaseOf(major, minor, patch);
}

/** The size of a release in a list of releases, in bytes. */
export const RELEASE_SIZE_BYTES = 4;

/** Whether `releases` is a list of releases: not empty, strictly increasing, without 0, at most `releasesMax` long. */
export function releaseListValid(releases: readonly Release[], releasesMax: number): boolean {
  return (
    releases.length > 0 &&
    releases.length <= releasesMax &&
    releases.every((release, index) => release > (index === 0 ? RELEASE_NONE : (releases[index - 1] ?? release)))
  );
}

/** Reads the first `count` releases of the body of a `ping` (4 bytes each). */
export function readReleaseList(body: Uint8Array, count: number): Release[] {
  assert(count * RELEASE_SIZE_BYTES <= body.length, () => `${count} releases in ${body.length} bytes`);
  const view = new DataView(body.buffer, body.byteOffset, body.byteLength);
  return Array.from({ length: count }, (_, index) => view.getUint32(index * RELEASE_SIZE_BYTES, true));
}

/** Writes the body of a `ping`: the releases, then zeros. */
export function writeReleaseList(body: Uint8Array, releases: readonly Release[]): void {
  assert(releaseListValid(releases, Math.floor(body.length / RELEASE_SIZE_BYTES)), () => `releases ${releases.join()}`);
  body.fill(0);
  const view = new DataView(body.buffer, body.byteOffset, body.byteLength);
  for (const [index, release] of releases.entries()) view.setUint32(index * RELEASE_SIZE_BYTES, release, true);
}
