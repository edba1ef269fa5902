/**
 * `stagbeetle benchmark`: how fast a server is (spec 06 §7).
 */
import { createLogger } from "@stagbeetle/command-line";
import type { Terminal } from "@stagbeetle/command-line";
import { randomBytes } from "node:crypto";
import { statSync, unlinkSync } from "node:fs";

import { createKernels, LinearMemory } from "@stagbeetle/kernels";
import { TcpClients } from "@stagbeetle/tcp-client";
import { Checksums, formatAddress, PRODUCTION } from "@stagbeetle/vsr-protocol";
import type { Address } from "@stagbeetle/vsr-protocol";

import { Load } from "../benchmark/load.ts";
import { OwnServer } from "../benchmark/own-server.ts";
import { BenchmarkReport } from "../benchmark/report.ts";
import { Silence } from "../benchmark/silence.ts";
import { RELEASE } from "../release.ts";
import { unlessInterrupted } from "../until-done.ts";
import type { BenchmarkCommand, BenchmarkTarget } from "./benchmark-flags.ts";
import { format } from "./format.ts";

/** Benchmarks are for clusters with this id only (spec 06 §7.1). */
const CLUSTER = 0n;

/** Measures, and prints the report. @throws BenchmarkError, InterruptedError, EvictedError, and whatever `format` throws. */
export async function benchmark(command: BenchmarkCommand, terminal: Terminal): Promise<void> {
  const report = new BenchmarkReport(terminal, command.json);
  const { target } = command;
  if (target.kind === "own") await withOwnServer(command, target, report);
  else await load(command, target.addresses, report, null);
  report.end();
}

type OwnTarget = Extract<BenchmarkTarget, { readonly kind: "own" }>;

/** However it ends, no server is left, and no data file that nobody asked for. */
async function withOwnServer(command: BenchmarkCommand, target: OwnTarget, report: BenchmarkReport): Promise<void> {
  // Beside where we are, not in a temporary directory: what is measured is the file system, too.
  const path = target.file ?? `0_0-${randomBytes(4).toString("hex")}.stagbeetle.benchmark`;
  await format({ path, cluster: CLUSTER, replica: 0, replicaCount: 1, development: false, logDebug: command.logDebug });
  const emptySizeBytes = statSync(path).size;
  const server = new OwnServer(path, target.flags);
  try {
    await unlessInterrupted(() => measure(command, server, report));
    report.add("datafile_empty", emptySizeBytes, `\ndatafile empty = ${emptySizeBytes} bytes\n`);
    const { size } = statSync(path);
    report.add("datafile", size, `datafile = ${size} bytes\n`);
  } finally {
    await server.kill();
    if (target.file === null) unlinkSync(path);
  }
}

async function measure(command: BenchmarkCommand, server: OwnServer, report: BenchmarkReport): Promise<void> {
  const port = await server.serving();
  await Promise.race([server.memoryTaken(), server.failed]);
  const addresses: readonly Address[] = [{ family: 4, host: "127.0.0.1", port }];
  await Promise.race([load(command, addresses, report, server), server.failed]);
  const residentSizeMaxBytes = server.residentSizeMaxBytes();
  await server.stop();
  report.add("rss", residentSizeMaxBytes, `\nrss = ${residentSizeMaxBytes} bytes\n`);
}

async function load(
  command: BenchmarkCommand,
  addresses: readonly Address[],
  report: BenchmarkReport,
  server: OwnServer | null,
): Promise<void> {
  const logger = createLogger("benchmark");
  const clients = new TcpClients({
    count: command.clientCount,
    config: PRODUCTION,
    cluster: CLUSTER,
    addresses,
    release: RELEASE,
    logger: createLogger("client"),
  });
  const places = addresses.map((address) => formatAddress(address)).join(",");
  const silence = new Silence(() =>
    logger.log("warn", `no answer for five seconds; \`stagbeetle doctor ${places}\` says why`),
  );
  await clients.register();
  const residentSizes: { readonly percent: number; readonly bytes: number }[] = [];
  const onProgress = (percent: number): void => {
    const bytes = server?.residentSizeBytes();
    logger.log("info", `${percent} % of the transfers${bytes === undefined ? "" : `, rss = ${bytes} bytes`}`);
    if (bytes !== undefined) residentSizes.push({ percent, bytes });
  };
  const onAnswer = (): void => silence.onAnswer();
  await new Load({ command, clients, report, logger, onProgress, onAnswer }).run();
  silence.end();
  await clients.close();
  // For people they are in the log: the reference's report has no place for them.
  if (server !== null) report.add("resident_sizes", residentSizes, "");
  if (command.checksumPerformance) measureChecksum(report);
}

const NANOSECONDS_PER_US = 1000n;

/** Times one checksum of a message of the largest size, after one that compiles the kernel. */
function measureChecksum(report: BenchmarkReport): void {
  const { messageSizeMax } = PRODUCTION.cluster;
  const memory = new LinearMemory({ sizeBytes: 2 * messageSizeMax });
  const checksums = new Checksums(createKernels({ memory }));
  const pointer = memory.allocate(messageSizeMax, 16, "message");
  memory.bytes.set(randomBytes(messageSizeMax), pointer);
  const message = memory.bytes.subarray(pointer, pointer + messageSizeMax);
  checksums.of(message);
  const begin = process.hrtime.bigint();
  checksums.of(message);
  const elapsedUs = Number((process.hrtime.bigint() - begin) / NANOSECONDS_PER_US);
  const lines = `message size max = ${messageSizeMax} bytes\nchecksum message size max = ${elapsedUs} us\n`;
  report.add("checksum", { messageSizeMax, elapsedUs }, lines);
}
