import { describe, expect, test } from "vitest";
import {
  Operation,
  operationName,
  operationOfCluster,
  operationOfStateMachine,
  operationValid,
  VSR_OPERATIONS_RESERVED,
} from "./operation.ts";

describe("operations of the protocol", () => {
  test.each([
    [Operation.reserved, 0, "reserved"],
    [Operation.root, 1, "root"],
    [Operation.register, 2, "register"],
    [Operation.reconfigure, 3, "reconfigure"],
    [Operation.pulse, 4, "pulse"],
    [Operation.upgrade, 5, "upgrade"],
    [Operation.noop, 6, "noop"],
  ])("%i has the value %i and the name %s", (operation, value, name) => {
    expect(operation).toBe(value);
    expect(operationValid(operation)).toBe(true);
    expect(operationName(operation)).toBe(name);
  });

  test("7 to 255 are none", () => {
    for (let operation = 7; operation <= 255; operation += 1) expect(operationValid(operation)).toBe(false);
  });

  test("from 128 on they are the state machine's", () => {
    expect(VSR_OPERATIONS_RESERVED).toBe(128);
    expect(operationOfStateMachine(127)).toBe(false);
    expect(operationOfStateMachine(128)).toBe(true);
    expect(operationName(146)).toBe("146");
  });

  test("only pulse and upgrade have no client", () => {
    const clientless = Object.values(Operation).filter(operationOfCluster);
    expect(clientless).toEqual([Operation.pulse, Operation.upgrade]);
  });
});
