/**
 * Addresses of replicas as this project's clients take them: those of the reference (spec 01 §14), and host names.
 *
 * @module
 */
import { type Address, type AddressError, parseAddresses, PORT_DEFAULT } from "./address.ts";

/** Where to connect to: an address, or a name that has one whenever a connection is made. */
export type Endpoint = Address | { readonly family: "name"; readonly host: string; readonly port: number };

/** The endpoints in the order of the list, which is the order of the replicas, or the first error. */
export type ParsedEndpoints = { readonly endpoints: readonly Endpoint[] } | { readonly error: AddressError };

/** What DNS allows for a whole name. */
const NAME_LENGTH_MAX = 253;

/** Letters, digits, hyphens and underscores (which containers have in their names), at most 63, no hyphen at the ends. */
const LABEL = /^[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?$/iu;

/**
 * Reads a list of endpoints separated by commas: whatever {@link parseAddresses} takes, and `NAME` or `NAME:PORT`. The last
 * label of a name begins with a letter, so that no mistyped address or port is taken for one.
 *
 * @param endpointsMax how many are allowed.
 */
export function parseEndpoints(text: string, endpointsMax: number): ParsedEndpoints {
  // The limit goes first, and it counts what is separated by commas.
  const whole = parseAddresses(text, endpointsMax);
  if ("addresses" in whole) return { endpoints: whole.addresses };
  if (whole.error.reason === "AddressLimitExceeded") return whole;
  const endpoints: Endpoint[] = [];
  for (const part of text.split(",")) {
    const endpoint = parseName(part) ?? parseLiteral(part);
    if ("error" in endpoint) return endpoint;
    endpoints.push(endpoint);
  }
  return { endpoints };
}

/** An endpoint as {@link parseEndpoints} reads it: `HOST:PORT`, with brackets around an IPv6 literal. */
export function formatEndpoint({ family, host, port }: Endpoint): string {
  return family === 6 ? `[${host}]:${port}` : `${host}:${port}`;
}

function parseLiteral(part: string): Endpoint | { readonly error: AddressError } {
  const parsed = parseAddresses(part, 1);
  if ("error" in parsed) return parsed;
  const [address] = parsed.addresses;
  return address ?? { error: { reason: "AddressInvalid", message: "invalid address" } };
}

function parseName(part: string): Endpoint | null {
  const colon = part.indexOf(":");
  const host = colon === -1 ? part : part.slice(0, colon);
  if (!nameValid(host)) return null;
  if (colon === -1) return { family: "name", host, port: PORT_DEFAULT };
  // Ports alone are addresses, so their reader reads this one too.
  const parsed = parseLiteral(part.slice(colon + 1));
  return "error" in parsed || parsed.family !== 4 || String(parsed.port) !== part.slice(colon + 1)
    ? null
    : { family: "name", host, port: parsed.port };
}

function nameValid(host: string): boolean {
  const labels = host.split(".");
  const last = labels.at(-1) ?? "";
  return host.length <= NAME_LENGTH_MAX && labels.every((label) => LABEL.test(label)) && /^[a-z]/iu.test(last);
}
