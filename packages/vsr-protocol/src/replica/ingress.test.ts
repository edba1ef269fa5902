import fc from "fast-check";
import { expect, test } from "vitest";
import { PROPERTY_RUNS } from "../../test/builders.ts";
import { Solo } from "../../test/solo.ts";
import { Command } from "../command.ts";
import { Header, HEADER_SIZE_BYTES, initHeader } from "../message/frame.ts";
import { Operation } from "../operation.ts";

/** Offsets in a request's header whose bytes decide something. */
const INTERESTING = [80, 96, 104, 108, 112, 114, 115, 128, 160, 168, 176, 184, 192, 196, 197, 204, 255] as const;

const change = fc.record({ offset: fc.constantFrom(...INTERESTING), byte: fc.integer({ min: 0, max: 255 }) });

test("headers with valid checksums and arbitrary fields never end the process, and no message is lost", () => {
  const solo = Solo.serving();
  const client = solo.registered(3n);
  const operations = [...Object.values(Operation), 128, 200, 250];
  fc.assert(
    fc.property(
      fc.array(change, { maxLength: 4 }),
      fc.constantFrom(...operations),
      fc.uint8Array({ maxLength: 300 }),
      fc.constantFrom(...Object.values(Command)),
      (changes, operation, body, command) => {
        const bytes = solo.requestBytes({
          client: client.id,
          session: client.session,
          request: client.request + 1,
          parent: client.context,
          operation,
          body,
        });
        const header = new Header(bytes);
        header.command = command;
        for (const { offset, byte } of changes) bytes[offset] = byte;
        // The connection's buffer sees to the command and the size.
        header.size = bytes.length;
        if (!Object.values<number>(Command).includes(header.command)) header.command = Command.request;
        header.cluster = 0n;
        solo.checksums.setBody(header, bytes.subarray(HEADER_SIZE_BYTES));
        solo.checksums.set(header);
        expect(solo.receive(bytes)).toBeNull();
        solo.settle();
        solo.tick(1);
        expect(solo.messagesHeld).toBe(1);
      },
    ),
    { numRuns: 3 * PROPERTY_RUNS },
  );
  expect(solo.replica.state.status).toBe("normal");
});

test("several messages in one buffer are taken in their order", () => {
  const solo = Solo.serving();
  const [one, two] = [solo.registered(1n), solo.registered(2n)];
  const requests = [one, two].map(({ id, session, context }, index) =>
    solo.requestBytes({ client: id, session, request: 1, parent: context, body: Uint8Array.of(index + 1) }),
  );
  const bytes = new Uint8Array(requests.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const request of requests) {
    bytes.set(request, at);
    at += request.length;
  }
  solo.receive(bytes);
  solo.settle();
  expect(one.inbox()[0]?.tally).toEqual({ count: 1, sum: 1 });
  expect(two.inbox()[0]?.tally).toEqual({ count: 2, sum: 3 });
});

test("what an earlier message left in a buffer does not get into the log", () => {
  const solo = Solo.serving();
  const client = solo.registered(1n);
  client.send({ body: new Uint8Array(2000).fill(7) });
  solo.settle();
  client.take();
  client.send({ body: Uint8Array.of(1) });
  solo.settle();
  // The journal asserts that the rest of the sector is zero.
  expect(client.take().reply.op).toBe(3);
});

test("a view at the end of the counter is not believed, and leaves room for those that follow", () => {
  const solo = new Solo({ format: { replica: 1, replicaCount: 3 }, addressCount: 3 });
  solo.open();
  solo.settle();
  const bytes = new Uint8Array(HEADER_SIZE_BYTES);
  const header = new Header(bytes);
  initHeader(header, Command.exitView, 0n);
  solo.checksums.setBody(header, bytes.subarray(HEADER_SIZE_BYTES));
  const receive = (view: number): void => {
    header.view = view;
    solo.checksums.set(header);
    solo.receive(bytes);
    solo.settle();
  };
  receive(0xffff_ffff);
  expect(solo.replica.state.view).toBe(0);
  receive(0xffff_0000);
  expect(solo.replica.state.view).toBe(0xffff_0000);
});
