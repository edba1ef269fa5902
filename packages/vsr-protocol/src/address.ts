/**
 * The addresses of replicas as operators and clients write them (spec 01 §14).
 *
 * @module
 */
import { assert } from "@stagbeetle/kernels";

/** The port of a replica's address that names none. */
export const PORT_DEFAULT = 3001;

/** The address of a part that is only a port. */
export const HOST_DEFAULT = "127.0.0.1";

const PORT_MAX = 65_535;

/** Where a replica listens. */
export interface Address {
  readonly family: 4 | 6;
  /** An IPv4 or IPv6 literal, without brackets. */
  readonly host: string;
  readonly port: number;
}

/** What is wrong with a list of addresses. */
export type AddressErrorReason =
  | "AddressLimitExceeded"
  | "AddressHasTrailingComma"
  | "AddressHasMoreThanOneColon"
  | "PortInvalid"
  | "AddressInvalid";

/** The first error in a list of addresses. */
export interface AddressError {
  readonly reason: AddressErrorReason;
  /** One line for the operator, to be put behind the name of the option. */
  readonly message: string;
}

/** The addresses in the order of the list, which is the order of the replicas, or the first error. */
export type ParsedAddresses = { readonly addresses: readonly Address[] } | { readonly error: AddressError };

/**
 * Reads a list of addresses separated by commas: `ADDRESS:PORT`, `ADDRESS` or `PORT`, with IPv6 literals in brackets.
 * There are no names, spaces, zones or resolution.
 *
 * @param addressesMax how many addresses are allowed.
 * @param portDefault the port of an address that names none.
 */
export function parseAddresses(
  text: string,
  addressesMax: number,
  portDefault: number = PORT_DEFAULT,
): ParsedAddresses {
  assert(Number.isInteger(addressesMax) && addressesMax > 0, () => `at most ${addressesMax} addresses`);
  if (countCommas(text) + 1 > addressesMax) {
    return failure("AddressLimitExceeded", `too many addresses, at most ${addressesMax} are allowed`);
  }
  const addresses: Address[] = [];
  for (const part of text.split(",")) {
    const parsed = part === "" ? "AddressHasTrailingComma" : parseAddress(part, portDefault);
    if (typeof parsed === "string") return failure(parsed, MESSAGES[parsed]);
    addresses.push(parsed);
  }
  return { addresses };
}

/** An address as {@link parseAddresses} reads it: `HOST:PORT`, with brackets around an IPv6 literal. */
export function formatAddress({ family, host, port }: Address): string {
  return family === 6 ? `[${host}]:${port}` : `${host}:${port}`;
}

const MESSAGES = {
  AddressHasTrailingComma: "invalid trailing comma",
  AddressHasMoreThanOneColon: "invalid address with more than one colon",
  PortInvalid: "invalid port",
  AddressInvalid: "invalid IPv4 or IPv6 address",
} as const;

function failure(reason: AddressErrorReason, message: string): ParsedAddresses {
  return { error: { reason, message } };
}

/** Counts before anything is split, so that a text of nothing but commas allocates nothing. */
function countCommas(text: string): number {
  let count = 0;
  for (let at = text.indexOf(","); at !== -1; at = text.indexOf(",", at + 1)) count += 1;
  return count;
}

/** The last separator decides how a part is read: a port alone, an address with a port, or an address alone. */
function parseAddress(part: string, portDefault: number): Address | keyof typeof MESSAGES {
  const at = Math.max(part.lastIndexOf(":"), part.lastIndexOf("."), part.lastIndexOf("]"));
  if (at === -1) {
    const port = parsePort(part);
    return port === null ? "PortInvalid" : { family: 4, host: HOST_DEFAULT, port };
  }
  if (part[at] !== ":") return parseHost(part, portDefault);
  const port = parsePort(part.slice(at + 1));
  return port === null ? "PortInvalid" : parseHost(part.slice(0, at), port);
}

function parseHost(host: string, port: number): Address | keyof typeof MESSAGES {
  if (host === "") return "AddressInvalid";
  if (host.endsWith(":")) return "AddressHasMoreThanOneColon";
  if (host.startsWith("[") && host.endsWith("]")) {
    const literal = parseIpv6(host.slice(1, -1));
    return literal === null ? "AddressInvalid" : { family: 6, host: literal, port };
  }
  return ipv4Valid(host) ? { family: 4, host, port } : "AddressInvalid";
}

/** Reads a port: decimal digits without a leading zero, at most 65535. */
function parsePort(text: string): number | null {
  return /^(?:0|[1-9][0-9]{0,4})$/u.test(text) && Number(text) <= PORT_MAX ? Number(text) : null;
}

/** Four decimal numbers up to 255 without leading zeros. */
function ipv4Valid(literal: string): boolean {
  const parts = literal.split(".", 5);
  return parts.length === 4 && parts.every((part) => /^(?:0|[1-9][0-9]{0,2})$/u.test(part) && Number(part) <= 255);
}

/** The number of groups of an IPv6 address. */
const IPV6_GROUPS = 8;

/**
 * Eight groups of hexadecimal digits, or fewer around one `::` that stands for at least one group of zeros.
 *
 * @returns the literal without leading zeros in its groups, which not every resolver takes; null if it is none.
 */
function parseIpv6(literal: string): string | null {
  const halves = literal.split("::", 3).map((half) => (half === "" ? [] : half.split(":", IPV6_GROUPS + 1)));
  const groups = halves.flat();
  const groupsValid = groups.every((group) => /^[0-9a-f]+$/iu.test(group) && Number.parseInt(group, 16) <= 0xffff);
  const countValid =
    halves.length === 1 ? groups.length === IPV6_GROUPS : halves.length === 2 && groups.length < IPV6_GROUPS;
  if (!groupsValid || !countValid) return null;
  return halves.map((half) => half.map((group) => Number.parseInt(group, 16).toString(16)).join(":")).join("::");
}
