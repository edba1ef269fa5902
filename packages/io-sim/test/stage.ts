/**
 * A cluster that a test drives step by step.
 */
import { assert } from "@stagbeetle/kernels";
import { type Config, TEST_MIN } from "@stagbeetle/vsr-protocol";

import { type Application, ECHO } from "../src/cluster/application.ts";
import type { SimulatedClient } from "../src/cluster/client.ts";
import { Cluster } from "../src/cluster/cluster.ts";
import { NO_STORAGE_FAULTS, type StorageFaults } from "../src/faults/storage-faults.ts";

const TICKS_MAX = 3000;

/** What a test can choose. */
export interface StageOptions {
  readonly config?: Config;
  readonly application?: Application;
  readonly clientCount?: number;
}

/** A formatted machine, clients, and nothing that goes wrong by itself. */
export class Stage {
  readonly cluster: Cluster;
  faults: StorageFaults = NO_STORAGE_FAULTS;

  constructor({ config = TEST_MIN, application = ECHO, clientCount = 1 }: StageOptions = {}) {
    this.cluster = new Cluster({ config, application, seed: 7n, clientCount });
    this.cluster.machine.format();
  }

  /** A replica that serves, and clients with sessions. */
  static serving(options: StageOptions = {}): Stage {
    const stage = new Stage(options);
    assert(stage.start() === "serving", () => stage.cluster.describe());
    for (const client of stage.cluster.clients) client.register();
    stage.until(() => stage.quiet);
    return stage;
  }

  get client(): SimulatedClient {
    const [client] = this.cluster.clients;
    assert(client !== undefined, "there is a client");
    return client;
  }

  get quiet(): boolean {
    return this.cluster.clients.every(({ state }) => state === "idle" || state === "new");
  }

  get op(): number {
    return this.cluster.machine.replica.state.op;
  }

  /** Starts the replica. Returns whether it serves, or refuses to. */
  start(): "serving" | "refused" {
    const { machine } = this.cluster;
    machine.start(this.faults);
    this.until(() => machine.state === "serving" || machine.state === "refused");
    return machine.state === "serving" ? "serving" : "refused";
  }

  /** The power fails, and comes back. */
  restart(): "serving" | "refused" {
    this.cluster.machine.crash();
    return this.start();
  }

  /** The first client makes requests, and gets its answers. */
  request(count = 1): void {
    for (let requests = 0; requests < count; requests += 1) {
      this.client.request(this.cluster.workload.next(this.client.bodySizeMax));
      this.until(() => this.quiet);
    }
  }

  until(condition: () => boolean): void {
    for (let ticks = 0; !condition(); ticks += 1) {
      assert(ticks < TICKS_MAX, () => `what the test waits for does not come: ${this.cluster.describe()}`);
      this.tick();
    }
  }

  tick(count = 1): void {
    for (let ticks = 0; ticks < count; ticks += 1) {
      this.cluster.tick();
      while (this.cluster.deliver());
      while (this.cluster.machine.step());
      while (this.cluster.deliver());
    }
  }
}
