/**
 * The ports of vsr-protocol for real: files opened for direct I/O, TCP sockets and the system's clocks.
 *
 * @packageDocumentation
 */
export {};
