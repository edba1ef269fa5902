import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { type AddressErrorReason, formatAddress, parseAddresses } from "./address.ts";

function parse(text: string, addressesMax = 2): string {
  const parsed = parseAddresses(text, addressesMax);
  return "error" in parsed ? parsed.error.reason : parsed.addresses.map(formatAddress).join(" ");
}

describe("addresses", () => {
  test.each([
    ["3000", "127.0.0.1:3000"],
    ["127.0.0.1", "127.0.0.1:3001"],
    ["1.2.3.4:5,4321", "1.2.3.4:5 127.0.0.1:4321"],
    ["0.0.0.0:0", "0.0.0.0:0"],
    ["255.255.255.255:65535", "255.255.255.255:65535"],
    ["0", "127.0.0.1:0"],
    ["[::1]", "[::1]:3001"],
    ["[::]", "[::]:3001"],
    ["[fe80::1ff:fe23:4567:890a]:1234", "[fe80::1ff:fe23:4567:890a]:1234"],
    ["[1:2:3:4:5:6:7:8]:9", "[1:2:3:4:5:6:7:8]:9"],
    ["[1::]", "[1::]:3001"],
    ["[::8],[1:2:3:4:5:6:7::]", "[::8]:3001 [1:2:3:4:5:6:7::]:3001"],
    ["[00001::000F]", "[1::f]:3001"],
    ["[ABCD::]", "[abcd::]:3001"],
  ])("%j is %s", (text, addresses) => {
    expect(parse(text)).toBe(addresses);
  });

  const invalid: { readonly [Reason in AddressErrorReason]: readonly string[] } = {
    AddressHasTrailingComma: ["", "1.2.3.4:7777,", ",", ",3000"],
    AddressInvalid: [
      ". :92 ::ff:92 1.2.3 256.1.1.1 127.0.0.01 [] [g::] [::1]. x] [::1]x [::1]3000 2.a.4.5 2.a.4.5:6 1.2.3.4.5 1..2.3",
      "[:::] [1:::2] [1::2::3] [10000::] [1:2:3:4:5:6:7] [1:2:3:4:5:6:7:8:9] [1:2:3:4::5:6:7:8] [:1:2:3:4:5:6:7]",
      "[1:2:3:4:5:6:7:] [fe80::1%1] [::ffff:1.2.3.4] localhost:3000 [[::1]]",
    ]
      .flatMap((texts) => texts.split(" "))
      .concat("[ ::1]", "1.2.3.4 ", " 1.2.3.4:5"),
    PortInvalid: [
      ": A localhost 2.3.4.5: 2.3.4.5:A 65536 2.3.4.5:65536 00 03000 0x1F +1 1_0 -1 1e3 999999999999999999999 [::1]:",
    ]
      .flatMap((texts) => texts.split(" "))
      .concat(" 3000", "3000 "),
    AddressHasMoreThanOneColon: ["2.3.4.5::8888", "::1", "[::1"],
    AddressLimitExceeded: ["1.2.3.4:5,2.3.4.5:6,4.5.6.7:8", ",,", "x,y,z"],
  };

  test.each(Object.entries(invalid).flatMap(([reason, texts]) => texts.map((text) => [text, reason] as const)))(
    "%j: %s",
    (text, reason) => {
      expect(parse(text)).toBe(reason);
    },
  );

  test("the first error is told", () => {
    expect(parse("3000,,3001", 3)).toBe("AddressHasTrailingComma");
    expect(parse("A,,x]", 3)).toBe("PortInvalid");
    expect(parse("1.2.3,A", 3)).toBe("AddressInvalid");
  });

  test("the errors say what is wrong", () => {
    const message = (text: string): string => {
      const parsed = parseAddresses(text, 2);
      return "error" in parsed ? parsed.error.message : "";
    };
    expect(message("1,")).toBe("invalid trailing comma");
    expect(message("1,2,3")).toBe("too many addresses, at most 2 are allowed");
    expect(message("::1")).toBe("invalid address with more than one colon");
    expect(message("A")).toBe("invalid port");
    expect(message("1.2.3")).toBe("invalid IPv4 or IPv6 address");
  });

  test("any text is read or refused without an exception, and what is read prints as something that reads the same", () => {
    const text = fc.oneof(fc.string(), fc.string({ unit: fc.constantFrom(...Array.from("0123456789af.:[]%, ")) }));
    fc.assert(
      fc.property(text, (candidate) => {
        const parsed = parseAddresses(candidate, 6);
        if ("error" in parsed) return;
        expect(parseAddresses(parsed.addresses.map(formatAddress).join(","), 6)).toEqual(parsed);
      }),
      { numRuns: 2000 },
    );
  });

  test("any IPv4 address and port reads as it prints", () => {
    fc.assert(
      fc.property(fc.ipV4(), fc.nat(65_535), (host, port) => {
        expect(parse(`${host}:${port}`)).toBe(`${host}:${port}`);
      }),
    );
  });
});
