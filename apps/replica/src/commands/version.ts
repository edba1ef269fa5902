/**
 * `stagbeetle version`: what this build is and what it fixes (spec 06 §4.4).
 */
import { formatDuration } from "@stagbeetle/command-line";
import { formatRelease, HOST_DEFAULT, PORT_DEFAULT, PRODUCTION } from "@stagbeetle/vsr-protocol";
import type { Config } from "@stagbeetle/vsr-protocol";

import { packageVersion, RELEASE, RELEASE_CLIENT_MIN } from "../release.ts";
import type { VersionCommand } from "./version-flags.ts";

const MS = 1_000_000n;

/** The text that `version` prints: one line, with `verbose` followed by groups of `name=value`. */
export function versionText({ verbose }: VersionCommand): string {
  const head = `Stagbeetle version ${formatRelease(RELEASE)}+${packageVersion()}\n`;
  if (!verbose) return head;
  const groups = [buildLines(), clusterLines(PRODUCTION), processLines(PRODUCTION), ["multiversioning not enabled"]];
  return head + groups.map((lines) => `\n${lines.join("\n")}\n`).join("");
}

function buildLines(): string[] {
  return [`build.package_version=${packageVersion()}`, `build.node_version=${process.versions.node}`];
}

/** `clientsMax` → `cluster.clients_max=64`, in the order of the configuration. */
function clusterLines({ cluster }: Config): string[] {
  return Object.entries(cluster).map(([name, value]) => `cluster.${snakeCase(name)}=${String(value)}`);
}

function snakeCase(name: string): string {
  return name.replaceAll(/[A-Z]/gu, (letter) => `_${letter.toLowerCase()}`);
}

/** What a process uses unless told otherwise, in the reference's order and form. */
function processLines({ process }: Config): string[] {
  const { tickMs } = process;
  const milliseconds = (value: number): string => formatDuration(BigInt(value) * MS);
  const ticks = (value: number): string => milliseconds(value * tickMs);
  const values: Readonly<Record<string, string | number | boolean>> = {
    log_level: "log.Level.info",
    verify: false,
    release: formatRelease(RELEASE),
    release_client_min: formatRelease(RELEASE_CLIENT_MIN),
    port: PORT_DEFAULT,
    address: `"${HOST_DEFAULT}"`,
    storage_size_limit_default: process.storageSizeLimitDefault,
    storage_size_limit_max: process.storageSizeLimitMax,
    memory_size_max_default: 2 ** 30,
    cache_accounts_size_default: process.cacheAccountsSizeDefault,
    cache_transfers_size_default: 0,
    cache_transfers_pending_size_default: 0,
    client_request_queue_max: 2,
    lsm_manifest_node_size: process.lsmManifestNodeSize,
    connection_delay_min: milliseconds(process.connectionDelayMinMs),
    connection_delay_max: milliseconds(process.connectionDelayMaxMs),
    tcp_backlog: 64,
    tcp_rcvbuf: 4 * 2 ** 20,
    tcp_keepalive: true,
    tcp_keepidle: 5,
    tcp_keepintvl: 4,
    tcp_keepcnt: 3,
    tcp_nodelay: true,
    direct_io: process.directIo,
    journal_iops_read_max: process.journalIopsReadMax,
    journal_iops_write_max: process.journalIopsWriteMax,
    client_replies_iops_read_max: process.clientRepliesIopsReadMax,
    client_replies_iops_write_max: process.clientRepliesIopsWriteMax,
    tick_ms: tickMs,
    rtt: ticks(process.rttTicks),
    rtt_max: ticks(process.rttMaxTicks),
    rtt_multiple: process.rttMultiple,
    backoff_min: ticks(process.backoffMinTicks),
    backoff_max: ticks(process.backoffMaxTicks),
    clock_offset_tolerance_max: milliseconds(process.clockOffsetToleranceMaxMs),
    clock_epoch_max: milliseconds(process.clockEpochMaxMs),
    clock_synchronization_window_min: milliseconds(process.clockSynchronizationWindowMinMs),
    clock_synchronization_window_max: milliseconds(process.clockSynchronizationWindowMaxMs),
    grid_iops_read_max: process.gridIopsReadMax,
    grid_iops_write_max: process.gridIopsWriteMax,
    grid_cache_size_default: process.gridCacheSizeDefault,
    grid_repair_request_max: process.gridRepairRequestMax,
    grid_repair_reads_max: process.gridRepairReadsMax,
    grid_missing_blocks_max: process.gridMissingBlocksMax,
    grid_missing_tables_max: process.gridMissingTablesMax,
    grid_scrubber_reads_max: process.gridScrubberReadsMax,
    grid_scrubber_cycle: ticks(process.gridScrubberCycleTicks),
    grid_scrubber_interval_min: ticks(process.gridScrubberIntervalMinTicks),
    grid_scrubber_interval_max: ticks(process.gridScrubberIntervalMaxTicks),
  };
  return Object.entries(values).map(([name, value]) => `process.${name}=${value}`);
}
