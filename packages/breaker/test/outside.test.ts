import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { CircuitBreaker, type CircuitBreakerOptions } from "../src/index.js";
import { begin, down, fail, pass, succeed, trip, watched } from "./support.js";

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
  vi.restoreAllMocks();
});

test("B16: trip opens a closed breaker for its own rest, is told once, and its cause is the cause of refusals", async () => {
  const { breaker, told } = watched({ openMs: 5_000 });
  const cause = new Error("the load balancer says so");
  breaker.trip(cause);
  breaker.trip(new Error("twice is once"));
  expect(breaker.retryAfterMs).toBe(5_000);
  await expect(succeed(breaker)).rejects.toMatchObject({ code: "ERR_BREAKER_OPEN", state: "open", cause });
  expect(told()).toEqual(["closed -> open: tripped"]);
  expect(breaker.stats()).toMatchObject({ calls: 0, failures: 0, lastFailureAt: undefined, transitions: 1 });
});

test("B16: trip without a cause leaves the last failure as the cause of refusals, or none", async () => {
  const fresh = new CircuitBreaker();
  fresh.trip();
  expect("cause" in (await succeed(fresh).catch((error: unknown) => Object(error)))).toBe(false);
  const failed = new CircuitBreaker();
  await fail(failed);
  failed.trip();
  await expect(succeed(failed)).rejects.toMatchObject({ cause: down });
});

test("B16: a tripped breaker recovers by probes, and a call from before the trip counts in the totals only", async () => {
  const { breaker, told } = watched();
  const early = [begin(breaker), begin(breaker)];
  breaker.trip();
  pass(30_000);
  early[0]?.resolve("late");
  early[1]?.reject(down);
  await Promise.all(early.map(({ outcome }) => outcome));
  expect(breaker.stats()).toMatchObject({ state: "half-open", successes: 1, failures: 1, windowCalls: 0 });
  await succeed(breaker);
  await succeed(breaker);
  expect(told()).toEqual([
    "closed -> open: tripped",
    "open -> half-open: rest-elapsed",
    "half-open -> closed: probes-succeeded",
  ]);
});

test("B16: trip of a half-open breaker opens it as a failed probe would: for a longer rest, and its probes are late", async () => {
  const { breaker, told } = watched({ openMs: 1_000, maxOpenMs: 8_000 });
  await trip(breaker);
  pass(1_000);
  const probe = begin(breaker);
  breaker.trip();
  expect(breaker.retryAfterMs).toBe(2_000);
  probe.resolve("up");
  await probe.outcome;
  expect(breaker.stats()).toMatchObject({ state: "open", windowCalls: 0 });
  expect(told().at(-1)).toBe("half-open -> open: tripped");
  pass(2_000);
  breaker.trip();
  expect(told().slice(-2)).toEqual(["open -> half-open: rest-elapsed", "half-open -> open: tripped"]);
  expect(breaker.retryAfterMs).toBe(4_000);
});

test("B16: endRest makes an open breaker half-open now, also one that would never rest less", async () => {
  const { breaker, told } = watched({ openMs: Number.POSITIVE_INFINITY, successThreshold: 1 });
  breaker.endRest();
  await trip(breaker);
  breaker.endRest();
  breaker.endRest();
  expect(breaker.retryAfterMs).toBe(0);
  await succeed(breaker);
  expect(told().slice(1)).toEqual(["open -> half-open: rest-ended", "half-open -> closed: probes-succeeded"]);
});

test("B16: endRest keeps the length of the next rest, and ends a rest that is over already as time does", async () => {
  const { breaker, told } = watched({ openMs: 1_000, maxOpenMs: 8_000 });
  await trip(breaker);
  breaker.endRest();
  await fail(breaker);
  expect(breaker.retryAfterMs).toBe(2_000);
  pass(2_000);
  breaker.endRest();
  expect(told().at(-1)).toBe("open -> half-open: rest-elapsed");
});

test("B16: neither does anything while forced, and nothing of them is left afterwards", () => {
  const { breaker, told } = watched();
  const closed = breaker.forceClose();
  breaker.trip(down);
  breaker.endRest();
  expect(breaker.state).toBe("forced-closed");
  const open = breaker.forceOpen();
  breaker.trip(down);
  breaker.endRest();
  expect(breaker.state).toBe("forced-open");
  open[Symbol.dispose]();
  closed[Symbol.dispose]();
  expect(breaker.state).toBe("closed");
  expect(told()).toHaveLength(4);
});

