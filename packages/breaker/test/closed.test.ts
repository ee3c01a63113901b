import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { CircuitBreaker } from "../src/index.js";
import { begin, fail, pass, succeed, trip, watched } from "./support.js";

const off = Number.POSITIVE_INFINITY;

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
});

test("B8: the fifth failure in a row opens it, the fourth does not", async () => {
  const { breaker, told } = watched();
  for (let call = 0; call < 4; call += 1) await fail(breaker);
  expect(breaker.state).toBe("closed");
  await fail(breaker);
  expect(breaker.state).toBe("open");
  expect(told()).toEqual(["closed -> open: failure-threshold"]);
});

test("B8: a success resets the failures in a row, an ignored result does not touch them", async () => {
  const breaker = new CircuitBreaker({
    failureThreshold: 2,
    failureRateThreshold: off,
    classify: (outcome) => (outcome.ok ? "success" : outcome.error === "ignore" ? "ignored" : "failure"),
  });
  await fail(breaker);
  await succeed(breaker);
  await fail(breaker);
  expect(breaker.state).toBe("closed");
  await fail(breaker, "ignore");
  expect(breaker.stats().consecutiveFailures).toBe(1);
  await fail(breaker);
  expect(breaker.state).toBe("open");
});

test("B8: a rate counts only from minimumCalls up and opens when it is reached exactly", async () => {
  const { breaker, told } = watched({ failureThreshold: off });
  for (let call = 0; call < 4; call += 1) {
    await succeed(breaker);
    await fail(breaker);
  }
  await succeed(breaker);
  expect(breaker.stats()).toMatchObject({ windowCalls: 9, windowFailures: 4 });
  expect(breaker.state).toBe("closed");
  await fail(breaker);
  expect(told()).toEqual(["closed -> open: failure-rate"]);
});

test("B8: a rate can open it on a success, since that may be the call that makes them enough", async () => {
  const { breaker, told } = watched({ failureThreshold: off, minimumCalls: 4 });
  for (let call = 0; call < 3; call += 1) await fail(breaker);
  expect(breaker.state).toBe("closed");
  await succeed(breaker);
  expect(told()).toEqual(["closed -> open: failure-rate"]);
});

test("B8: slow successes open it by their share; a slow failure is a failure and not slow", async () => {
  const { breaker, told } = watched({
    slowCallMs: 100,
    slowCallRateThreshold: 0.5,
    minimumCalls: 4,
    failureRateThreshold: off,
  });
  const slowly = async (ok: boolean): Promise<void> => {
    const call = begin(breaker);
    pass(100);
    if (ok) call.resolve("late");
    else call.reject(new Error("late"));
    await call.outcome;
  };
  await slowly(false);
  expect(breaker.stats()).toMatchObject({ slow: 0, windowSlow: 0, failures: 1 });
  await slowly(true);
  await succeed(breaker);
  expect(breaker.state).toBe("closed");
  await slowly(true);
  expect(breaker.stats().slow).toBe(2);
  expect(told()).toEqual(["closed -> open: slow-call-rate"]);
});

test("B5: rejections stand in rejected and in no rate", async () => {
  const breaker = new CircuitBreaker();
  await trip(breaker);
  const before = breaker.stats();
  for (let call = 0; call < 7; call += 1) await fail(breaker);
  const after = breaker.stats();
  expect(after.rejected).toBe(7);
  expect({ ...after, rejected: 0, timeInStateMs: 0 }).toEqual({ ...before, rejected: 0, timeInStateMs: 0 });
});

test("B6: the window and the runs begin anew at every transition", async () => {
  const { breaker } = watched({ failureThreshold: off, minimumCalls: 2, maxProbes: 1, openMs: 1_000 });
  await fail(breaker);
  await fail(breaker);
  expect(breaker.state).toBe("open");
  expect(breaker.stats()).toMatchObject({ windowCalls: 0, failureRate: 0, consecutiveFailures: 0 });
  pass(1_000);
  await succeed(breaker);
  expect(breaker.state).toBe("closed");
  await fail(breaker);
  expect(breaker.state).toBe("closed");
  expect(breaker.stats()).toMatchObject({ windowCalls: 1, windowFailures: 1 });
});

