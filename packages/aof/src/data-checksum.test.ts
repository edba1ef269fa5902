import { PrepareHeader } from "@stagbeetle/vsr-protocol";
import { expect, test } from "vitest";
import { chain, chainOf } from "../test/log.ts";
import { DataChecksum } from "./data-checksum.ts";

function headerOf(checksumBody: string, timestamp: bigint, operation: number): PrepareHeader {
  const header = new PrepareHeader(new Uint8Array(256));
  header.checksumBody = BigInt(`0x${checksumBody}`);
  header.timestamp = timestamp;
  header.operation = operation;
  return header;
}

test("two prepares of the reference have the number that it prints (spec 06 §2.16)", () => {
  const checksum = new DataChecksum();
  checksum.add(headerOf("c004b7e987a47a1a1b8ac7f7fa36c109", 1_795_226_687_724_861_700n, 146));
  checksum.add(headerOf("6df8e577f975c99de547fbce16dcefc5", 1_795_226_688_338_192_259n, 147));
  expect(checksum.value()).toBe(153_323_414_718_433_616_381_482_217_387_706_424_081n);
});

test("no prepares have the number of nothing", () => {
  expect(new DataChecksum().value()).toBe(98_081_761_841_810_822_994_326_224_503_485_043_631n);
});

test("what a recovery changes or leaves out is not in the number", () => {
  const sum = (prepares: readonly Uint8Array[]): bigint => {
    const checksum = new DataChecksum();
    for (const prepare of prepares) checksum.add(new PrepareHeader(prepare));
    return checksum.value();
  };
  const body = Uint8Array.of(1);
  const data = { body, timestamp: 5n };
  const pulse = { operation: 4, body: new Uint8Array(0), timestamp: 9n };
  expect(sum(chain([pulse, { ...data, view: 3 }, { operation: 140, body }]))).toBe(sum(chain([data])));
  expect(sum(chain([{ ...data, timestamp: 6n }]))).not.toBe(sum(chain([data])));
  expect(sum(chainOf(2))).not.toBe(sum(chainOf(2).toReversed()));
});
