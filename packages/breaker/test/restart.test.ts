import fc from "fast-check";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { type BreakerSnapshot, CircuitBreaker, type CircuitBreakerOptions } from "../src/index.js";
import { begin, down, fail, pass, succeed, trip, watched } from "./support.js";

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
});

/** What the next process makes of it: the snapshot has been written and read as JSON. */
function restart(breaker: CircuitBreaker, options: CircuitBreakerOptions = {}): CircuitBreaker {
  const text = JSON.stringify(breaker.snapshot());
  expect(JSON.parse(text)).toEqual(breaker.snapshot());
  return new CircuitBreaker({ ...options, restore: JSON.parse(text) });
}

test("B17: an open breaker goes on open, for what was left of its rest, and tells nothing of it", async () => {
  const options = { openMs: 30_000, failureThreshold: 2 };
  const breaker = new CircuitBreaker(options);
  await trip(breaker);
  pass(12_345);
  const later = watched({ ...options, restore: breaker.snapshot() });
  expect(later.breaker.stats()).toMatchObject({
    state: "open",
    retryAfterMs: 17_655,
    transitions: 0,
    timeInStateMs: 0,
  });
  await expect(succeed(later.breaker)).rejects.toMatchObject({ code: "ERR_BREAKER_OPEN", retryAfterMs: 17_655 });
  expect(later.told()).toEqual([]);
  pass(17_655);
  await succeed(later.breaker);
  expect(later.told()).toEqual(["open -> half-open: rest-elapsed"]);
});

test("B17: the rest grows on from where it was", async () => {
  const options = { openMs: 1_000, maxOpenMs: 60_000, failureThreshold: 1 };
  const breaker = new CircuitBreaker(options);
  await fail(breaker);
  pass(1_000);
  await fail(breaker);
  const open = restart(breaker, options);
  pass(2_000);
  await fail(open);
  expect(open.retryAfterMs).toBe(4_000);
  pass(4_000);
  const halfOpen = restart(open, options);
  expect(halfOpen.state).toBe("half-open");
  await fail(halfOpen);
  expect(halfOpen.retryAfterMs).toBe(8_000);
});

test("B17: a rest without end stays one, and is plain JSON", async () => {
  const options = { openMs: Number.POSITIVE_INFINITY };
  const breaker = new CircuitBreaker(options);
  await trip(breaker);
  const later = restart(breaker, options);
  pass(86_400_000_000);
  expect(later.retryAfterMs).toBe(Number.POSITIVE_INFINITY);
});

test("B17: failures in a row and the window go on, and the window's calls count as of the restore", async () => {
  const options = { failureThreshold: 5, minimumCalls: 6, failureRateThreshold: 0.8, windowMs: 60_000 };
  const breaker = new CircuitBreaker(options);
  for (let call = 0; call < 4; call += 1) await fail(breaker);
  pass(59_000);
  const row = restart(breaker, options);
  expect(row.stats()).toMatchObject({
    state: "closed",
    consecutiveFailures: 4,
    windowCalls: 4,
    windowFailures: 4,
    calls: 0,
  });
  const rate = restart(breaker, options);
  pass(50_000);
  await fail(row);
  expect(row.state).toBe("open");
  await succeed(rate);
  await fail(rate);
  expect(rate.state).toBe("open");
  const expired = restart(breaker, options);
  pass(60_000);
  expect(expired.stats().windowCalls).toBe(0);
});

test("B17: slow calls of the window go on", async () => {
  const options = { slowCallMs: 10, slowCallRateThreshold: 0.5, minimumCalls: 3 };
  const breaker = new CircuitBreaker(options);
  for (let call = 0; call < 2; call += 1) await breaker.execute(async () => pass(10));
  const later = restart(breaker, options);
  expect(later.stats()).toMatchObject({ windowSlow: 2, slowCallRate: 1 });
  await succeed(later);
  expect(later.state).toBe("open");
});

test("B17: half-open is restored with no probe in flight", async () => {
  const options = { maxProbes: 2, openMs: 1_000 };
  const breaker = new CircuitBreaker(options);
  await trip(breaker);
  pass(1_000);
  const probes = [begin(breaker), begin(breaker)];
  expect(breaker.retryAfterMs).toBeGreaterThan(0);
  const later = restart(breaker, options);
  expect(later.stats()).toMatchObject({ state: "half-open", retryAfterMs: 0 });
  for (const probe of probes) probe.resolve("up");
  await succeed(later);
  await succeed(later);
  expect(later.state).toBe("closed");
});