test("B7: four failures, an hour of silence, one failure: one sample", async () => {
  const breaker = new CircuitBreaker({ failureThreshold: off, minimumCalls: 5 });
  for (let call = 0; call < 4; call += 1) await fail(breaker);
  pass(3_600_000);
  expect(breaker.stats()).toMatchObject({ windowCalls: 0, failureRate: 0 });
  await fail(breaker);
  expect(breaker.stats()).toMatchObject({ windowCalls: 1, failureRate: 1 });
  expect(breaker.state).toBe("closed");
});

test("B7: a clock that jumps back neither throws nor opens early", async () => {
  let now = 1_000_000;
  vi.spyOn(performance, "now").mockImplementation(() => now);
  const { breaker } = watched({ failureThreshold: off, minimumCalls: 4, openMs: 1_000, maxProbes: 1 });
  await fail(breaker);
  await fail(breaker);
  now -= 500_000;
  await fail(breaker);
  expect(breaker.stats().windowCalls).toBe(3);
  expect(breaker.state).toBe("closed");
  await fail(breaker);
  expect(breaker.state).toBe("open");
  now -= 200_000;
  expect(breaker.state).toBe("open");
  expect(breaker.stats().timeInStateMs).toBe(0);
  await expect(succeed(breaker)).rejects.toMatchObject({ code: "ERR_BREAKER_OPEN" });
  vi.restoreAllMocks();
});

test("an endless window forgets nothing", async () => {
  const breaker = new CircuitBreaker({ windowMs: off, failureThreshold: off, minimumCalls: 3 });
  for (let call = 0; call < 3; call += 1) {
    await fail(breaker);
    pass(86_400_000);
  }
  expect(breaker.state).toBe("half-open");
});

test("calls are counted when they end", async () => {
  const breaker = new CircuitBreaker();
  const call = begin(breaker);
  expect(breaker.stats().calls).toBe(0);
  call.resolve("up");
  await call.outcome;
  expect(breaker.stats()).toMatchObject({ calls: 1, successes: 1, consecutiveSuccesses: 1 });
});

test("B8: a share that is reached exactly opens it, whatever its binary fraction", () => {
  for (const [failures, calls] of [
    [7, 100],
    [14, 100],
    [28, 100],
    [29, 100],
  ] as const) {
    const breaker = new CircuitBreaker({
      failureThreshold: off,
      failureRateThreshold: failures / calls,
      minimumCalls: calls,
    });
    for (let call = 0; call < calls - failures; call += 1) breaker.admit().success();
    for (let call = 0; call < failures; call += 1) breaker.admit().failure();
    expect(breaker.state).toBe("open");
  }
});

test("B7: what was seen before a clock jumped back ages on from there", async () => {
  let now = 10_000_000;
  vi.spyOn(performance, "now").mockImplementation(() => now);
  const breaker = new CircuitBreaker({ failureThreshold: off, minimumCalls: 5 });
  for (let call = 0; call < 4; call += 1) await fail(breaker);
  now -= 7_200_000;
  expect(breaker.stats().windowCalls).toBe(4);
  now += 1_800_000;
  await fail(breaker);
  expect(breaker.stats()).toMatchObject({ state: "closed", windowCalls: 1 });
  vi.restoreAllMocks();
});

test("reading the figures again says the same, though the two clocks tick apart", async () => {
  let now = 1_000.9;
  vi.spyOn(performance, "now").mockImplementation(() => now);
  const wall = vi.spyOn(Date, "now").mockImplementation(() => Math.floor(1_700_000_000_000.4 + now));
  const breaker = new CircuitBreaker();
  await succeed(breaker);
  await fail(breaker);
  const first = breaker.stats();
  for (let tick = 0; tick < 20; tick += 1) {
    now += 0.3;
    const { timeInStateMs, ...figures } = breaker.stats();
    expect(timeInStateMs).toBeGreaterThan(0);
    expect(first).toMatchObject(figures);
  }
  wall.mockRestore();
  vi.restoreAllMocks();
});

test("a closed breaker looks at the clock once for a call, and twice only where its duration matters", async () => {
  const clock = vi.spyOn(performance, "now");
  const looksOf = async (breaker: CircuitBreaker): Promise<number> => {
    clock.mockClear();
    await succeed(breaker);
    return clock.mock.calls.length;
  };
  expect(await looksOf(new CircuitBreaker())).toBe(1);
  expect(await looksOf(new CircuitBreaker({ slowCallMs: 1_000 }))).toBe(2);
  expect(await looksOf(new CircuitBreaker({ classify: () => "success" }))).toBe(2);
  clock.mockRestore();
});
