/**
 * The ports of vsr-protocol for real: files opened for direct I/O, TCP sockets and the system's clocks.
 *
 * @packageDocumentation
 */

// The data file.
export { DataFile, openDataFile } from "./data-file.ts";
export type { DataFileKind, DataFileOptions, DataFilePurpose } from "./data-file.ts";
export { DataFileError, dataFileError } from "./data-file-error.ts";
export type { DataFileErrorCode } from "./data-file-error.ts";
export type { DirectIoMode } from "./direct-io.ts";
export type { ReservationMode } from "./reservation.ts";
export { FileStorage, WriteError } from "./storage.ts";
export type { FileStorageOptions, FileTransfers, RequestObserver, Transfer, TransferCallback } from "./storage.ts";

// Room for what memory has no room for.
export { openSpillFile, SpillFile } from "./spill-file.ts";
export type { SpillCalls } from "./spill-file.ts";

// Checksums on another thread.
export { ChecksumThread } from "./checksum-thread/checksum-thread.ts";
export type { ChecksumThreadOptions } from "./checksum-thread/checksum-thread.ts";

// Append-only files.
export { openAppendFile, openReadableFile, SystemAppendFile } from "./append-file.ts";
export type { AppendCalls, AppendFileOptions } from "./append-file.ts";

// The network.
export { ListenError } from "./message-bus/listener.ts";
export type { ListenErrorCode } from "./message-bus/listener.ts";
export { connectionsMax, MessageBus } from "./message-bus/message-bus.ts";
export type { MessageBusOptions, MessageBusRole } from "./message-bus/message-bus.ts";

// The clocks.
export { SystemTime } from "./time.ts";
export type { ClockSources } from "./time.ts";

// The loop that drives it all.
export { EventLoop } from "./event-loop.ts";
export type { EventLoopOptions, Ticking } from "./event-loop.ts";
export { exitOnFatal } from "./fatal-exit.ts";

// The memory.
export { makeResident } from "./resident-memory.ts";
export type { Touching } from "./resident-memory.ts";

// Other threads and processes.
export { scriptUrl } from "./script-url.ts";

// What Node does not offer, where it can be reached.
export { leadNowhere } from "./lead-nowhere.ts";
export { loadSystemCalls } from "./system-calls.ts";
export type { SystemCalls } from "./system-calls.ts";
