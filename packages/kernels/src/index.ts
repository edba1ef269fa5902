/**
 * Work that touches every byte or every event of a batch: checksum, sort, merge, search and hash, written in AssemblyScript and called from TypeScript through WebAssembly memory.
 *
 * @packageDocumentation
 */
export {};
