/**
 * Viewstamped Replication as a library: messages, quorums, clock, superblock, replica and client sessions, driven by ticks and completions, and the ports through which it reaches everything else.
 *
 * @packageDocumentation
 */

// Records: views of bytes with a fixed layout.
export {
  fieldSizeBytes,
  isSafeU64,
  isZero,
  readU128,
  readU53,
  recordBytes,
  recordClass,
  writeU128,
  writeU53,
} from "./layout.ts";
export type { Field, FieldType, Layout, RecordClass, RecordOf, RecordView } from "./layout.ts";

// Messages: the frame, what all of them share, and the memory that they live in.
export { Checksums, CHECKSUM_EMPTY } from "./message/checksums.ts";
export { commandHeaderOf } from "./message/command-header.ts";
export type { CommandHeader } from "./message/command-header.ts";
export { describeHeader, headerFields } from "./message/describe.ts";
export { FRAME_LAYOUT, Header, HEADER_SIZE_BYTES, headerClass, initHeader, PROTOCOL_VERSION } from "./message/frame.ts";
export type { HeaderOf } from "./message/frame.ts";
export { invalidBody } from "./message/invalid-body.ts";
export { invalidHeader } from "./message/invalid.ts";
export { MessageBuffer } from "./message/message-buffer.ts";
export type { MessageBufferInvalidReason } from "./message/message-buffer.ts";
export { Message } from "./message/message.ts";
export { MessagePool } from "./message/pool.ts";
export type { MessagePoolOptions } from "./message/pool.ts";
export { rootPrepareChecksum, writeReservedPrepare, writeRootPrepare } from "./message/special-prepares.ts";

// The header of each command.
export { BLOCK_LAYOUT, BlockHeader, BlockType, blockTypeName } from "./message/block.ts";
export { CommitHeader } from "./message/commit.ts";
export { EvictionHeader } from "./message/eviction.ts";
export { ExitViewHeader } from "./message/exit-view.ts";
export { GetBlocksHeader } from "./message/get-blocks.ts";
export { GetHeadersHeader } from "./message/get-headers.ts";
export { GetPrepareHeader } from "./message/get-prepare.ts";
export { GetReplyHeader } from "./message/get-reply.ts";
export { GetViewHeader } from "./message/get-view.ts";
export { HeadersHeader } from "./message/headers.ts";
export { JoinViewHeader, writeJoinView } from "./message/join-view.ts";
export type { JoinViewValues } from "./message/join-view.ts";
export { PingClientHeader } from "./message/ping-client.ts";
export { PingHeader } from "./message/ping.ts";
export { PongClientHeader } from "./message/pong-client.ts";
export { PongHeader } from "./message/pong.ts";
export { initPrepareOk, PrepareOkHeader } from "./message/prepare-ok.ts";
export type { PrepareOkValues } from "./message/prepare-ok.ts";
export { initPrepare, isParentOf, PrepareHeader } from "./message/prepare.ts";
export type { PrepareValues } from "./message/prepare.ts";
export { initReply, ReplyHeader } from "./message/reply.ts";
export { RequestHeader } from "./message/request.ts";
export { CHECKPOINT_STATE_SIZE_BYTES, viewBodySizeBytes, ViewHeader, writeView } from "./message/view.ts";
export type { ViewValues } from "./message/view.ts";

// Bodies.
export { BLOCK_REQUEST_SIZE_BYTES, BlockRequest } from "./body/block-request.ts";
export {
  RECONFIGURATION_REQUEST_SIZE_BYTES,
  ReconfigurationRequest,
  ReconfigurationResult,
  validateReconfiguration,
} from "./body/reconfiguration.ts";
export type { CurrentConfiguration } from "./body/reconfiguration.ts";
export {
  REGISTER_REQUEST_SIZE_BYTES,
  REGISTER_RESULT_SIZE_BYTES,
  RegisterRequest,
  RegisterResult,
} from "./body/register.ts";
export { UPGRADE_REQUEST_SIZE_BYTES, UpgradeRequest } from "./body/upgrade-request.ts";
export {
  MULTI_BATCH_COUNT_MAX,
  MULTI_BATCH_ELEMENTS_MAX,
  MultiBatchDecoder,
  multiBatchElementsMax,
  MultiBatchEncoder,
  multiBatchTrailerSizeBytes,
} from "./multi-batch.ts";
export type { MultiBatchInvalidReason } from "./multi-batch.ts";

