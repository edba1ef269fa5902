/**
 * The echo machine with its operation, its store and its workload. Exported as a namespace: `echo.Operation.echo`.
 *
 * @module
 */
export { EchoStateMachine } from "./echo.ts";
export type { Options } from "./echo.ts";
export { Operation, operationFromVsr } from "./operation.ts";
export { Thing, THING_LAYOUT, THING_SIZE_BYTES, ThingGroove } from "./thing.ts";
export { Workload } from "./workload.ts";
export type { WorkloadOptions, WorkloadRequest } from "./workload.ts";
