/**
 * A cluster of three that a test drives.
 */
import { TEST_MIN } from "@stagbeetle/vsr-protocol";

import { type Application, STORED_ECHO } from "../src/cluster/application.ts";
import { Cluster } from "../src/cluster/cluster.ts";
import { NO_STORAGE_FAULTS } from "../src/faults/storage-faults.ts";

const TICKS_MAX = 20_000;

/** Three replicas that serve, and a client. */
export class Three {
  readonly cluster: Cluster;

  constructor(application: Application = STORED_ECHO) {
    this.cluster = new Cluster({ config: TEST_MIN, application, seed: 5n, clientCount: 1, replicaCount: 3 });
    for (const machine of this.cluster.machines) {
      machine.format();
      machine.start(NO_STORAGE_FAULTS);
    }
    this.client.register();
    this.until(() => this.client.state === "idle");
  }

  get client(): Cluster["clients"][number] {
    const [client] = this.cluster.clients;
    if (client === undefined) throw new Error("there is a client");
    return client;
  }

  request(count: number): void {
    for (let requests = 0; requests < count; requests += 1) {
      this.client.request({ operation: 128, body: Uint8Array.of(requests) });
      this.until(() => this.client.state === "idle");
    }
  }

  /** The power of a machine fails, and comes back. */
  restart(replica: number): void {
    const machine = this.cluster.machineAt(replica);
    machine.crash();
    machine.start(NO_STORAGE_FAULTS);
    this.until(() => machine.state === "serving" && machine.replica.state.status === "normal");
  }

  until(condition: () => boolean): void {
    for (let ticks = 0; !condition(); ticks += 1) {
      if (ticks > TICKS_MAX) throw new Error(`nothing happens: ${this.cluster.describe()}`);
      this.cluster.tick();
      this.cluster.settle();
    }
  }
}
