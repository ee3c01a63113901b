import { CircuitState, ConsecutiveBreaker, circuitBreaker, handleAll, handleWhen, SamplingBreaker } from "cockatiel";
import Opossum from "opossum";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { CircuitBreaker } from "../src/index.js";
import { begin, deferred, down, pass, succeed, trip } from "./support.js";

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
});

const rest = 1_000;

test("a late success from the closed era closes opossum's half-open circuit; ours it does not touch", async () => {
  const works: (() => Promise<unknown>)[] = [];
  const theirs = new Opossum(() => works.shift()?.() ?? Promise.resolve(), {
    timeout: false,
    errorThresholdPercentage: 1,
    resetTimeout: rest,
  });
  const early = deferred();
  works.push(
    () => early.promise,
    () => Promise.reject(down),
  );
  const first = theirs.fire();
  await theirs.fire().catch(() => undefined);
  expect(theirs.opened).toBe(true);
  await vi.advanceTimersByTimeAsync(rest);
  expect(theirs.halfOpen).toBe(true);
  early.resolve("late");
  await first;
  expect(theirs.closed).toBe(true);
  theirs.shutdown();

  const ours = new CircuitBreaker({ openMs: rest, failureThreshold: 1 });
  const late = begin(ours);
  await trip(ours);
  pass(rest);
  late.resolve("late");
  await late.outcome;
  expect(ours.state).toBe("half-open");
});

test("a hung probe wedges opossum forever; ours is open again after probeTimeoutMs and then tries anew", async () => {
  const works: (() => Promise<unknown>)[] = [() => Promise.reject(down), () => new Promise(() => {})];
  const theirs = new Opossum(() => works.shift()?.() ?? Promise.resolve("up"), {
    timeout: false,
    errorThresholdPercentage: 1,
    resetTimeout: rest,
  });
  await theirs.fire().catch(() => undefined);
  await vi.advanceTimersByTimeAsync(rest);
  void theirs.fire();
  await vi.advanceTimersByTimeAsync(86_400_000);
  await expect(theirs.fire()).rejects.toMatchObject({ code: "EOPENBREAKER" });
  theirs.shutdown();

  const ours = new CircuitBreaker({ openMs: rest, failureThreshold: 1, maxProbes: 1 });
  await trip(ours);
  pass(rest);
  begin(ours);
  pass(86_400_000);
  expect(await succeed(ours)).toBe("up");
  expect(ours.state).toBe("closed");
});

test("a throwing listener turns opossum's success into a failure; with ours it changes nothing", async () => {
  const theirs = new Opossum(async () => "up", { timeout: false, errorThresholdPercentage: 1 });
  theirs.on("success", () => {
    throw new Error("observer");
  });
  await expect(theirs.fire()).rejects.toThrow("observer");
  theirs.shutdown();

  const ours = new CircuitBreaker({
    failureThreshold: 1,
    maxProbes: 1,
    onStateChange: () => {
      throw new Error("observer");
    },
  });
  await trip(ours);
  pass(30_000);
  expect(await succeed(ours)).toBe("up");
});

test("opossum's rate counts its own refusals as calls; ours does not", async () => {
  const theirs = new Opossum(() => Promise.reject(down), { timeout: false, errorThresholdPercentage: 1 });
  for (let call = 0; call < 10; call += 1) await theirs.fire().catch(() => undefined);
  expect(theirs.stats).toMatchObject({ fires: 10, rejects: 9 });
  theirs.shutdown();

  const ours = new CircuitBreaker({ failureThreshold: 1 });
  for (let call = 0; call < 10; call += 1) await ours.execute(() => Promise.reject(down)).catch(() => undefined);
  expect(ours.stats()).toMatchObject({ calls: 1, rejected: 9 });
});

test("an error that is filtered out closes opossum's half-open circuit; with ours it proves nothing", async () => {
  const abort = new DOMException("given up", "AbortError");
  const works: (() => Promise<unknown>)[] = [() => Promise.reject(down), () => Promise.reject(abort)];
  const theirs = new Opossum(() => works.shift()?.() ?? Promise.resolve(), {
    timeout: false,
    errorThresholdPercentage: 1,
    resetTimeout: rest,
    errorFilter: (error: unknown) => error === abort,
  });
  await theirs.fire().catch(() => undefined);
  await vi.advanceTimersByTimeAsync(rest);
  await theirs.fire().catch(() => undefined);
  expect(theirs.closed).toBe(true);
  theirs.shutdown();

  const ours = new CircuitBreaker({
    openMs: rest,
    failureThreshold: 1,
    classify: (outcome) => (outcome.ok ? "success" : outcome.error === abort ? "ignored" : "failure"),
  });
  await trip(ours);
  pass(rest);
  await ours.execute(() => Promise.reject(abort)).catch(() => undefined);
  expect(ours.state).toBe("half-open");
});

