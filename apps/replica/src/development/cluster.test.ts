import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { freePorts } from "@stagbeetle/tcp-client/testing";
import { expect, test } from "vitest";

import { Program } from "../testing/program.ts";

test.each(["SIGHUP", "SIGINT"] as const)(
  "at %s a cluster ends its replicas in order, and then itself",
  async (signal) => {
    const directory = mkdtempSync(join(tmpdir(), "stagbeetle-cluster-"));
    const addresses = `--addresses=${(await freePorts(2)).join(",")}`;
    const program = new Program(["--replicas=2", addresses], directory, "development");
    try {
      await program.until(/listening on.*listening on/su);
      const { status, stderr } = await program.end(signal);
      expect(status).toBe(0);
      expect(stderr.match(/replica \d │ ended with status 0\n/gu)?.toSorted()).toEqual([
        "replica 0 │ ended with status 0\n",
        "replica 1 │ ended with status 0\n",
      ]);
    } finally {
      await program.end("SIGTERM");
      rmSync(directory, { recursive: true });
    }
  },
);
