import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { headerChain, PROPERTY_RUNS, sealed } from "../../../test/builders.ts";
import { checksums } from "../../../test/messages.ts";
import { ViewChangeCluster, type ViewChangeNode } from "../../../test/view-change-cluster.ts";
import { TEST_MIN } from "../../config/test-min.ts";
import { isZero } from "../../layout.ts";
import { Header, HEADER_SIZE_BYTES } from "../../message/frame.ts";
import { invalidBody } from "../../message/invalid-body.ts";
import { invalidHeader } from "../../message/invalid.ts";
import { PrepareHeader } from "../../message/prepare.ts";
import { writeBlankPrepare } from "../../message/special-prepares.ts";
import { CHECKPOINT_STATE_SIZE_BYTES, ViewHeader } from "../../message/view.ts";
import { viewMessageInvalid } from "./view-message.ts";

const LOG = headerChain(14, 0);
const FIRST = HEADER_SIZE_BYTES + CHECKPOINT_STATE_SIZE_BYTES;

/** A view of view 4 with ops 14 down to 10 or so, as its primary, replica 1, sends it. */
function announced(): Uint8Array {
  const cluster = new ViewChangeCluster([{ replica: 1, view: 4, log: LOG, commitMin: 12 }]);
  const primary = cluster.node(1);
  primary.status.transition("normal");
  primary.viewMessages.broadcast();
  return cluster.network[0]?.bytes ?? new Uint8Array(0);
}

/** A promise of replica 0 to view 5. */
function promised(): Uint8Array {
  const cluster = new ViewChangeCluster([{ replica: 0, view: 4, log: LOG, commitMin: 12 }]);
  const backup = cluster.node(0).start();
  backup.transitions.toViewChange(5);
  backup.storage.run();
  return cluster.network[0]?.bytes ?? new Uint8Array(0);
}

/** Changes a message and gives it checksums again. */
function forged(bytes: Uint8Array, change: (bytes: Uint8Array) => void): Uint8Array {
  const copy = bytes.slice();
  change(copy);
  const header = new Header(copy);
  checksums.setBody(header, copy.subarray(HEADER_SIZE_BYTES, header.size));
  checksums.set(header);
  return copy;
}

/** Hands a message to a node as its ingress does: what is invalid by itself never gets there. */
function offer(node: ViewChangeNode, bytes: Uint8Array): void {
  const message = node.pool.acquire();
  message.buffer.set(bytes);
  const { header } = message;
  const valid = invalidHeader(header, TEST_MIN) === null && invalidBody(message, TEST_MIN, checksums) === null;
  const own = header.replica === node.identity.replica || header.replica >= node.identity.nodeCount;
  message.release();
  if (valid && !own && isZero(header, Header.layout.cluster)) node.receive(bytes);
}

describe("a view message", () => {
  const invalid = (bytes: Uint8Array): string | null => {
    const header = new ViewHeader(bytes);
    return viewMessageInvalid(TEST_MIN, header, bytes.subarray(HEADER_SIZE_BYTES, header.size), 3);
  };

  it("of a primary is valid", () => {
    expect(invalid(announced())).toBe(null);
  });

  it.each<[string, (bytes: Uint8Array) => void, RegExp]>([
    ["is not from the primary of its view", (bytes) => (new ViewHeader(bytes).view = 5), /replica 1 is not/],
    ["has a head beyond the pipeline", (bytes) => (new ViewHeader(bytes).commitMax = 9), /far beyond/],
    ["begins with another op than it says", (bytes) => (new ViewHeader(bytes).op = 13), /begin with op 14/],
    ["has no headers", (bytes) => (new ViewHeader(bytes).size = FIRST), /none/],
    ["has a gap in the pipeline", (bytes) => bytes.copyWithin(FIRST + 256, FIRST + 512), /gap/],
    ["lacks some of the newest headers", (bytes) => (new ViewHeader(bytes).size = FIRST + 3 * 256), /newest 5 ops/],
    ["has a blank", (bytes) => writeBlankPrepare(new PrepareHeader(bytes, FIRST + 256), 13), /blank/],
    ["has another checkpoint than it says", (bytes) => (new ViewHeader(bytes).checkpointOp = 19), /not 19/],
    ["has a damaged checkpoint", (bytes) => (bytes[HEADER_SIZE_BYTES + 600] = 1), /checkpoint/],
    [
      "prepares what its checkpoint does not allow",
      (bytes) => {
        const headers = headerChain(40, 0);
        new ViewHeader(bytes).op = 40;
        new ViewHeader(bytes).commitMax = 36;
        for (let at = FIRST, index = 0; at < bytes.length; at += 256, index += 1) {
          bytes.set(headers[index]?.buffer ?? [], at);
        }
      },
      /op 40 is beyond 31/,
    ],
  ])("is refused if it %s", (_name, change, reason) => {
    expect(invalid(forged(announced(), change))).toMatch(reason);
  });
});

describe("what a peer sends", () => {
  const edit = fc.record({
    at: fc.nat(2000),
    value: fc.oneof(fc.nat(30), fc.nat(255)),
    reseal: fc.boolean(),
  });

  /** Changes bytes, and gives headers in the body their checksum again, or not. */
  const edited = (bytes: Uint8Array, list: number, edits: readonly { at: number; value: number; reseal: boolean }[]) =>
    forged(bytes, (copy) => {
      for (const { at, value, reseal } of edits) {
        const offset = 96 + (at % (copy.length - 96));
        // Sizes are checked before a message is one.
        if (offset < 100) continue;
        copy[offset] = value;
        const entry = list + Math.floor((offset - list) / HEADER_SIZE_BYTES) * HEADER_SIZE_BYTES;
        if (reseal && entry >= list) sealed(new PrepareHeader(copy, entry));
      }
    });

  it("about a view never trips a backup", () => {
    const bytes = announced();
    const property = fc.property(fc.array(edit, { maxLength: 4 }), fc.boolean(), (edits, older) => {
      const cluster = new ViewChangeCluster([{ replica: 0, view: older ? 3 : 4, log: LOG.slice(2), commitMin: 10 }]);
      const backup = cluster.node(0);
      if (older) backup.transitions.recoveringToViewChange(4);
      else backup.start();
      offer(backup, edited(bytes, FIRST, edits));
    });
    fc.assert(property, { numRuns: PROPERTY_RUNS });
  });

  it("when it joins a view never trips the primary", () => {
    const bytes = promised();
    const property = fc.property(fc.array(edit, { maxLength: 4 }), fc.integer({ min: 11, max: 14 }), (edits, op) => {
      const cluster = new ViewChangeCluster([{ replica: 2, view: 4, log: LOG.slice(14 - op), commitMin: 10 }]);
      const primary = cluster.node(2).start();
      primary.transitions.toViewChange(5);
      offer(primary, edited(bytes, HEADER_SIZE_BYTES, edits));
      offer(primary, edited(bytes, HEADER_SIZE_BYTES, edits.slice(1)));
    });
    fc.assert(property, { numRuns: PROPERTY_RUNS });
  });
});
