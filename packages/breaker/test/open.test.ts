import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { BreakerOpenError, CircuitBreaker } from "../src/index.js";
import { begin, down, fail, pass, succeed, trip, watched } from "./support.js";

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
  vi.restoreAllMocks();
});

async function refusal(breaker: CircuitBreaker): Promise<BreakerOpenError> {
  const told = await fail(breaker);
  if (!(told instanceof BreakerOpenError)) throw new Error(`it was no refusal: ${told}`);
  return told;
}

async function rests(breaker: CircuitBreaker, count: number): Promise<number[]> {
  const seen: number[] = [];
  await trip(breaker);
  for (let round = 0; round < count; round += 1) {
    seen.push(breaker.retryAfterMs);
    pass(breaker.retryAfterMs);
    await fail(breaker);
  }
  return seen;
}

test("B10: the rest doubles at each re-opening up to maxOpenMs and is back to openMs after a close", async () => {
  const breaker = new CircuitBreaker({ openMs: 1_000, maxOpenMs: 5_000, maxProbes: 1 });
  expect(await rests(breaker, 5)).toEqual([1_000, 2_000, 4_000, 5_000, 5_000]);
  pass(5_000);
  await succeed(breaker);
  expect(breaker.state).toBe("closed");
  expect(await rests(breaker, 1)).toEqual([1_000]);
});

test("B10: jitter only lengthens the rest, by at most its share", async () => {
  const random = vi.spyOn(Math, "random");
  for (const [drawn, expected] of [
    [0, 1_000],
    [0.5, 1_250],
    [0.999_999, 1_500],
  ] as const) {
    random.mockReturnValue(drawn);
    const breaker = new CircuitBreaker({ openMs: 1_000, openJitter: 0.5 });
    await trip(breaker);
    expect(breaker.retryAfterMs).toBeCloseTo(expected, 0);
    expect(breaker.retryAfterMs).toBeLessThanOrEqual(1_500);
  }
});

test("B10: a thousand re-openings do not overflow an unbounded rest", async () => {
  let now = 0;
  vi.spyOn(performance, "now").mockImplementation(() => now);
  const breaker = new CircuitBreaker({ openMs: 1, maxOpenMs: Number.POSITIVE_INFINITY });
  await trip(breaker);
  for (let round = 0; round < 1_000; round += 1) {
    expect(Number.isFinite(breaker.retryAfterMs)).toBe(true);
    now += breaker.retryAfterMs;
    now += 1;
    await fail(breaker);
  }
});

test("B10: a late failure while open neither extends the rest nor is told", async () => {
  const { breaker, changes } = watched();
  const late = begin(breaker);
  await trip(breaker);
  pass(10_000);
  late.reject(down);
  await late.outcome;
  expect(breaker.retryAfterMs).toBe(20_000);
  expect(changes).toHaveLength(1);
});

test("B11: it keeps no timer, and reading changes nothing", async () => {
  const { breaker, changes } = watched();
  await trip(breaker);
  expect(vi.getTimerCount()).toBe(0);
  const due = Date.now() + 30_000;
  pass(90_000);
  for (let read = 0; read < 3; read += 1) {
    expect(breaker.state).toBe("half-open");
    expect(breaker.isHalfOpen && !breaker.isOpen && !breaker.isClosed).toBe(true);
    expect(breaker.stats()).toMatchObject({ stateChangedAt: due, timeInStateMs: 60_000, transitions: 1 });
  }
  expect(changes).toHaveLength(1);
  await succeed(breaker);
  expect(changes.at(-1)).toMatchObject({ to: "half-open", at: due, stats: { stateChangedAt: due, transitions: 2 } });
});

test("B11: the transition falls due exactly at the end of the rest", async () => {
  const breaker = new CircuitBreaker({ openMs: 1_000 });
  await trip(breaker);
  pass(999);
  expect(breaker.state).toBe("open");
  expect(breaker.isOpen).toBe(true);
  pass(1);
  expect(breaker.state).toBe("half-open");
});

test("B15: a refusal says who, why, for how long and after what failure, and costs no stack", async () => {
  const breaker = new CircuitBreaker({ name: "github" });
  await trip(breaker);
  pass(500);
  const limit = Error.stackTraceLimit;
  const error = await refusal(breaker);
  expect(Error.stackTraceLimit).toBe(limit);
  expect(error).toMatchObject({
    name: "BreakerOpenError",
    code: "ERR_BREAKER_OPEN",
    breaker: "github",
    state: "open",
    retryAfterMs: 29_500,
    cause: down,
  });
  expect(error.message).toBe('Circuit breaker "github" is open and refuses calls; try again in 29500 ms');
  expect(error.stack?.split("\n")).toHaveLength(1);
});

test("B15: where the stack limit cannot be set or does not exist, the refusal is the same", async () => {
  const breaker = new CircuitBreaker();
  await trip(breaker);
  const descriptor = Object.getOwnPropertyDescriptor(Error, "stackTraceLimit");
  try {
    Object.defineProperty(Error, "stackTraceLimit", { ...descriptor, value: 5, writable: false });
    expect((await refusal(breaker)).code).toBe("ERR_BREAKER_OPEN");
    Object.defineProperty(Error, "stackTraceLimit", { ...descriptor, value: undefined, writable: true });
    expect((await refusal(breaker)).code).toBe("ERR_BREAKER_OPEN");
  } finally {
    Object.defineProperty(Error, "stackTraceLimit", { ...descriptor });
  }
});

test("B15: without a failure before it a refusal has no cause", async () => {
  const breaker = new CircuitBreaker();
  using _hold = breaker.forceOpen();
  const error = await refusal(breaker);
  expect("cause" in error).toBe(false);
  expect(error.retryAfterMs).toBe(Number.POSITIVE_INFINITY);
  expect(error.message).toContain("until it is released");
});

test("a breaker that never rests again stays open until it is reset", async () => {
  const breaker = new CircuitBreaker({ openMs: Number.POSITIVE_INFINITY });
  await trip(breaker);
  pass(86_400_000);
  expect(breaker.state).toBe("open");
  expect(breaker.retryAfterMs).toBe(Number.POSITIVE_INFINITY);
  breaker.reset();
  expect(await succeed(breaker)).toBe("up");
});

test("retryAfterMs is whole milliseconds, so that a timer set to it does not wake too early", async () => {
  let now = 0.25;
  vi.spyOn(performance, "now").mockImplementation(() => now);
  const breaker = new CircuitBreaker({ openMs: 1_000 });
  await trip(breaker);
  now += 0.5;
  expect(breaker.retryAfterMs).toBe(1_000);
  expect(breaker.stats().retryAfterMs).toBe(1_000);
  expect((await refusal(breaker)).retryAfterMs).toBe(1_000);
  now += 999.25;
  expect(breaker.retryAfterMs).toBe(1);
  now += 0.25;
  expect(breaker.retryAfterMs).toBe(0);
});