test("B13: a listener that forces it open at the end of the rest that trip finds over is obeyed", async () => {
  const breaker: CircuitBreaker = new CircuitBreaker({
    onStateChange: ({ to }) => {
      if (to === "half-open") breaker.forceOpen();
    },
  });
  await trip(breaker);
  pass(30_000);
  breaker.trip();
  expect(breaker.state).toBe("forced-open");
});

async function restAfter(asked: unknown, options: CircuitBreakerOptions = {}): Promise<number> {
  const breaker = new CircuitBreaker({
    failureThreshold: 1,
    openMs: 1_000,
    maxOpenMs: 20_000,
    restFor: (error) => Reflect.get(Object(error), "asked"),
    ...options,
  });
  expect(await fail(breaker, Object.assign(new Error("429"), { asked }))).toMatchObject({ asked });
  return breaker.retryAfterMs;
}

test("B16: restFor lengthens the rest to what the failure asks for, at most to maxOpenMs, and never shortens it", async () => {
  expect(await restAfter(9_000)).toBe(9_000);
  expect(await restAfter(3_600_000)).toBe(20_000);
  expect(await restAfter(Number.POSITIVE_INFINITY)).toBe(20_000);
  expect(await restAfter(10)).toBe(1_000);
  expect(await restAfter(undefined)).toBe(1_000);
  expect(await restAfter(9_000, { maxOpenMs: undefined })).toBe(1_000);
});

test("B16: a rest that is asked for is lengthened at random too, and not beyond maxOpenMs", async () => {
  vi.spyOn(Math, "random").mockReturnValue(0.5);
  expect(await restAfter(8_000, { openJitter: 1 })).toBe(12_000);
  expect(await restAfter(18_000, { openJitter: 1 })).toBe(20_000);
});

test("B16: a restFor that throws, rejects or gives nonsense leaves the breaker its own rest", async () => {
  for (const asked of [Number.NaN, -5, "10", null, {}, 5n]) expect(await restAfter(asked)).toBe(1_000);
  expect(await restAfter(Promise.reject(new Error("async by mistake")))).toBe(1_000);
  const restFor = (): number => {
    throw new Error("bug");
  };
  expect(await restAfter(9_000, { restFor })).toBe(1_000);
});

test("B16: a failed probe may ask for a rest too, a probe that timed out has nothing to ask with", async () => {
  const restFor = vi.fn(() => 60_000);
  const breaker = new CircuitBreaker({ openMs: 1_000, maxOpenMs: 90_000, probeTimeoutMs: 5_000, restFor });
  breaker.trip();
  pass(1_000);
  await fail(breaker);
  expect(breaker.retryAfterMs).toBe(60_000);
  pass(60_000);
  begin(breaker);
  pass(5_000);
  expect(breaker.retryAfterMs).toBe(4_000);
  expect(restFor).toHaveBeenCalledTimes(1);
});

test("B16: restFor is given the value that classify judged a failure, as a response with a Retry-After", async () => {
  const breaker = new CircuitBreaker({
    failureThreshold: 1,
    maxOpenMs: 120_000,
    classify: (outcome) => (outcome.ok && outcome.value === 503 ? "failure" : "success"),
    restFor: (error) => (error === 503 ? 90_000 : undefined),
  });
  expect(await breaker.execute(() => 503)).toBe(503);
  expect(breaker.retryAfterMs).toBe(90_000);
});

test("B13: a restFor that calls back into the breaker changes nothing for the caller", async () => {
  const breaker: CircuitBreaker = new CircuitBreaker({
    failureThreshold: 1,
    restFor: () => {
      breaker.reset();
      return 5;
    },
  });
  expect(await fail(breaker)).toBe(down);
  expect(breaker.stats()).toMatchObject({ state: "closed", calls: 0 });
});

test("B1: each method of a permit says whether it counted, and a late one did not", async () => {
  const breaker = new CircuitBreaker({ openMs: 1_000, maxProbes: 3, probeTimeoutMs: 5_000 });
  const permit = breaker.admit();
  expect([permit.success(), permit.failure(down), permit.ignore()]).toEqual([true, false, false]);
  expect([breaker.admit().failure(down), breaker.admit().ignore()]).toEqual([true, true]);
  const late = [breaker.admit(), breaker.admit(), breaker.admit()];
  breaker.trip();
  expect([late[0]?.success(), late[1]?.failure(down), late[2]?.ignore()]).toEqual([false, false, false]);
  pass(1_000);
  const probes = [breaker.admit(), breaker.admit()];
  expect(probes[0]?.success()).toBe(true);
  pass(5_000);
  expect(probes[1]?.success()).toBe(false);
});
