/**
 * The echo machine with its operation, its store and its workload. Exported as a namespace: `echo.Operation.echo`.
 *
 * @module
 */
export { EchoStateMachine } from "./echo.ts";
export type { Options } from "./echo.ts";
export {
  batchLogicalAllowed,
  Demuxer,
  EVENT_SIZE_BYTES,
  Operation,
  operationFromVsr,
  RESULT_SIZE_BYTES,
} from "./operation.ts";
export { Thing, THING_LAYOUT, THING_SIZE_BYTES, ThingGroove } from "./thing.ts";
export { Workload } from "./workload.ts";
export type { WorkloadOptions, WorkloadRequest } from "./workload.ts";
