import fc from "fast-check";
import { describe, expect, it } from "vitest";

import { parseAddresses } from "./address.ts";
import { formatEndpoint, parseEndpoints } from "./endpoint.ts";

describe("parseEndpoints", () => {
  it.each([
    ["localhost", "localhost:3001"],
    ["localhost:3000", "localhost:3000"],
    ["ledger-0.ledger.svc.cluster.local:3000,ledger_1:0", "ledger-0.ledger.svc.cluster.local:3000,ledger_1:0"],
    ["db.example.com,3000,[::1]:3002", "db.example.com:3001,127.0.0.1:3000,[::1]:3002"],
    ["1host.example", "1host.example:3001"],
  ])("%s is %s", (text, formatted) => {
    const parsed = parseEndpoints(text, 3);
    expect("endpoints" in parsed && parsed.endpoints.map(formatEndpoint).join()).toBe(formatted);
  });

  it.each([
    ["", "AddressHasTrailingComma"],
    ["localhost,", "AddressHasTrailingComma"],
    ["a,b,c,d", "AddressLimitExceeded"],
    ["localhost:", "PortInvalid"],
    ["localhost:03000", "PortInvalid"],
    ["localhost:65536", "PortInvalid"],
    ["localhost:host", "PortInvalid"],
    ["-host", "PortInvalid"],
    ["host-", "PortInvalid"],
    ["ho st", "PortInvalid"],
    ["0x1F", "PortInvalid"],
    ["1_0", "PortInvalid"],
    ["256.1.1.1", "AddressInvalid"],
    ["1.2.3", "AddressInvalid"],
    ["host.", "AddressInvalid"],
    ["host..example", "AddressInvalid"],
    [`${"a".repeat(64)}.example`, "AddressInvalid"],
  ])("%s is no list of endpoints: %s", (text, reason) => {
    const parsed = parseEndpoints(text, 3);
    expect("error" in parsed && parsed.error.reason).toBe(reason);
  });

  it("takes every list that parseAddresses takes, as the same addresses", () => {
    const text = fc.string({ unit: fc.constantFrom(...Array.from("0123456789.:[],ae-_%")), maxLength: 30 });
    fc.assert(
      fc.property(text, (list) => {
        const addresses = parseAddresses(list, 6);
        const endpoints = parseEndpoints(list, 6);
        if ("addresses" in addresses) expect(endpoints).toEqual({ endpoints: addresses.addresses });
      }),
    );
  });
});
