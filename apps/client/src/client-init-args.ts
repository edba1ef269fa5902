/**
 * What a client is made with.
 */

/** How to reach a cluster. */
export interface ClientInitArgs {
  /** The cluster's id: a u128, that of `format --cluster`. */
  cluster_id: bigint;
  /**
   * Where the replicas are, in their order, 1 to 6 of them: `PORT`, `HOST` or `HOST:PORT`, where a host is an IPv4 address, an
   * IPv6 address in brackets or a name. Names are looked up again at every connection. Defaults: 127.0.0.1 and 3001.
   */
  replica_addresses: (string | number)[];
  /** The deadline of every request that does not have its own, in milliseconds. Without one, a request may take for ever. */
  deadline_ms?: number;
  /**
   * The release to present, as `0.17.9`, which is the default; from `0.17.0` on. A cluster serves no client that is newer than
   * itself.
   */
  release?: string;
}
