/**
 * Compliance suites of the ports: what every implementation has to do, as cases without a test framework.
 *
 * @example
 * ```ts
 * import { storageCompliance } from "@stagbeetle/vsr-protocol/compliance";
 *
 * for (const { name, run } of storageCompliance) test(name, () => run(createSubject));
 * ```
 *
 * @packageDocumentation
 */
export { bodyChecksumsCompliance } from "./body-checksums.ts";
export type { BodyChecksumsSubject } from "./body-checksums.ts";
export { assertBytes, assertRefuses, aWhile, complianceCase } from "./compliance-case.ts";
export type { ComplianceCase, Subject } from "./compliance-case.ts";
export { messageBusCompliance } from "./message-bus.ts";
export type { CreateMessageBusNetwork, MessageBusNetwork, NetworkMember } from "./message-bus.ts";
export { spillCompliance } from "./spill.ts";
export type { SpillSubject } from "./spill.ts";
export { storageCompliance } from "./storage.ts";
export type { StorageSubject } from "./storage.ts";
export { timeCompliance } from "./time.ts";
export type { TimeSubject } from "./time.ts";
