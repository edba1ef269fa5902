import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { headerChain, PROPERTY_RUNS } from "../../test/builders.ts";
import { SPECIFICATION_MESSAGES } from "../../test/messages.ts";
import { Solo, type SoloOptions } from "../../test/solo.ts";
import { Command, commandName } from "../command.ts";
import { recordBytes } from "../layout.ts";
import { commandHeaderOf } from "../message/command-header.ts";
import { Header, HEADER_SIZE_BYTES, initHeader } from "../message/frame.ts";
import { JoinViewHeader } from "../message/join-view.ts";
import { ViewHeader } from "../message/view.ts";

/** Small values, so that they are often those of the replica's own state, and some that are not. */
const small = fc.oneof(fc.integer({ min: 0, max: 8 }), fc.constantFrom(19, 23, 27, 28, 31, 39, 2 ** 32 - 1));

/** Messages of every kind with a small body, all of cluster 0. */
const TEMPLATES = SPECIFICATION_MESSAGES.map(({ bytes }) => bytes).filter((bytes) => new Header(bytes).cluster === 0n);

/** A message of the specification, with other values in some fields of its command, one after the other. */
const changed = fc.record({
  kind: fc.constant("changed" as const),
  template: fc.constantFrom(...TEMPLATES),
  values: fc.array(fc.option(small, { freq: 3 }), { maxLength: 12 }),
});

/** A list of headers, as three commands have it. */
const headers = fc.record({
  kind: fc.constant("headers" as const),
  command: fc.constantFrom(Command.joinView, Command.view, Command.headers),
  head: fc.integer({ min: 0, max: 40 }),
  count: fc.integer({ min: 1, max: 7 }),
  headersView: fc.integer({ min: 0, max: 4 }),
  commit: small,
  logView: fc.integer({ min: 0, max: 4 }),
});

/** A message as any peer can make it. */
const anyMessage = fc.record({
  content: fc.oneof(changed, headers),
  replica: fc.integer({ min: 0, max: 4 }),
  view: fc.integer({ min: 0, max: 4 }),
});
type AnyMessage = typeof anyMessage extends fc.Arbitrary<infer Value> ? Value : never;
type Changed = typeof changed extends fc.Arbitrary<infer Value> ? Value : never;
type Headers = typeof headers extends fc.Arbitrary<infer Value> ? Value : never;

function changedBytes({ template, values }: Changed): Uint8Array {
  const bytes = template.slice();
  const header = new Header(bytes);
  const layout = Object.entries(commandHeaderOf(header.command)?.layout ?? {}).filter(([name, { offset, type }]) => {
    // What has to be zero is zero: such messages are tested where their headers are.
    return offset >= 128 && type !== "bytes" && !name.endsWith("Padding");
  });
  for (const [index, [, field]] of layout.entries()) {
    const value = values[index] ?? null;
    if (value === null) continue;
    if (field.type === "u8") bytes[field.offset] = value;
    else header.dataView.setUint32(field.offset, value, true);
  }
  return bytes;
}

function headersBytes(solo: Solo, { command, head, count, headersView, commit, logView }: Headers): Uint8Array {
  const chain = headerChain(head, 0, (op) => (op === 0 ? 0 : headersView)).slice(0, count);
  const checkpoint = command === Command.view ? [...recordBytes(solo.superblock.working.checkpoint)] : [];
  const body = Uint8Array.from([...checkpoint, ...chain.flatMap((header) => [...recordBytes(header)])]);
  const bytes = new Uint8Array(HEADER_SIZE_BYTES + body.length);
  bytes.set(body, HEADER_SIZE_BYTES);
  initHeader(new Header(bytes), command, 0n);
  if (command === Command.view) Object.assign(new ViewHeader(bytes), { op: head, commitMax: Math.min(commit, head) });
  if (command === Command.joinView) {
    Object.assign(new JoinViewHeader(bytes), {
      op: head,
      commitMin: Math.min(commit, head),
      logView,
      presentBitset: 1n,
    });
  }
  return bytes;
}

function bytesOf(solo: Solo, { content, replica, view }: AnyMessage): Uint8Array {
  const bytes = content.kind === "changed" ? changedBytes(content) : headersBytes(solo, content);
  const header = new Header(bytes);
  header.size = bytes.length;
  if (!OF_CLIENTS.has(header.command)) header.replica = replica;
  if (header.command !== Command.block) header.view = view;
  solo.checksums.setBody(header, bytes.subarray(HEADER_SIZE_BYTES));
  solo.checksums.set(header);
  return bytes;
}

/** The commands in whose messages the replica is always 0. */
const OF_CLIENTS: ReadonlySet<number> = new Set([Command.request, Command.pingClient]);

/** What a replica stops at rather than go on beside others that went another way (spec 03 §32). */
const DIVERGED =
  /has diverged|does not follow the checkpoint|more than this replica's --limit-request|is not the successor|has another checksum here|promised another log|conflict/;

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
            const bytes = bytesOf(solo, message);
            expect(solo.receive(bytes)).toBeNull();
            solo.settle();
            solo.tick(1);
            if (accepted(solo) > before) seen.add(commandName(new Header(bytes).command));
          }
          solo.tick(60);
        } catch (error) {
          if (!(error instanceof Error) || !DIVERGED.test(error.message)) throw error;
        }
      }),
      { numRuns: PROPERTY_RUNS },
    );
    expect(seen.size).toBeGreaterThan(10);
  });
});
