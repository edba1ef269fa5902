/**
 * The part of the WebAssembly JavaScript interface that the workspace uses. TypeScript declares it only together with
 * the DOM, which the packages must not see. Synchronous only: the deterministic core has no promises.
 */
declare namespace WebAssembly {
  interface MemoryDescriptor {
    readonly initial: number;
    readonly maximum?: number;
    readonly shared?: boolean;
  }

  /** A linear memory; `buffer` is detached by every `grow`, unless it is shared. */
  class Memory {
    constructor(descriptor: MemoryDescriptor);
    readonly buffer: ArrayBuffer | SharedArrayBuffer;
    grow(deltaPages: number): number;
  }

  class Module {
    constructor(bytes: ArrayBufferView<ArrayBuffer> | ArrayBuffer);
  }

  class Instance {
    constructor(module: Module, imports?: Readonly<Record<string, Readonly<Record<string, unknown>>>>);
    readonly exports: Readonly<Record<string, unknown>>;
  }

  class RuntimeError extends Error {}

  function validate(bytes: ArrayBufferView<ArrayBuffer> | ArrayBuffer): boolean;
}