test("B17: what time has moved on is in the snapshot as it is read: a rest that is over, a probe that has timed out", async () => {
  const breaker = new CircuitBreaker({ openMs: 1_000, maxOpenMs: 4_000, probeTimeoutMs: 5_000 });
  await trip(breaker);
  pass(1_000);
  expect(breaker.snapshot()).toMatchObject({ state: "half-open", restLeftMs: 0, reopens: 0, windowCalls: 0 });
  begin(breaker);
  pass(5_500);
  expect(breaker.snapshot()).toMatchObject({ state: "open", restLeftMs: 1_500, reopens: 1 });
  pass(1_500);
  expect(breaker.snapshot()).toMatchObject({ state: "half-open", restLeftMs: 0, reopens: 1 });
});

test("B17 B12: the state is the one beneath an override, and what was seen under it ends with it", async () => {
  const breaker = new CircuitBreaker({ failureThreshold: 1 });
  using _closed = breaker.forceClose();
  await fail(breaker);
  expect(breaker.snapshot()).toMatchObject({ state: "closed", consecutiveFailures: 0, windowCalls: 0 });
  using _open = breaker.forceOpen();
  expect(breaker.snapshot()).toMatchObject({ state: "closed", restLeftMs: 0 });
});

test("B17: a snapshot that is malformed or of another version is a TypeError that says what is wrong with it", () => {
  const good = new CircuitBreaker().snapshot();
  const wrong: [unknown, string][] = [
    ["open", 'restore must be a snapshot from snapshot(), got "open"'],
    [5, "restore must be a snapshot"],
    [null, "restore must be a snapshot from snapshot(), got null"],
    [[], "must be of version 1, got undefined"],
    [{}, "must be of version 1, got undefined"],
    [{ ...good, version: 2 }, "must be of version 1, got 2"],
    [{ ...good, state: "ajar" }, 'must have the state "closed", "open" or "half-open", got "ajar"'],
    [{ ...good, state: "forced-open" }, "must have the state"],
    [{ ...good, restLeftMs: Number.NaN }, "must have a non-negative number of milliseconds as restLeftMs, got NaN"],
    [{ ...good, restLeftMs: null }, "restLeftMs, got null"],
    [{ ...good, reopens: 1.5 }, "must have a non-negative integer as reopens, got 1.5"],
    [{ ...good, windowCalls: "3" }, 'as windowCalls, got "3"'],
    [{ ...good, windowFailures: -1 }, "as windowFailures, got -1"],
    [{ ...good, windowCalls: 1, windowFailures: 1, windowSlow: 1 }, "at least as many windowCalls"],
    [{ ...good, savedAt: 1 }, 'has no member "savedAt"'],
  ];
  for (const [restore, message] of wrong) {
    const make = (): unknown => Reflect.construct(CircuitBreaker, [{ restore }]);
    expect(make).toThrow(TypeError);
    expect(make).toThrow(message);
  }
});

const count = fc.nat({ max: 1_000 });
const anySnapshot: fc.Arbitrary<BreakerSnapshot> = fc.record({
  version: fc.constant(1 as const),
  state: fc.constantFrom("closed" as const, "half-open" as const, "open" as const),
  restLeftMs: fc.integer({ min: 1, max: 1_000_000 }),
  reopens: count,
  consecutiveFailures: count,
  windowCalls: fc.constant(2_000),
  windowFailures: count,
  windowSlow: count,
});

test("B17: for any snapshot, a snapshot of what was restored from it is the same", () => {
  fc.assert(
    fc.property(anySnapshot, (snapshot) => {
      const restLeftMs = snapshot.state === "open" ? snapshot.restLeftMs : 0;
      const reopens = snapshot.state === "closed" ? 0 : snapshot.reopens;
      const breaker = new CircuitBreaker({ restore: snapshot });
      expect(restart(breaker).snapshot()).toEqual({ ...snapshot, restLeftMs, reopens });
      breaker.reset();
      expect(breaker.snapshot()).toEqual(new CircuitBreaker().snapshot());
    }),
  );
});

test("B17: the snapshot that was given may be changed or frozen, it is not kept", async () => {
  const restore = { ...new CircuitBreaker().snapshot(), consecutiveFailures: 4 };
  const breaker = new CircuitBreaker({ restore });
  restore.consecutiveFailures = 0;
  await fail(breaker, down);
  expect(breaker.state).toBe("open");
});
