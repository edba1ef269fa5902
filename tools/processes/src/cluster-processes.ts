/**
 * A cluster of real servers on this machine, whose members are killed and started one by one.
 */
import { rmSync } from "node:fs";
import { join } from "node:path";

import { assert } from "@stagbeetle/kernels";
import { freePorts } from "@stagbeetle/tcp-client/testing";

import { ServerProcess } from "./server-process.ts";

/** What a cluster consists of. */
export interface ClusterProcessesOptions {
  /** Where the data files are made. */
  readonly directory: string;
  readonly replicaCount: number;
  /** More flags for the `stagbeetle start` of each data file. */
  readonly flags?: (path: string) => readonly string[];
}

/** Data files, ports, and the servers that run. */
export class ClusterProcesses {
  readonly paths: readonly string[];
  readonly ports: readonly number[];
  readonly #flags: (path: string) => readonly string[];
  readonly #servers: (ServerProcess | null)[];

  private constructor(paths: readonly string[], ports: readonly number[], flags: (path: string) => readonly string[]) {
    assert(paths.length === ports.length, () => `${paths.length} data files, ${ports.length} ports`);
    this.paths = paths;
    this.ports = ports;
    this.#flags = flags;
    this.#servers = paths.map(() => null);
  }

  /** Formats the data files and chooses free ports. Nothing runs yet. @throws Error with what the program printed. */
  static async format({ directory, replicaCount, flags }: ClusterProcessesOptions): Promise<ClusterProcesses> {
    const paths = Array.from({ length: replicaCount }, (_, replica) => join(directory, `0_${replica}.stagbeetle`));
    for (const [replica, path] of paths.entries()) await ServerProcess.format(path, { replica, replicaCount });
    return ClusterProcesses.of(paths, flags);
  }

  /** A cluster of data files that are there already, by index. Chooses free ports. Nothing runs yet. */
  static async of(
    paths: readonly string[],
    flags: (path: string) => readonly string[] = () => [],
  ): Promise<ClusterProcesses> {
    return new ClusterProcesses(paths, await freePorts(paths.length), flags);
  }

  /** Which members run. */
  get running(): readonly number[] {
    return this.paths.flatMap((_, replica) => (this.#servers[replica] === null ? [] : [replica]));
  }

  /** Starts members, by default all that do not run, and waits until they listen. */
  async start(replicas: readonly number[] = this.#stopped()): Promise<void> {
    await Promise.all(
      replicas.map(async (replica) => {
        const path = this.paths[replica];
        assert(path !== undefined && this.#servers[replica] === null, () => `member ${replica} runs, or is none`);
        const server = ServerProcess.spawn(path, { ports: this.ports, flags: this.#flags(path) });
        this.#servers[replica] = server;
        await server.serving();
      }),
    );
  }

  /** Waits until all that run have taken their memory. Not in development mode. @throws Error if one ends or takes too long. */
  async resident(): Promise<void> {
    await Promise.all(this.running.map((replica) => this.#server(replica).resident()));
  }

  /** Loses the data file of a replica that does not run, and makes a new one with the help of the others. */
  async recover(replica: number): Promise<void> {
    const path = this.paths[replica];
    assert(path !== undefined && this.#servers[replica] === null, () => `member ${replica} runs, or is none`);
    rmSync(path);
    await ServerProcess.recover(path, { replica, replicaCount: this.paths.length, ports: this.ports });
  }

  /** Kills a member without warning. @throws Error if it had ended by itself. */
  async kill(replica: number): Promise<void> {
    const server = this.#server(replica);
    if (server.ended) throw new Error(`replica ${replica} ended by itself: ${server.describe()}`);
    this.#servers[replica] = null;
    await server.kill();
  }

  /** @throws Error if a member that should run has ended. */
  check(): void {
    for (const replica of this.running) {
      const server = this.#server(replica);
      if (server.ended) throw new Error(`replica ${replica} ended by itself: ${server.describe()}`);
    }
  }

  /** Ends all members as an operator would. @throws Error unless all end with status 0. */
  async stop(): Promise<void> {
    const servers = this.running.map((replica) => this.#server(replica));
    this.#servers.fill(null);
    await Promise.all(servers.map((server) => server.stop()));
  }

  /** Kills whatever runs. */
  async destroy(): Promise<void> {
    const servers = this.running.map((replica) => this.#server(replica));
    this.#servers.fill(null);
    await Promise.all(servers.filter(({ ended }) => !ended).map((server) => server.kill()));
  }

  /** What the members printed last. */
  describe(): string {
    return this.#servers.map((server, replica) => `replica ${replica}: ${server?.describe() ?? "stopped"}`).join("\n");
  }

  #stopped(): readonly number[] {
    return this.paths.flatMap((_, replica) => (this.#servers[replica] === null ? [replica] : []));
  }

  #server(replica: number): ServerProcess {
    const server = this.#servers[replica];
    assert(server !== undefined && server !== null, () => `member ${replica} does not run`);
    return server;
  }
}
