import { describe, expect, test } from "vitest";

import { versionText } from "./version.ts";

/** `version --verbose` of the reference server of release 0.17.9: the configuration that both must share. */
const REFERENCE = `cluster.cache_line_size=64
cluster.clients_max=64
cluster.pipeline_prepare_queue_max=8
cluster.view_change_headers_suffix_max=9
cluster.quorum_replication_max=3
cluster.journal_slot_count=1024
cluster.message_size_max=1048576
cluster.superblock_copies=4
cluster.block_size=524288
cluster.lsm_levels=7
cluster.lsm_growth_factor=8
cluster.lsm_compaction_ops=32
cluster.lsm_snapshots_max=32
cluster.lsm_manifest_compact_extra_blocks=1
cluster.lsm_table_coalescing_threshold_percent=50
cluster.vsr_releases_max=64
cluster.lsm_scans_max=6

process.log_level=log.Level.info
process.verify=false
process.release=0.17.9
process.port=3001
process.address="127.0.0.1"
process.storage_size_limit_default=17592186044416
process.storage_size_limit_max=70368744177664
process.memory_size_max_default=1073741824
process.cache_accounts_size_default=134217728
process.cache_transfers_size_default=0
process.cache_transfers_pending_size_default=0
process.client_request_queue_max=2
process.lsm_manifest_node_size=16384
process.connection_delay_min=50ms
process.connection_delay_max=1s
process.tcp_backlog=64
process.tcp_rcvbuf=4194304
process.tcp_keepalive=true
process.tcp_keepidle=5
process.tcp_keepintvl=4
process.tcp_keepcnt=3
process.tcp_nodelay=true
process.direct_io=true
process.journal_iops_read_max=8
process.journal_iops_write_max=32
process.client_replies_iops_read_max=1
process.client_replies_iops_write_max=2
process.tick_ms=10
process.rtt=300ms
process.rtt_max=1m
process.rtt_multiple=2
process.backoff_min=10ms
process.backoff_max=10s
process.clock_offset_tolerance_max=10s
process.clock_epoch_max=1m
process.clock_synchronization_window_min=2s
process.clock_synchronization_window_max=20s
process.grid_iops_read_max=32
process.grid_iops_write_max=32
process.grid_cache_size_default=1073741824
process.grid_repair_request_max=4
process.grid_repair_reads_max=4
process.grid_missing_blocks_max=30
process.grid_missing_tables_max=6
process.grid_scrubber_reads_max=1
process.grid_scrubber_cycle=25w5d
process.grid_scrubber_interval_min=50ms
process.grid_scrubber_interval_max=10s`;

describe("version", () => {
  test("is the release that is spoken, and the version of the package", () => {
    expect(versionText({ verbose: false })).toMatch(/^Stagbeetle version 0\.17\.9\+\d+\.\d+\.\d+\S*\n$/u);
  });

  test("verbose prints the reference's configuration, line by line in its order", () => {
    const lines = versionText({ verbose: true }).split("\n");
    const configuration = lines.filter((line) => /^(?:cluster|process)\./u.test(line));
    const expected = REFERENCE.split("\n").filter((line) => line !== "");
    // The oldest client is the choice of a build.
    expect(configuration.filter((line) => !line.startsWith("process.release_client_min="))).toEqual(expected);
    expect(configuration).toContain("process.release_client_min=0.16.4");
  });

  test("verbose separates its groups by blank lines", () => {
    expect(versionText({ verbose: true }).split("\n\n").length).toBe(5);
  });
});
