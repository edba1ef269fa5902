/**
 * The configurations that simulations run with.
 *
 * @module
 */
import {
  checkpointAfter,
  type Config,
  createConfig,
  PRODUCTION_CLUSTER,
  TEST_MIN,
  TEST_MIN_CLUSTER,
  TEST_MIN_PROCESS,
  trigger,
} from "@stagbeetle/vsr-protocol";
import { assert } from "@stagbeetle/kernels";

const KIB = 1024;

/** Messages of four sectors, so that a write can be torn; otherwise the smallest. */
const WIDE: Config = createConfig({ ...TEST_MIN_CLUSTER, messageSizeMax: 16 * KIB }, TEST_MIN_PROCESS, "wide");

/** A log as long as in production, of small messages. */
const LONG: Config = createConfig(
  { ...PRODUCTION_CLUSTER, clientsMax: 14, messageSizeMax: 4 * KIB, blockSize: 4 * KIB },
  TEST_MIN_PROCESS,
  "long",
);

/** All of them, by name. */
export const CONFIGURATIONS: { readonly testMin: Config; readonly wide: Config; readonly long: Config } = {
  testMin: TEST_MIN,
  wide: WIDE,
  long: LONG,
};

/** The last op that a log can take whose state machine writes no checkpoints. */
export function opMaxWithoutCheckpoint(config: Config): number {
  const first = trigger(config, checkpointAfter(config, 0));
  assert(first !== null, "the first checkpoint has a trigger");
  return first - 1;
}
