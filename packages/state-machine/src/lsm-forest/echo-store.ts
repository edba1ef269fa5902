/**
 * The echo machine on a data file: the smallest state machine that writes checkpoints.
 *
 * @module
 */
import { EchoStateMachine } from "../echo/echo.ts";
import { ThingGroove } from "../echo/thing.ts";
import { type DataFileStore, dataFileStore, type DataFileStoreOptions } from "./data-file-store.ts";

/** What the machine and its store are made of. */
export interface EchoStoreOptions extends DataFileStoreOptions {
  /** The most bytes of a request's body. */
  readonly batchSizeLimit: number;
}

/** A machine whose state is in the data file, and where its checkpoints are kept. None of it is open. */
export interface EchoStore extends DataFileStore {
  readonly stateMachine: EchoStateMachine;
}

/** An op looks up one thing and inserts one. */
const LIMITS = { keysPerOp: 1, objectsPerOp: 1, cacheObjects: 0 } as const;

/** Allocates the machine and all that it stands on. Nothing is read or written yet. */
export function echoStore(options: EchoStoreOptions): EchoStore {
  const { batchSizeLimit } = options;
  const store = dataFileStore(options, { grooves: [ThingGroove], limitsOf: () => LIMITS });
  return { ...store, stateMachine: new EchoStateMachine({ forest: store.forest, batchSizeLimit }) };
}
