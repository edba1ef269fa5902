import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { PROPERTY_RUNS } from "../../test/builders.ts";
import { CLIENT, finish, fromHex, fromMemoryOrder, SPECIFICATION_MESSAGES, toHex } from "../../test/messages.ts";
import { RECORDED_HEADERS } from "../../test/recorded-headers.ts";
import { Command, commandName } from "../command.ts";
import { PRODUCTION } from "../config/production.ts";
import { type Field, fieldSizeBytes, type Layout } from "../layout.ts";
import { Checksums } from "./checksums.ts";
import { commandHeaderOf } from "./command-header.ts";
import { Header, HEADER_SIZE_BYTES } from "./frame.ts";
import { invalidHeader } from "./invalid.ts";

const checksums = new Checksums();

/** The commands that have a header: all but `reserved` and the deprecated ones. */
const live = Object.values(Command).filter((command) => commandHeaderOf(command) !== null);

function layoutOf(command: number): Layout {
  const known = commandHeaderOf(command);
  if (known === null) throw new Error(`command ${command} has no header`);
  return known.layout;
}

describe("the messages of the specification", () => {
  test.each(SPECIFICATION_MESSAGES)("$name has the printed checksum", ({ bytes, checksum }) => {
    expect(new Header(bytes).checksum).toBe(fromMemoryOrder(checksum));
  });

  test.each(SPECIFICATION_MESSAGES)("$name is valid", ({ bytes }) => {
    const header = new Header(bytes);
    expect(checksums.valid(header)).toBe(true);
    expect(checksums.validBody(header, bytes.subarray(HEADER_SIZE_BYTES))).toBe(true);
    expect(invalidHeader(header, PRODUCTION)).toBeNull();
  });
});

describe("the headers that the reference sent", () => {
  test("there is one for every command", () => {
    expect(Object.keys(RECORDED_HEADERS).toSorted()).toEqual(live.map(commandName).toSorted());
  });

  test.each(Object.entries(RECORDED_HEADERS))("%s is valid", (name, hex) => {
    const header = new Header(fromHex(hex, HEADER_SIZE_BYTES));
    expect(commandName(header.command)).toBe(name);
    expect(checksums.valid(header)).toBe(true);
    expect(invalidHeader(header, PRODUCTION)).toBeNull();
  });

  test.each(Object.entries(RECORDED_HEADERS))(
    "%s has the same bytes after its fields were read and written",
    (_, hex) => {
      const bytes = fromHex(hex, HEADER_SIZE_BYTES);
      const copy = new Uint8Array(HEADER_SIZE_BYTES);
      const { command } = new Header(bytes);
      const source = viewOf(command, bytes);
      const target = viewOf(command, copy);
      for (const field of Object.keys(layoutOf(command))) Reflect.set(target, field, Reflect.get(source, field));
      expect(toHex(copy)).toBe(toHex(bytes));
    },
  );
});

describe("the layouts", () => {
  test.each(live.map((command) => [commandName(command), command] as const))(
    "the fields of %s cover all 256 bytes",
    (_, command) => {
      let end = 0;
      for (const field of Object.values(layoutOf(command))) {
        expect(field.offset).toBe(end);
        end += fieldSizeBytes(field);
      }
      expect(end).toBe(HEADER_SIZE_BYTES);
    },
  );

  test.each(live.map((command) => [commandName(command), command] as const))(
    "any values of the fields of %s come back",
    (_, command) => {
      const values = Object.fromEntries(
        Object.entries(layoutOf(command)).map(([name, field]) => [name, valueOf(field)]),
      );
      fc.assert(
        fc.property(fc.record(values), (fields) => {
          const header = viewOf(command, new Uint8Array(2 * HEADER_SIZE_BYTES), 128);
          Object.assign(header, fields);
          for (const [name, value] of Object.entries(fields)) expect(Reflect.get(header, name)).toEqual(value);
        }),
        { numRuns: Math.ceil(PROPERTY_RUNS / 5) },
      );
    },
  );
});

describe("hostile headers", () => {
  test("any bytes with a valid checksum are judged without an exception", () => {
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 256, maxLength: 256 }), fc.nat(255), (bytes, command) => {
        bytes[114] = command;
        invalidHeader(new Header(finish(bytes)), PRODUCTION);
      }),
      { numRuns: PROPERTY_RUNS * 10 },
    );
  });

  test("any bytes behind an empty frame are judged without an exception", () => {
    const frame = fc.record({ command: fc.nat(24), operation: fc.nat(6), at: fc.constantFrom(196, 236, 252) });
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 128, maxLength: 128 }), frame, (rest, { command, operation, at }) => {
        const bytes = new Uint8Array(HEADER_SIZE_BYTES);
        bytes.set(rest, 128);
        bytes[at] = operation;
        const header = new Header(bytes);
        header.command = command;
        header.size = HEADER_SIZE_BYTES;
        invalidHeader(header, PRODUCTION);
      }),
      { numRuns: PROPERTY_RUNS * 10 },
    );
  });

  test("a flipped bit is found by the checksum", () => {
    fc.assert(
      fc.property(fc.constantFrom(...SPECIFICATION_MESSAGES), fc.nat(256 * 8 - 1), ({ bytes }, bit) => {
        const damaged = bytes.slice();
        const byte = Math.floor(bit / 8);
        damaged[byte] = (damaged[byte] ?? 0) ^ (1 << (bit % 8));
        expect(checksums.valid(new Header(damaged))).toBe(false);
      }),
      { numRuns: PROPERTY_RUNS * 10 },
    );
  });
});

test("the client of the specification is read as it was written", () => {
  const ping = SPECIFICATION_MESSAGES.find(({ name }) => name === "ping_client");
  expect(toHex(ping?.bytes.subarray(128, 144) ?? new Uint8Array())).toBe("100f0e0d0c0b0a090807060504030201");
  expect(CLIENT.toString(16)).toBe("102030405060708090a0b0c0d0e0f10");
});

/** A header with the fields of its command. */
function viewOf(command: number, buffer: Uint8Array, offset = 0): Header {
  const view = commandHeaderOf(command)?.view(new Header(buffer, offset));
  return view ?? expect.fail(`command ${command} has no header`);
}

function valueOf(field: Field): fc.Arbitrary<unknown> {
  switch (field.type) {
    case "u8":
      return fc.nat(0xff);
    case "u16":
      return fc.nat(0xffff);
    case "u32":
      return fc.integer({ min: 0, max: 0xffff_ffff });
    case "u53":
      return fc.maxSafeNat();
    case "u64":
      return fc.bigInt(0n, 2n ** 64n - 1n);
    case "u128":
      return fc.bigInt(0n, 2n ** 128n - 1n);
    case "bytes":
      return fc.uint8Array({ minLength: field.size, maxLength: field.size });
  }
}
