import { createClient, id, AccountFlags } from "/work/wt/client/apps/client/src/index.ts";
const t0 = performance.now();
const client = createClient({ cluster_id: 0n, replica_addresses: [process.argv[2]] });
client.on("state", (s) => console.log((performance.now()-t0).toFixed(), s.status, s.finding, s.replicas));
try { await client.ready({ deadline_ms: 3000 }); console.log("ready", performance.now() - t0);
console.log(await client.lookupAccounts([1n])); console.log(performance.now() - t0);
console.log(client.state);
} catch (e) { console.log(e); }
client.destroy();
try { await client.lookupAccounts([1n]) } catch (e) { console.log(e.message, e.code) }
console.log(typeof AccountFlags[1]);