// The words of the protocol.
export { Command, commandName } from "./command.ts";
export { EvictionReason, evictionReasonName } from "./eviction.ts";
export { Operation, operationName, operationOfCluster, operationValid, VSR_OPERATIONS_RESERVED } from "./operation.ts";
export { peerOf, peerTransition, UNKNOWN_PEER } from "./peer.ts";
export type { Peer, PeerTransition } from "./peer.ts";
export { formatRelease, parseRelease, releaseOf } from "./release.ts";
export type { Release } from "./release.ts";

// Rules of the protocol.
export { exponentialBackoffWithJitter, Timeout } from "./timeout.ts";
export type { TimeoutOptions } from "./timeout.ts";
export { quorums } from "./quorums.ts";
export type { Quorums } from "./quorums.ts";

// Configuration, and the arithmetic that follows from it.
export {
  createConfig,
  MEMBERS_MAX,
  REPLICAS_MAX,
  STANDBYS_MAX,
  SUPERBLOCK_HEADER_SIZE_BYTES,
} from "./config/derive.ts";
export { PRODUCTION, PRODUCTION_CLUSTER, PRODUCTION_PROCESS } from "./config/production.ts";
export { TEST_MIN, TEST_MIN_CLUSTER, TEST_MIN_PROCESS } from "./config/test-min.ts";
export { checkpointAfter, checkpointIdForOp, durable, isCheckpointOp, prepareMax, trigger } from "./checkpoint.ts";
export type { CheckpointIds } from "./checkpoint.ts";
export { memberIndex, rootMembers } from "./members.ts";
export type { Members } from "./members.ts";
export { viewForOp, viewHeadersInvalid } from "./view-headers.ts";
export type { ViewChangeSlice, ViewRange } from "./view-headers.ts";

// The data file: its zones, its root record, and how it begins.
export { MANIFEST_EMPTY, NO_BLOCK, TRAILER_EMPTY } from "./block-reference.ts";
export type { BlockReference, ManifestReferences, TrailerReference } from "./block-reference.ts";
export { formatDataFile } from "./format.ts";
export type { FormatDataFileOptions } from "./format.ts";
export { sectorCeil, sectorFloor, SECTOR_SIZE_BYTES } from "./sector.ts";
export { SuperBlockImage } from "./superblock/image.ts";
export {
  CHECKPOINT_STATE_LAYOUT,
  CheckpointState,
  SUPERBLOCK_LAYOUT,
  SuperBlockHeader,
  VSR_STATE_LAYOUT,
  VSR_STATE_SIZE_BYTES,
  VSRState,
} from "./superblock/layout.ts";
export { repairNext, selectQuorum } from "./superblock/quorum.ts";
export type { QuorumFault, QuorumPurpose, QuorumResult, QuorumSlots } from "./superblock/quorum.ts";
export { SuperBlock } from "./superblock/superblock.ts";
export type { SuperBlockOptions, SuperBlockStatus, SuperBlockUpdateKind } from "./superblock/superblock.ts";
export type {
  CheckpointUpdate,
  FormatOptions,
  SyncCheckpoint,
  ViewAttributes,
  ViewChangeUpdate,
} from "./superblock/update.ts";
export {
  clientSessionsTrailer,
  freeSetBlocksAcquiredTrailer,
  freeSetBlocksReleasedTrailer,
  superblockInvalid,
} from "./superblock/vsr-state.ts";
export { verifyIop, ZONES, zoneSize, zoneStart } from "./zone.ts";

