import { describe, expect, test } from "vitest";
import { build, checksums, fromHex, SPECIFICATION_MESSAGES } from "../../test/messages.ts";
import { RECORDED_HEADERS } from "../../test/recorded-headers.ts";
import { Command } from "../command.ts";
import { describeHeader, headerFields } from "./describe.ts";
import { Header, HEADER_SIZE_BYTES } from "./frame.ts";
import { PrepareHeader } from "./prepare.ts";
import { ReplyHeader } from "./reply.ts";

/** Lines that the reference printed of a root prepare, a prepare and a reply. */
const ROOT =
  "Prepare{ .checksum=5146b8d0e1f69ca2e6867c42bb8263b7, .checksum_body=49f174618255402de6e7e3c40d60cc83, .cluster=0, .size=256, .epoch=0, .view=0, .release=0.0.0, .protocol=0, .command=vsr.Command.prepare, .replica=0, .parent=00000000000000000000000000000000, .request_checksum=00000000000000000000000000000000, .checkpoint_id=00000000000000000000000000000000, .client=0, .op=0, .commit=0, .timestamp=0, .request=0, .operation=vsr.Operation.root }";
const PREPARE =
  "Prepare{ .checksum=aa5eae474cd9ac58966f615885e99e5a, .checksum_body=7de5f3cca53d93c2c8bf74a7c42f31bf, .cluster=0, .size=3584, .epoch=0, .view=1, .release=0.17.9, .protocol=0, .command=vsr.Command.prepare, .replica=0, .parent=e4b7409bbd99969b41c58a74853f3376, .request_checksum=a9c311860830949b97f93c2cc272e062, .checkpoint_id=00000000000000000000000000000000, .client=229557427392592480292872064147243348300, .op=3, .commit=2, .timestamp=1795229793865466056, .request=1, .operation=vsr.Operation(146) }";
const REPLY =
  "Reply{ .checksum=2bd22e15600bbf0ea5af735b6a9104b9, .checksum_body=d749be45edc8184167bebc8755a641fb, .cluster=0, .size=288, .epoch=0, .view=1, .release=0.17.9, .protocol=0, .command=vsr.Command.reply, .replica=0, .request_checksum=b5fc067b127957be58d4dd246495cd71, .context=6c04d28f7ef86db11ab9848cac78c7f9, .client=123, .op=991, .commit=991, .timestamp=1500000026386540745, .request=970, .operation=vsr.Operation(147) }";

describe("a header as text", () => {
  test("is what the reference prints of a root prepare", () => {
    const root = SPECIFICATION_MESSAGES.find(({ name }) => name === "root prepare, cluster 0");
    expect(describeHeader(new Header(root?.bytes ?? new Uint8Array()))).toBe(ROOT);
  });

  test.each([
    ["prepare", PREPARE, PrepareHeader],
    ["reply", REPLY, ReplyHeader],
  ] as const)("is what the reference prints of a %s, and says all that is in it", (_, text, headerClass) => {
    const header = new Header(build(headerClass, parse(text)).subarray(0, HEADER_SIZE_BYTES));
    header.checksumBody = hexField(text, "checksum_body");
    checksums.set(header);
    expect(header.checksum).toBe(hexField(text, "checksum"));
    expect(describeHeader(header)).toBe(text);
  });

  test.each(Object.entries(RECORDED_HEADERS))("of %s names its command", (name, hex) => {
    const text = describeHeader(new Header(fromHex(hex, HEADER_SIZE_BYTES)));
    expect(text).toContain(`.command=vsr.Command.${name},`);
    expect(text).toMatch(/^[A-Z][A-Za-z]+\{ \.checksum=[0-9a-f]{32}, .* \}$/u);
    expect(text).not.toContain("padding");
  });

  test("shows padding and reserved bytes that are not zero", () => {
    const header = new Header(new Uint8Array(HEADER_SIZE_BYTES));
    header.command = 10;
    header.checksumPadding = 1n;
    header.nonceReserved = 2n;
    header.buffer[HEADER_SIZE_BYTES - 1] = 7;
    const text = describeHeader(header);
    expect(text).toContain(".checksum_padding=00000000000000000000000000000001,");
    expect(text).toContain(".nonce_reserved=2,");
    expect(text).toMatch(/\.reserved=\{ 0, .*, 7 \}/u);
    expect(text).not.toContain("reserved_frame");
  });

  test("is that of the command that its place decides", () => {
    const header = new Header(new Uint8Array(HEADER_SIZE_BYTES));
    expect(describeHeader(header, Command.prepare)).toMatch(/^Prepare\{ .*\.command=vsr\.Command\.reserved, .* \}$/u);
    expect(headerFields(header, Command.reply).at(-1)).toEqual(["operation", "vsr.Operation.reserved"]);
  });

  test("of an unknown command has its frame", () => {
    const header = new Header(new Uint8Array(HEADER_SIZE_BYTES));
    header.command = 25;
    expect(describeHeader(header)).toMatch(/^Header\{ .*\.command=vsr\.Command\.unknown_25, \.replica=0 \}$/u);
  });

  test("names reasons and block types", () => {
    const text = (name: string): string => describeHeader(new Header(fromHex(RECORDED_HEADERS[name] ?? "", 256)));
    expect(text("eviction")).toContain(".reason=client_release_too_low }");
    expect(text("block")).toContain(".block_type=free_set }");
  });
});

/** The fields of a printed header by their names here; checksums of the message itself are computed. */
function parse(text: string): { readonly [name: string]: number | bigint } {
  const fields: { [name: string]: number | bigint } = {};
  for (const [, label = "", value = ""] of text.matchAll(/\.([a-z_]+)=([^ ,]+)/gu)) {
    const name = label.replace(/_([a-z])/gu, (_, letter: string) => letter.toUpperCase());
    if (label === "release") fields[name] = 4361;
    else if (label === "command") fields[name] = value.endsWith("prepare") ? 6 : 8;
    else if (label === "operation") fields[name] = Number(/[0-9]+/u.exec(value)?.[0]);
    else if (/^[0-9a-f]{32}$/u.test(value) && label !== "client") fields[name] = BigInt(`0x${value}`);
    else fields[name] = ["client", "cluster", "timestamp"].includes(label) ? BigInt(value) : Number(value);
  }
  return fields;
}

function hexField(text: string, label: string): bigint {
  return BigInt(`0x${new RegExp(`\\.${label}=([0-9a-f]{32})`, "u").exec(text)?.[1]}`);
}
