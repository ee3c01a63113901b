import fc from "fast-check";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { RetryBudget } from "../../src/call/retry.js";

beforeEach(() => void vi.useFakeTimers({ toFake: ["performance"] }));
afterEach(() => void vi.useRealTimers());

/** How many of `times` retries are granted now. */
function granted(budget: RetryBudget, times: number): number {
  return Array.from({ length: times }, () => budget.take()).filter(Boolean).length;
}

test("M4: under load at most a tenth of the calls of ten seconds are retries, and that tenth is granted", () => {
  const budget = new RetryBudget();
  const perSecond: number[] = [];
  for (let second = 0; second < 60; second++) {
    let retries = 0;
    for (let call = 0; call < 1_000; call++) {
      budget.call();
      retries += granted(budget, 2);
    }
    perSecond.push(retries);
    const window = perSecond.slice(-10);
    const sum = window.reduce((all, one) => all + one, 0);
    expect(sum).toBeLessThanOrEqual(window.length * 100);
    expect(sum).toBeGreaterThanOrEqual(window.length * 100 - 1);
    vi.advanceTimersByTime(1_000);
  }
});

test("M4: ten retries are free, however few calls there are, and free again ten seconds later", () => {
  const budget = new RetryBudget();
  for (let round = 0; round < 3; round++) {
    budget.call();
    expect(granted(budget, 50)).toBe(10);
    vi.advanceTimersByTime(9_000);
    expect(granted(budget, 50)).toBe(0);
    vi.advanceTimersByTime(1_000);
  }
});

test("M4: calls of more than ten seconds ago earn no retry", () => {
  const budget = new RetryBudget();
  for (let call = 0; call < 1_000; call++) budget.call();
  vi.advanceTimersByTime(9_000);
  expect(granted(budget, 50)).toBe(50);
  vi.advanceTimersByTime(1_000);
  // The hundred that the calls had earned are gone with them; the fifty have been had.
  expect(granted(budget, 50)).toBe(0);
});

test("M4: no retry is granted beyond ten and a tenth of the calls, whatever comes when", () => {
  const step = fc.oneof(
    fc.record({ kind: fc.constant("call" as const), times: fc.integer({ min: 1, max: 60 }) }),
    fc.record({ kind: fc.constant("take" as const), times: fc.integer({ min: 1, max: 30 }) }),
    fc.record({ kind: fc.constant("wait" as const), times: fc.integer({ min: 1, max: 4_000 }) }),
  );
  fc.assert(
    fc.property(fc.array(step, { maxLength: 200 }), (steps) => {
      const budget = new RetryBudget();
      const calls: number[] = [];
      const retries: number[] = [];
      const recent = (all: readonly number[]): number =>
        all.filter((at) => Math.floor(performance.now() / 1_000) - at < 10).length;
      for (const { kind, times } of steps) {
        if (kind === "wait") vi.advanceTimersByTime(times);
        for (let i = 0; i < times && kind !== "wait"; i++) {
          const second = Math.floor(performance.now() / 1_000);
          if (kind === "call") {
            budget.call();
            calls.push(second);
          } else if (budget.take()) retries.push(second);
          else expect(recent(retries)).toBeGreaterThanOrEqual(10);
          if (kind === "take" && recent(retries) > 10)
            expect(recent(retries)).toBeLessThanOrEqual(Math.max(recent(calls) / 10, recent(retries.slice(0, -1))));
        }
      }
    }),
  );
});
