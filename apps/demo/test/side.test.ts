import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { Side } from "../src/side.js";

beforeEach(() => {
  vi.useFakeTimers({ toFake: ["performance", "setTimeout"] });
});
afterEach(() => {
  vi.useRealTimers();
});

test("successes and failures of the last second and durations of the last ten are told", async () => {
  let fails = false;
  const side = new Side(() => {
    vi.advanceTimersByTime(20);
    return fails ? Promise.reject(new Error("down")) : Promise.resolve();
  });
  await side.fire();
  fails = true;
  await side.fire();
  expect(side.view()).toMatchObject({ callsPerSecond: 1, failuresPerSecond: 1, p50Ms: 20, inFlight: 0 });
  vi.advanceTimersByTime(1_000);
  expect(side.view()).toMatchObject({ callsPerSecond: 0, failuresPerSecond: 0, p50Ms: 20 });
  vi.advanceTimersByTime(10_000);
  expect(side.view()).toMatchObject({ p50Ms: undefined, p95Ms: undefined });
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
