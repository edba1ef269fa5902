/**
 * `pnpm commit-latency`: prints the table of docs/cluster.md: what a request takes between three regions, and what it must
 * take.
 */
import { commitLatencyTable } from "./table.ts";

console.log(commitLatencyTable().join("\n"));