test("a late failure from the closed era re-opens cockatiel's half-open circuit; ours it does not touch", async () => {
  const theirs = circuitBreaker(handleAll, { halfOpenAfter: rest, breaker: new ConsecutiveBreaker(1) });
  const early = deferred();
  const first = theirs.execute(() => early.promise).catch(() => undefined);
  await theirs.execute(() => Promise.reject(down)).catch(() => undefined);
  pass(rest);
  const work = deferred();
  const probe = theirs.execute(() => work.promise);
  early.reject(down);
  await first;
  work.resolve("up");
  await probe;
  await expect(theirs.execute(async () => "up")).rejects.toThrow(/open/i);

  const ours = new CircuitBreaker({ openMs: rest, failureThreshold: 1, maxProbes: 1 });
  const late = begin(ours);
  await trip(ours);
  pass(rest);
  const ourProbe = begin(ours);
  late.reject(down);
  await late.outcome;
  ourProbe.resolve("up");
  await ourProbe.outcome;
  expect(ours.state).toBe("closed");
});

test("failures an hour old trip cockatiel's sampling breaker of one second; ours has forgotten them", async () => {
  const theirs = circuitBreaker(handleAll, {
    halfOpenAfter: rest,
    breaker: new SamplingBreaker({ threshold: 0.5, duration: 1_000, minimumRps: 3 }),
  });
  const callTheirs = (): Promise<unknown> =>
    theirs.execute(() => Promise.reject(down)).catch((error: unknown) => error);
  for (let call = 0; call < 3; call += 1) await callTheirs();
  pass(3_600_000);
  await callTheirs();
  expect(await callTheirs()).not.toBe(down);

  const ours = new CircuitBreaker({ failureThreshold: Number.POSITIVE_INFINITY, windowMs: 1_000, minimumCalls: 4 });
  const callOurs = (): Promise<unknown> => ours.execute(() => Promise.reject(down)).catch((error: unknown) => error);
  for (let call = 0; call < 3; call += 1) await callOurs();
  pass(3_600_000);
  await callOurs();
  expect(await callOurs()).toBe(down);
});

test("a caller queued behind cockatiel's hung probe is deaf to its own abort; ours is refused at once", async () => {
  const theirs = circuitBreaker(handleAll, { halfOpenAfter: rest, breaker: new ConsecutiveBreaker(1) });
  await theirs.execute(() => Promise.reject(down)).catch(() => undefined);
  pass(rest);
  void theirs.execute(() => new Promise(() => {}));
  const controller = new AbortController();
  let settled = false;
  theirs
    .execute(async () => "up", controller.signal)
    .then(
      () => {
        settled = true;
      },
      () => {
        settled = true;
      },
    );
  controller.abort();
  await vi.advanceTimersByTimeAsync(60_000);
  expect(settled).toBe(false);

  const ours = new CircuitBreaker({ openMs: rest, failureThreshold: 1, maxProbes: 1 });
  await trip(ours);
  pass(rest);
  begin(ours);
  await expect(succeed(ours)).rejects.toMatchObject({ code: "ERR_BREAKER_OPEN", state: "half-open" });
});

test("an error that is not handled closes cockatiel's half-open circuit; with ours it proves nothing", async () => {
  const unhandled = new TypeError("not theirs");
  const theirs = circuitBreaker(
    handleWhen((error) => error === down),
    { halfOpenAfter: rest, breaker: new ConsecutiveBreaker(1) },
  );
  await theirs.execute(() => Promise.reject(down)).catch(() => undefined);
  pass(rest);
  await theirs.execute(() => Promise.reject(unhandled)).catch(() => undefined);
  expect(theirs.state).toBe(CircuitState.Closed);

  const ours = new CircuitBreaker({
    openMs: rest,
    failureThreshold: 1,
    classify: (outcome) => (outcome.ok ? "success" : outcome.error === down ? "failure" : "ignored"),
  });
  await trip(ours);
  pass(rest);
  await ours.execute(() => Promise.reject(unhandled)).catch(() => undefined);
  expect(ours.state).toBe("half-open");
});

test("what a listener of cockatiel's throws reaches the caller; of ours it does not", async () => {
  const theirs = circuitBreaker(handleAll, { halfOpenAfter: rest, breaker: new ConsecutiveBreaker(1) });
  theirs.onBreak(() => {
    throw new Error("observer");
  });
  await expect(theirs.execute(() => Promise.reject(down))).rejects.toThrow("observer");

  const ours = new CircuitBreaker({
    failureThreshold: 1,
    onStateChange: () => {
      throw new Error("observer");
    },
  });
  await expect(ours.execute(() => Promise.reject(down))).rejects.toBe(down);
});

test("opossum keeps timers for its window; ours keeps none", async () => {
  const theirs = new Opossum(async () => "up", { timeout: false });
  expect(vi.getTimerCount()).toBeGreaterThan(0);
  theirs.shutdown();
  vi.clearAllTimers();

  const ours = new CircuitBreaker();
  await trip(ours);
  expect(vi.getTimerCount()).toBe(0);
});