// Clients, as a replica knows them.
export { ClientReplies } from "./clients/replies.ts";
export type { ClientRepliesOptions, ReplyReadCallback, ReplyWriteTrigger } from "./clients/replies.ts";
export { ClientSessions, clientSessionsEncodeSize } from "./clients/sessions.ts";
export type { ClientSession } from "./clients/sessions.ts";

// The cluster's clock.
export { Clock } from "./clock/clock.ts";
export type { ClockOptions } from "./clock/clock.ts";
export { smallestInterval } from "./clock/marzullo.ts";
export type { Agreement, SourceInterval } from "./clock/marzullo.ts";

// Where a replica's log ends.
export { viewHeadersOfLog } from "./replica/hash-chain.ts";
export { chooseHead, headCertain } from "./replica/head.ts";

// Which log a view begins with: functions of what replicas hold and say.
export { joinViewBits, joinViewHeaders } from "./replica/view-change/join-view-headers.ts";
export type { PreparesHeld } from "./replica/view-change/join-view-headers.ts";
export { evaluateJoinViewQuorum } from "./replica/view-change/join-view-quorum.ts";
export { joinViewVote, joinViewVoteInvalid } from "./replica/view-change/join-view-vote.ts";
export type { JoinViewVote } from "./replica/view-change/join-view-vote.ts";
export { checkpointOfView, headersOfView, viewMessageInvalid } from "./replica/view-change/view-message.ts";

// For whoever composes a replica or a client.
export { formatAddress, HOST_DEFAULT, parseAddresses, PORT_DEFAULT } from "./address.ts";
export type { Address, AddressError, AddressErrorReason, ParsedAddresses } from "./address.ts";
export { formatEndpoint, parseEndpoints } from "./endpoint.ts";
export type { Endpoint, ParsedEndpoints } from "./endpoint.ts";
export type { ClusterConfig, Config, DerivedConfig, ProcessConfig } from "./config/config.ts";
export { fatal, FatalError, FatalReason } from "./fatal.ts";
export { Random } from "./random.ts";
export type { DrawBits } from "./random.ts";

// The replica.
export type { CheckpointStore } from "./replica/checkpoint-writer.ts";
export type { CommitStage } from "./replica/commit.ts";
export type { ReplicaMetrics } from "./replica/metrics.ts";
export { Durations } from "./replica/timings.ts";
export type { DurationStatistics, ReplicaTiming } from "./replica/timings.ts";
export { messagesMax } from "./replica/options.ts";
export type { ReplicaOptions, ReplicaPorts } from "./replica/options.ts";
export type { StallLimits } from "./replica/stall.ts";
export { Replica } from "./replica/replica.ts";
export type { ReplicaState } from "./replica/replica.ts";
export type { ReplicaStatus } from "./replica/status.ts";

// The ports.
export type { AppendOnlyFile } from "./ports/aof.ts";
export { ChecksumRequest, InlineBodyChecksums } from "./ports/body-checksums.ts";
export type { BodyChecksums, ChecksumUrgency } from "./ports/body-checksums.ts";
export type {
  CheckpointTrailer as CheckpointTrailerPort,
  Grid as GridPort,
  Scrubber as ScrubberPort,
  StoredTable,
  StoredTables,
} from "./ports/grid.ts";
export type {
  Journal,
  JournalReadPurpose,
  JournalRecovery,
  JournalRecoveryResult,
  JournalWriting,
  OpRange,
} from "./ports/journal.ts";
export { SILENT_LOGGER } from "./ports/logger.ts";
export type { LogFields, Logger, LogLevel } from "./ports/logger.ts";
export type {
  ConnectionEnd,
  ConnectionEndReason,
  ConnectionObserver,
  MessageBus,
  MessageBusReceiver,
} from "./ports/message-bus.ts";
export type { Committing, StateMachine } from "./ports/state-machine.ts";
export { MemorySpill } from "./ports/spill.ts";
export type { SpillStorage } from "./ports/spill.ts";
export { StorageRequest } from "./ports/storage.ts";
export type { Storage } from "./ports/storage.ts";
export type { Time } from "./ports/time.ts";
export type { Zone } from "./zone.ts";
