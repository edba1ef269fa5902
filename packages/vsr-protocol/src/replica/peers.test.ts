import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { headerChain, PROPERTY_RUNS } from "../../test/builders.ts";
import { RELEASE_NOW, Solo, type SoloOptions } from "../../test/solo.ts";
import { Command, commandName } from "../command.ts";
import { recordBytes } from "../layout.ts";
import { commandHeaderOf } from "../message/command-header.ts";
import { Header, HEADER_SIZE_BYTES, initHeader } from "../message/frame.ts";

/** Small values, so that they are often those of the replica's own state, and some that are not. */
const small = fc.oneof(fc.integer({ min: 0, max: 8 }), fc.constantFrom(19, 23, 27, 28, 31, 39, 2 ** 32 - 1));

/** What follows a header: any bytes, zeros of a size that some command has, or a chain of headers. */
const anyBody = fc.oneof(
  fc.record({ kind: fc.constant("bytes" as const), bytes: fc.uint8Array({ maxLength: 300 }) }),
  fc.record({ kind: fc.constant("zeros" as const), size: fc.constantFrom(0, 256, 512, 1280) }),
  fc.record({
    kind: fc.constant("headers" as const),
    head: fc.integer({ min: 0, max: 40 }),
    count: fc.integer({ min: 1, max: 7 }),
    view: fc.integer({ min: 0, max: 4 }),
    /** Whether the replica's own checkpoint comes before the headers, as in a `view`. */
    checkpoint: fc.boolean(),
  }),
);
type AnyBody = typeof anyBody extends fc.Arbitrary<infer Value> ? Value : never;

/** A message as anyone on the network can make it: fields of its command by name, in the order of its layout. */
const anyMessage = fc.record({
  command: fc.constantFrom(...Object.values(Command).filter((command) => commandHeaderOf(command) !== null)),
  replica: fc.integer({ min: 0, max: 5 }),
  view: fc.integer({ min: 0, max: 4 }),
  release: fc.constantFrom(0, 0, RELEASE_NOW, RELEASE_NOW + 1),
  values: fc.array(small, { maxLength: 12 }),
  body: anyBody,
});
type AnyMessage = typeof anyMessage extends fc.Arbitrary<infer Value> ? Value : never;

function bodyOf(solo: Solo, body: AnyBody): Uint8Array {
  if (body.kind === "bytes") return body.bytes;
  if (body.kind === "zeros") return new Uint8Array(body.size);
  const headers = headerChain(body.head, Math.max(0, body.head + 1 - body.count), (op) => (op === 0 ? 0 : body.view));
  const checkpoint = body.checkpoint ? [...recordBytes(solo.superblock.working.checkpoint)] : [];
  return Uint8Array.from([...checkpoint, ...headers.flatMap((header) => [...recordBytes(header)])]);
}

function bytesOf(solo: Solo, message: AnyMessage): Uint8Array {
  const { command, replica, view, release, values } = message;
  const body = bodyOf(solo, message.body);
  const bytes = new Uint8Array(HEADER_SIZE_BYTES + body.length);
  bytes.set(body, HEADER_SIZE_BYTES);
  const header = new Header(bytes);
  initHeader(header, command, 0n);
  header.size = bytes.length;
  header.replica = replica;
  header.view = view;
  header.release = release;
  const layout = Object.entries(commandHeaderOf(command)?.layout ?? {}).filter(([name, { offset, type }]) => {
    // What has to be zero is zero: such messages are tested where their headers are.
    return offset >= 128 && type !== "bytes" && !name.endsWith("Padding");
  });
  for (const [index, [, field]] of layout.entries()) {
    const value = values[index] ?? 0;
    if (field.type === "u8") bytes[field.offset] = value;
    else header.dataView.setUint32(field.offset, value, true);
  }
  solo.checksums.setBody(header, body);
  solo.checksums.set(header);
  return bytes;
}

/** What a replica stops at rather than go on beside others that went another way (spec 03 §32). */
const DIVERGED =
  /has diverged|more than this replica's --limit-request|is not the successor|has another checksum here|promised another log|conflict/;

/** How many messages were handled: their headers and bodies made sense. */
function accepted(solo: Solo): number {
  return Object.values(solo.replica.metrics().replica_messages_in).reduce((sum, count) => sum + count, 0);
}

const NODES: readonly (readonly [name: string, options: SoloOptions])[] = [
  ["a backup", { format: { replica: 1, replicaCount: 3 }, addressCount: 3 }],
  ["a replica that changes views", { format: { replica: 0, replicaCount: 3 }, addressCount: 3 }],
  ["the primary of the view to come", { format: { replica: 1, replicaCount: 3, view: 4 }, addressCount: 3 }],
  ["a standby", { format: { replica: 3, replicaCount: 3 }, addressCount: 4 }],
  ["a primary with standbys", { format: { replica: 0, replicaCount: 1 }, addressCount: 3 }],
];

describe.each(NODES)("%s", (_, options) => {
  test("survives whatever messages with valid checksums come from its peers, and loses none of its own", () => {
    const seen = new Set<string>();
    fc.assert(
      fc.property(fc.array(anyMessage, { minLength: 1, maxLength: 8 }), (messages) => {
        const solo = new Solo({ checkpoints: true, ...options });
        solo.open();
        solo.settle();
        expect(solo.serving).toBe(true);
        try {
          for (const message of messages) {
            const before = accepted(solo);
            expect(solo.receive(bytesOf(solo, message))).toBeNull();
            solo.settle();
            solo.tick(1);
            if (accepted(solo) > before) seen.add(commandName(message.command));
          }
          solo.tick(60);
        } catch (error) {
          if (!(error instanceof Error) || !DIVERGED.test(error.message)) throw error;
        }
      }),
      { numRuns: PROPERTY_RUNS },
    );
    expect(seen.size).toBeGreaterThan(5);
  });
});
