import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { CircuitBreaker, type StateChange } from "../src/index.js";
import { begin, down, fail, pass, succeed, watched } from "./support.js";

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
});

test("B13: six failures in flight at threshold five are one event", async () => {
  const { breaker, told } = watched();
  const calls = Array.from({ length: 6 }, () => begin(breaker));
  for (const call of calls) call.reject(down);
  await Promise.all(calls.map(({ outcome }) => outcome));
  expect(told()).toEqual(["closed -> open: failure-threshold"]);
  expect(breaker.stats()).toMatchObject({ failures: 6, transitions: 1, transitionsTo: { open: 1 } });
});

test("B13: the state is final before the callback, and its figures are those after the transition", async () => {
  const seen: unknown[] = [];
  const breaker: CircuitBreaker = new CircuitBreaker({
    name: "b",
    failureThreshold: 1,
    onStateChange: (change) => seen.push(breaker.state, change),
  });
  await fail(breaker);
  expect(seen[0]).toBe("open");
  expect(seen[1]).toMatchObject({
    name: "b",
    at: Date.now(),
    stats: { state: "open", transitions: 1, failures: 1, windowCalls: 0 },
  });
});

test("B13: a callback that throws or rejects changes nothing for the caller", async () => {
  for (const onStateChange of [
    () => {
      throw new Error("observer");
    },
    async () => {
      throw new Error("observer");
    },
  ]) {
    const breaker = new CircuitBreaker({ failureThreshold: 1, maxProbes: 1, onStateChange });
    expect(await fail(breaker)).toBe(down);
    expect(breaker.state).toBe("open");
    pass(30_000);
    expect(await succeed(breaker)).toBe("up");
    expect(breaker.state).toBe("closed");
  }
});

test("B13: a callback that calls back sees the new state and can change it", async () => {
  const told: string[] = [];
  const breaker: CircuitBreaker = new CircuitBreaker({
    failureThreshold: 1,
    onStateChange: ({ from, to, reason }: StateChange) => {
      told.push(`${from} -> ${to}: ${reason}`);
      if (to === "open") breaker.reset();
    },
  });
  expect(await fail(breaker)).toBe(down);
  expect(breaker.state).toBe("closed");
  expect(told).toEqual(["closed -> open: failure-threshold", "open -> closed: reset"]);
});

test("B13: a callback at the end of the rest that takes the probes leaves the caller refused, not over the budget", async () => {
  const breaker: CircuitBreaker = new CircuitBreaker({
    failureThreshold: 1,
    maxProbes: 1,
    onStateChange: ({ to }) => {
      if (to === "half-open") breaker.admit();
    },
  });
  await fail(breaker);
  pass(30_000);
  await expect(succeed(breaker)).rejects.toMatchObject({ state: "half-open", retryAfterMs: 60_000 });
});

test("B13: a callback at the end of the rest that forces it open is obeyed by the very call that caused it", async () => {
  const breaker: CircuitBreaker = new CircuitBreaker({
    failureThreshold: 1,
    onStateChange: ({ to }) => {
      if (to === "half-open") breaker.forceOpen();
    },
  });
  await fail(breaker);
  pass(30_000);
  await expect(succeed(breaker)).rejects.toMatchObject({ state: "forced-open" });
});

test("B13: transitions that are told late each carry the figures of the state they tell", async () => {
  const { breaker, changes } = watched({ failureThreshold: 1, maxProbes: 1, openMs: 1_000, probeTimeoutMs: 5_000 });
  await fail(breaker);
  pass(1_000);
  begin(breaker);
  pass(60_000);
  await succeed(breaker);
  expect(changes.map(({ to }) => to)).toEqual(["open", "half-open", "open", "half-open", "closed"]);
  for (const { at, to, stats } of changes) {
    expect(stats).toMatchObject({ state: to, stateChangedAt: at, windowCalls: 0 });
    expect(stats.retryAfterMs).toBeGreaterThanOrEqual(0);
  }
});
