import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { createServer, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { afterAll, beforeAll, describe, expect, test } from "vitest";

import { Program, runProgram } from "./testing/program.ts";

const EXIT_UNHEALTHY = 8;

let directory = "";
let server: Program;
let port = 0;

beforeAll(async () => {
  directory = mkdtempSync(join(tmpdir(), "stagbeetle-doctor-"));
  const path = join(directory, "0_0.stagbeetle");
  const format = ["format", "--cluster=0", "--replica=0", "--replica-count=1", "--development", path];
  expect((await runProgram(...format)).status).toBe(0);
  server = new Program(["start", "--development", "--addresses=127.0.0.1:0", path]);
  port = await server.untilServing();
});

afterAll(async () => {
  await server.end("SIGKILL");
  rmSync(directory, { recursive: true });
});

/** Runs `use` with the port of a server that does `onSocket`. */
async function withServer(onSocket: (socket: Socket) => void, use: (port: number) => Promise<void>): Promise<void> {
  const other = createServer((socket) => {
    socket.on("error", () => undefined);
    onSocket(socket);
  });
  other.listen(0, "127.0.0.1");
  await once(other, "listening");
  const address = other.address();
  await use(address !== null && typeof address === "object" ? address.port : 0);
  other.close();
}

describe("stagbeetle doctor", () => {
  test("says who serves, and ends with status 0", async () => {
    const { status, stdout } = await runProgram("doctor", `localhost:${port}`);
    expect(stdout).toMatch(
      /^localhost:\d+ {2}replica 0, primary, release 0\.17\.9, view 1, [0-9.]+ ms\nthe cluster serves clients\n$/u,
    );
    expect(status).toBe(0);
  });

  test("says it as JSON, too", async () => {
    const { status, stdout } = await runProgram("doctor", "--json", String(port));
    const replica = { address: `127.0.0.1:${port}`, replica: 0, role: "primary", release: "0.17.9", finding: null };
    expect(JSON.parse(stdout)).toMatchObject({ cluster: "0", serves: true, finding: null, replicas: [replica] });
    expect(status).toBe(0);
  });

  test("finds another cluster id, and ends with status 8", async () => {
    const { status, stdout } = await runProgram("doctor", "--cluster=1", String(port));
    expect(stdout).toContain("its cluster has another id than 1");
    expect(stdout).toMatch(/the cluster does not serve clients: closed_without_answer\n$/u);
    expect(status).toBe(EXIT_UNHEALTHY);
  });

  test("finds that a replica stands at another's place of the list", async () => {
    const { status, stdout } = await runProgram("doctor", "--json", `1,${port}`);
    expect(JSON.parse(stdout)).toMatchObject({ serves: false, finding: { code: "wrong_addresses" } });
    expect(status).toBe(EXIT_UNHEALTHY);
  });

  test("finds that nothing listens, by any name", async () => {
    const { status, stdout } = await runProgram("doctor", "127.0.0.1:1,ledger.invalid:1");
    expect(stdout).toContain("nothing listens on 127.0.0.1:1 (");
    expect(stdout).toContain("the host name of ledger.invalid:1 has no address (");
    expect(status).toBe(EXIT_UNHEALTHY);
  });

  test("finds somebody who speaks another protocol", async () => {
    await withServer(
      (socket) => socket.write(`HTTP/1.1 400 Bad Request\r\n${" ".repeat(300)}`),
      async (other) => expect((await runProgram("doctor", String(other))).stdout).toContain("not_a_replica"),
    );
  });

  test("waits for silence as long as it is told", async () => {
    await withServer(
      () => undefined,
      async (other) => {
        const { status, stdout } = await runProgram("doctor", "--timeout=50ms", String(other));
        expect(stdout).toContain(`127.0.0.1:${other}  no answer\nthe cluster does not serve clients: connecting: `);
        expect(status).toBe(EXIT_UNHEALTHY);
      },
    );
  });

  test.each([
    [[], "<addresses>: argument is required"],
    [["1.2.3"], "<addresses>: invalid IPv4 or IPv6 address: '1.2.3'"],
    [["--timeout=3", "3000"], "--timeout: missing unit"],
    [["--clster=1", "3000"], "unexpected argument: '--clster=1'; did you mean '--cluster'?"],
  ])("refuses %j", async (args, error) => {
    const { status, stderr } = await runProgram("doctor", ...args);
    expect(stderr).toContain(`error: ${error}`);
    expect(status).toBe(1);
  });
});
