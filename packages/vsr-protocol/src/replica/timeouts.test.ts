import { expect, test } from "vitest";
import { TEST_MIN } from "../config/test-min.ts";
import { Random } from "../random.ts";
import { TIMEOUTS, type TimeoutHandlers, Timeouts } from "./timeouts.ts";

const ignore = (): void => undefined;
const NONE: TimeoutHandlers = {
  ping: ignore,
  prepare: ignore,
  primaryAbdicate: ignore,
  commitMessage: ignore,
  exitViewWindow: ignore,
  exitViewMessage: ignore,
  viewChangeStatus: ignore,
  joinViewMessage: ignore,
  getViewMessage: ignore,
  journalRepair: ignore,
  repairSync: ignore,
  gridRepair: ignore,
  upgrade: ignore,
  pulse: ignore,
  gridScrub: ignore,
  traceEmit: ignore,
  commitStall: ignore,
};

function timeouts(handlers: Partial<TimeoutHandlers>): Timeouts {
  const subject = new Timeouts({ config: TEST_MIN, random: new Random(1) });
  subject.connect({ ...NONE, ...handlers });
  return subject;
}

test("the table has the ticks and the order of the specification", () => {
  expect(TIMEOUTS.map(({ name, afterTicks }) => `${name} ${afterTicks}`)).toEqual([
    "ping 100",
    "prepare 25",
    "primaryAbdicate 1000",
    "commitMessage 50",
    "exitViewWindow 500",
    "exitViewMessage 50",
    "viewChangeStatus 500",
    "joinViewMessage 50",
    "getViewMessage 100",
    "journalRepair 10",
    "repairSync 500",
    "gridRepair 10",
    "upgrade 500",
    "pulse 10",
    "gridScrub 50",
    "traceEmit 1000",
    "commitStall null",
  ]);
});

test("a timeout runs its handler when its ticks have passed, and again after a reset", () => {
  let fired = 0;
  const subject = timeouts({
    pulse: (timeout) => {
      fired += 1;
      timeout.reset();
    },
  });
  subject.get("pulse").start();
  for (let ticks = 0; ticks < 9; ticks += 1) subject.tick();
  expect(fired).toBe(0);
  subject.tick();
  expect(fired).toBe(1);
  for (let ticks = 0; ticks < 10; ticks += 1) subject.tick();
  expect(fired).toBe(2);
});

test("timeouts that fire in one tick run in the order of the table", () => {
  const order: string[] = [];
  const subject = timeouts({
    pulse: (timeout) => {
      order.push(timeout.name);
      timeout.stop();
    },
    journalRepair: (timeout) => {
      order.push(timeout.name);
      timeout.stop();
    },
  });
  subject.get("pulse").start();
  subject.get("journalRepair").start();
  for (let ticks = 0; ticks < 10; ticks += 1) subject.tick();
  expect(order).toEqual(["journalRepair", "pulse"]);
});

test("a handler that leaves its timeout as it was is a bug", () => {
  const subject = timeouts({ pulse: () => undefined });
  subject.get("pulse").start();
  for (let ticks = 0; ticks < 9; ticks += 1) subject.tick();
  expect(() => subject.tick()).toThrow("left it as it was");
});

test("several are started and stopped at once", () => {
  const subject = timeouts({});
  subject.start("ping", "prepare");
  expect([subject.get("ping").ticking, subject.get("prepare").ticking]).toEqual([true, true]);
  subject.stop("ping", "prepare", "pulse");
  expect([subject.get("ping").ticking, subject.get("prepare").ticking]).toEqual([false, false]);
});

test("tests can choose other ticks", () => {
  const subject = new Timeouts({ config: TEST_MIN, random: new Random(1), afterTicks: { prepare: 7 } });
  subject.start("prepare", "ping");
  expect(subject.get("prepare").afterDynamicTicks).toBe(7);
  expect(subject.get("ping").afterDynamicTicks).toBe(100);
});
