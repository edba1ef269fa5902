/**
 * The ports of vsr-protocol without a machine: storage, network and time in memory, driven by one seed, with faults on request.
 *
 * @packageDocumentation
 */
export {};
