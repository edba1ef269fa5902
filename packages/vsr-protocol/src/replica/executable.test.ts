import { describe, expect, test } from "vitest";
import { Operation } from "../operation.ts";
import { inputValid, operationKnown, type StateMachineOperations } from "./executable.ts";

/** Has one operation, which takes bodies of one byte. */
const machine: StateMachineOperations = {
  operationValid: (operation) => operation === 130,
  inputValid: (operation, body) => operation === 130 && body.length === 1,
};
const withPulses: StateMachineOperations = {
  operationValid: (operation) => operation === Operation.pulse || operation === 130,
  inputValid: (operation, body) => body.length === (operation === Operation.pulse ? 0 : 1),
};

describe("the operations that there are", () => {
  test("are those of the protocol and those of the state machine, and no others", () => {
    const known = Array.from({ length: 256 }, (_, operation) => operation).filter((operation) =>
      operationKnown(operation, machine),
    );
    const { reserved, root, register, reconfigure, upgrade, noop } = Operation;
    expect(known).toEqual([reserved, root, register, reconfigure, upgrade, noop, 130]);
  });

  test("have the pulse among them only if the state machine has it", () => {
    expect([machine, withPulses].map((each) => operationKnown(Operation.pulse, each))).toEqual([false, true]);
  });
});

test("the state machine judges the bodies of what it executes, the pulse's among them, and of nothing else", () => {
  const judged = [Operation.register, Operation.noop, Operation.pulse, 130].map((operation) =>
    [0, 1, 2].map((size) => inputValid(operation, new Uint8Array(size), withPulses)),
  );
  expect(judged).toEqual([
    [true, true, true],
    [true, true, true],
    [true, false, false],
    [false, true, false],
  ]);
});
