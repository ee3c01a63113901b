import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { CircuitBreaker } from "../src/index.js";
import { begin, fail, pass, succeed, trip, watched } from "./support.js";

const hour = 3_600_000;

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  vi.restoreAllMocks();
  vi.useRealTimers();
});

/** The machine sleeps: the wall clock goes on, the monotonic one stands still. */
function sleep(ms: number): void {
  vi.setSystemTime(Date.now() + ms);
}

test("P23: a rest counts a sleep of the machine, and the transition is told at the instant it fell due", async () => {
  const { breaker, changes } = watched({ openMs: 60_000 });
  await trip(breaker);
  const due = Date.now() + 60_000;
  pass(1_000);
  sleep(8 * hour);
  pass(1_000);
  expect(breaker.state).toBe("half-open");
  expect(breaker.stats()).toMatchObject({ stateChangedAt: due, timeInStateMs: 8 * hour + 2_000 - 60_000 });
  await succeed(breaker);
  expect(changes.at(-1)).toMatchObject({ to: "half-open", at: due });
});

test("P23: a rest that is longer than the sleep is shortened by it", async () => {
  const breaker = new CircuitBreaker({ openMs: 10 * hour });
  await trip(breaker);
  pass(1_000);
  sleep(8 * hour);
  pass(1_000);
  expect(breaker.retryAfterMs).toBe(2 * hour - 2_000);
});

test("P23: the window counts a sleep", async () => {
  const breaker = new CircuitBreaker({ windowMs: 60_000, failureThreshold: Number.POSITIVE_INFINITY });
  for (let call = 0; call < 9; call += 1) await fail(breaker);
  expect(breaker.stats().windowCalls).toBe(9);
  pass(1_000);
  sleep(30_000);
  pass(1_000);
  expect(breaker.stats().windowCalls).toBe(9);
  sleep(30_000);
  pass(1_000);
  expect(breaker.stats()).toMatchObject({ windowCalls: 0, consecutiveFailures: 9 });
  await fail(breaker);
  expect(breaker.state).toBe("closed");
});

test("P23: instants stay what the wall clock said, and the time in a state counts the sleep", async () => {
  const breaker = new CircuitBreaker();
  const at = Date.now();
  await succeed(breaker);
  pass(1_000);
  sleep(hour);
  pass(1_000);
  expect(breaker.stats()).toMatchObject({ stateChangedAt: at, timeInStateMs: hour + 2_000, lastSuccessAt: at });
});

test("P23: a probe and the duration of a call do not count a sleep, since nothing ran meanwhile", async () => {
  const breaker = new CircuitBreaker({ openMs: 1_000, maxProbes: 1, slowCallMs: 5_000, successThreshold: 1 });
  await trip(breaker);
  pass(1_000);
  const probe = begin(breaker);
  sleep(hour);
  pass(2_000);
  expect(breaker.state).toBe("half-open");
  probe.resolve("up");
  await probe.outcome;
  expect(breaker.stats()).toMatchObject({ state: "closed", slow: 0 });
});

test("P23: a breaker that opens right after the sleep, before anybody noticed it, rests as long as any", async () => {
  const breaker = new CircuitBreaker();
  pass(500);
  sleep(hour);
  breaker.trip();
  pass(1_000);
  expect(breaker.retryAfterMs).toBe(29_000);
});

test("P23: a step of less than 10 s, a step back, and another monotonic clock are no sleep", async () => {
  const breaker = new CircuitBreaker();
  await trip(breaker);
  pass(1_000);
  sleep(9_999);
  pass(1_000);
  expect(breaker.retryAfterMs).toBe(28_000);
  sleep(-hour);
  pass(1_000);
  expect(breaker.retryAfterMs).toBe(27_000);
  const now = vi.spyOn(performance, "now").mockReturnValue(0);
  sleep(hour);
  expect(breaker.state).toBe("open");
  now.mockReturnValue(1_000);
  expect(breaker.state).toBe("open");
});

test("P23: the wall clock is read at most once a second while nothing changes", async () => {
  const breaker = new CircuitBreaker();
  await succeed(breaker);
  const wall = vi.spyOn(Date, "now");
  for (let read = 0; read < 1_000; read += 1) {
    pass(10);
    await succeed(breaker);
  }
  expect(wall.mock.calls.length).toBeLessThanOrEqual(10);
});
