import { afterEach, expect, test, vi } from "vitest";
import { Clock } from "../src/clock.js";
import { CircuitBreaker } from "../src/index.js";
import { begin, pass, succeed } from "./support.js";

afterEach(() => {
  vi.restoreAllMocks();
  vi.unstubAllGlobals();
  vi.useRealTimers();
});

/** A clock whose every look costs `stepMs`. */
function looks(stepMs: number): { count: () => number; add: (ms: number) => void } {
  let now = 0;
  const spy = vi.spyOn(performance, "now").mockImplementation(() => {
    now += stepMs;
    return now;
  });
  return {
    count: () => spy.mock.calls.length,
    add: (ms) => {
      now += ms;
    },
  };
}

function makeClock(Class: typeof Clock = Clock): Clock {
  return new Class({ slept: () => {} });
}

/** A clock in a burst whose last look has just been used up. */
function burst(clock: Clock): void {
  for (let look = 0; look <= 1_000; look += 1) clock.now();
  for (let reading = 0; reading < 63; reading += 1) clock.cachedNow();
}

test("in a burst one reading serves 64 calls, and time never runs backwards", () => {
  const clock = makeClock();
  const { count } = looks(0.001);
  burst(clock);
  expect(count()).toBe(1_001);
  let last = 0;
  for (let reading = 0; reading < 6_400; reading += 1) {
    const { at } = clock.cachedNow();
    expect(at).toBeGreaterThanOrEqual(last);
    last = at;
  }
  expect(count()).toBe(1_101);
});

test("an exact reading is exact in a burst too, and nothing that is read after it is older", () => {
  const { add } = looks(0.001);
  const clock = makeClock();
  burst(clock);
  clock.cachedNow();
  add(7);
  const exact = clock.now();
  expect(exact).toBeGreaterThan(7);
  expect(clock.cachedNow().at).toBeGreaterThanOrEqual(exact);
});

test("before a thousand readings in a row, and where they are further apart, the clock is read for every call", () => {
  const clock = makeClock();
  const near = looks(0.001);
  for (let reading = 0; reading < 1_000; reading += 1) clock.cachedNow();
  expect(near.count()).toBe(1_000);
  vi.restoreAllMocks();
  const slow = makeClock();
  const far = looks(0.0625);
  for (let reading = 0; reading < 5_000; reading += 1) slow.cachedNow();
  expect(far.count()).toBe(5_000);
});

test("a pause ends a burst with the next reading", () => {
  const { count, add } = looks(0.001);
  const clock = makeClock();
  burst(clock);
  add(1);
  const before = count();
  for (let reading = 0; reading < 100; reading += 1) clock.cachedNow();
  expect(count() - before).toBe(100);
  burst(clock);
  clock.cachedNow();
  add(1);
  clock.now();
  const after = count();
  for (let reading = 0; reading < 100; reading += 1) clock.cachedNow();
  expect(count() - after).toBe(100);
});

test("what was read in a burst is forgotten when its turn of the event loop ends", async () => {
  const { add } = looks(0.001);
  const clock = makeClock();
  for (let look = 0; look <= 1_000; look += 1) clock.now();
  const stale = clock.cachedNow();
  expect(clock.cachedNow()).toBe(stale);
  await new Promise((resolve) => setImmediate(resolve));
  add(5_000);
  expect(clock.cachedNow().at).toBeGreaterThan(5_000);
});

test("without a way to know when a turn ends the clock is read for every call", async () => {
  vi.stubGlobal("setImmediate", undefined);
  vi.resetModules();
  const { Clock: BrowserClock } = await import("../src/clock.js");
  const clock = makeClock(BrowserClock);
  const { count } = looks(0.001);
  for (let reading = 0; reading < 3_000; reading += 1) clock.cachedNow();
  expect(count()).toBe(3_000);
});

test("B1: a success from before a reset changes nothing, closed as it is", async () => {
  const breaker = new CircuitBreaker();
  const late = begin(breaker);
  breaker.reset();
  late.resolve("up");
  await late.outcome;
  expect(breaker.stats()).toMatchObject({ calls: 0, consecutiveSuccesses: 0, windowCalls: 0 });
});

test("B8: in a clock moved by hand every duration is exact, however many calls there are", async () => {
  vi.useFakeTimers();
  const breaker = new CircuitBreaker({ slowCallMs: 10 });
  for (let call = 0; call < 2_000; call += 1) await succeed(breaker);
  for (let call = 0; call < 3; call += 1) {
    await breaker.execute(async () => {
      pass(10);
    });
    await succeed(breaker);
  }
  expect(breaker.stats().slow).toBe(3);
});

test("B8: in a burst a call that outlasts its turn of the event loop is timed, and one opens the breaker at the exact time", async () => {
  const { add } = looks(0.001);
  const breaker = new CircuitBreaker({ slowCallMs: 1_000, slowCallRateThreshold: 0.001, openMs: 5_000 });
  for (let call = 0; call < 900; call += 1) await succeed(breaker);
  expect(breaker.stats()).toMatchObject({ state: "closed", slow: 0 });
  await breaker.execute(async () => {
    await new Promise((resolve) => setImmediate(resolve));
    add(1_000);
  });
  expect(breaker.stats()).toMatchObject({ state: "open", slow: 1, retryAfterMs: 5_000 });
});

test("a classify of one's own is told exact durations in a burst too", async () => {
  const { add } = looks(0.001);
  const durations: number[] = [];
  const breaker = new CircuitBreaker({
    classify: ({ durationMs }) => {
      durations.push(durationMs);
      return "success";
    },
  });
  for (let call = 0; call < 2_000; call += 1) await succeed(breaker);
  await breaker.execute(async () => add(7));
  expect(durations.at(-1)).toBeCloseTo(7, 2);
  for (let call = 0; call < 2_000; call += 1) await succeed(breaker);
  add(7);
  await succeed(breaker);
  expect(durations.at(-1)).toBeCloseTo(0, 2);
});
