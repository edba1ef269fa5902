/**
 * Where simulated clients get their requests from.
 *
 * @module
 */
/** A request that a client is to make. */
export interface WorkloadRequest {
  readonly operation: number;
  readonly body: Uint8Array;
}

/** Makes requests, without end. */
export interface Workload {
  /** @param bodySizeMax what the cluster takes from a client. */
  next(bodySizeMax: number): WorkloadRequest;
  /** A request whose answer shows the state as a whole, or as much of it as fits: for the end of a run. */
  readBack(bodySizeMax: number): WorkloadRequest;
}
