/**
 * The figures that matter most, one a line. They report, a person judges.
 */
import { benchChecksum } from "./checksum.ts";
import { benchCommits } from "./commits.ts";
import { benchHeaders } from "./headers.ts";
import { benchServer } from "./server.ts";

benchChecksum();
benchHeaders();
benchCommits();
await benchServer();
