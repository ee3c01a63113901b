import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { Side } from "../src/side.js";

beforeEach(() => {
  vi.useFakeTimers({ toFake: ["performance", "setTimeout"] });
});
afterEach(() => {
  vi.useRealTimers();
});

test("answers and failures of the last second are told, and the durations of answered calls of the last ten", async () => {
  let fails = false;
  const side = new Side(() => {
    vi.advanceTimersByTime(fails ? 1 : 20);
    return fails ? Promise.reject(new Error("refused")) : Promise.resolve();
  });
  await side.fire();
  fails = true;
  for (let call = 0; call < 5; call += 1) await side.fire();
  expect(side.view()).toMatchObject({ callsPerSecond: 1, failuresPerSecond: 5, p50Ms: 20, p95Ms: 20, inFlight: 0 });
  vi.advanceTimersByTime(1_000);
  expect(side.view()).toMatchObject({ callsPerSecond: 0, failuresPerSecond: 0, p50Ms: 20 });
  vi.advanceTimersByTime(10_000);
  await side.fire();
  expect(side.view()).toMatchObject({ failuresPerSecond: 1, p50Ms: undefined, p95Ms: undefined });
  expect(side.lastEnd).toBe("failed");
});

test("a call without an answer says how long it has waited, and a side of one call makes no second one", async () => {
  let calls = 0;
  const side = new Side(() => {
    calls += 1;
    return new Promise(() => {});
  }, 1);
  expect(side.view()).toMatchObject({ waitingMs: 0, inFlight: 0 });
  void side.fire();
  vi.advanceTimersByTime(2_500);
  void side.fire();
  expect(side.view()).toMatchObject({ waitingMs: 2_500, inFlight: 1 });
  expect(calls).toBe(1);
});

test("a server that never answers is not sent an endless pile of calls", async () => {
  let calls = 0;
  const side = new Side(() => {
    calls += 1;
    return new Promise(() => {});
  });
  for (let call = 0; call < 1_000; call += 1) void side.fire();
  expect(side.view().inFlight).toBe(calls);
  expect(calls).toBeLessThan(100);
});
