import { CONFIGURATIONS, Cluster, ECHO, NO_STORAGE_FAULTS } from "@stagbeetle/io-sim";

const cluster = new Cluster({ config: CONFIGURATIONS.testMin, application: ECHO, seed: 42n, clientCount: 1 });
const { machine, history, workload } = cluster;
const [client] = cluster.clients;
function until(condition: () => boolean): void {
  while (!condition()) {
    cluster.tick(); // 10 ms for everyone
    while (cluster.deliver()); // the network
    while (machine.step()); // the disk
  }
}

machine.format();
machine.start(NO_STORAGE_FAULTS);
client?.register();
until(() => client?.state === "idle");
client?.request(workload.next(1000));
until(() => client?.state === "idle");
machine.crash(); // at any point between two steps
machine.start(NO_STORAGE_FAULTS);
until(() => machine.state === "serving"); // throws if anything that was executed is lost
console.log(machine.describe());
console.log(history.counts);
