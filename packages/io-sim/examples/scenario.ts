import { runScenario } from "@stagbeetle/io-sim";

const { text, failures } = runScenario(`# Two of three go on without the primary
cluster replicas=3
requests 2 => 2 replies
cast
isolate A0 from B1 B2
requests 3 => 3 replies
expect A0 commit=2
expect B1 B2 commit=3
`);
console.log(text);
console.log(`${failures.length} facts do not hold`);
