import { getEventListeners } from "node:events";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { CircuitBreaker } from "../src/index.js";
import { begin, fail, pass, succeed, trip } from "./support.js";

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
});

test("B9: the caller's abort rejects with its reason at once, though the operation is deaf, and asks no classify", async () => {
  const classify = vi.fn(() => "failure" as const);
  const breaker = new CircuitBreaker({ failureThreshold: 1, classify });
  const controller = new AbortController();
  const reason = { why: "changed my mind" };
  const call = begin(breaker, controller.signal);
  controller.abort(reason);
  expect(await call.outcome).toBe(reason);
  call.reject(new Error("too late to matter"));
  await call.promise.catch(() => undefined);
  expect(classify).not.toHaveBeenCalled();
  expect(breaker.stats()).toMatchObject({ state: "closed", calls: 1, ignored: 1, failures: 0, windowCalls: 0 });
});

test("B9: an aborted probe gives its permit back", async () => {
  const breaker = new CircuitBreaker({ maxProbes: 1 });
  await trip(breaker);
  pass(30_000);
  const controller = new AbortController();
  const probe = begin(breaker, controller.signal);
  expect(breaker.retryAfterMs).toBeGreaterThan(0);
  controller.abort();
  await probe.outcome;
  expect(breaker.retryAfterMs).toBe(0);
  await succeed(breaker);
  expect(breaker.state).toBe("closed");
});

test("B9: any other AbortError or TimeoutError is judged", async () => {
  for (const name of ["AbortError", "TimeoutError"]) {
    const breaker = new CircuitBreaker({ failureThreshold: 1 });
    const { signal } = new AbortController();
    await breaker.execute(() => Promise.reject(new DOMException("theirs", name)), { signal }).catch(() => undefined);
    expect(breaker.state).toBe("open");
  }
});

test("B9: an already aborted signal runs nothing and takes no permit, open or closed", async () => {
  const breaker = new CircuitBreaker();
  const reason = new Error("before");
  const operation = vi.fn();
  await expect(breaker.execute(operation, { signal: AbortSignal.abort(reason) })).rejects.toBe(reason);
  await trip(breaker);
  await expect(breaker.execute(operation, { signal: AbortSignal.abort(reason) })).rejects.toBe(reason);
  expect(operation).not.toHaveBeenCalled();
  expect(breaker.stats()).toMatchObject({ rejected: 0, ignored: 0 });
});

test("B9: a signal that outlives its calls keeps no listener of them", async () => {
  const breaker = new CircuitBreaker({
    failureThreshold: Number.POSITIVE_INFINITY,
    failureRateThreshold: Number.POSITIVE_INFINITY,
  });
  const controller = new AbortController();
  const add = vi.spyOn(controller.signal, "addEventListener");
  const remove = vi.spyOn(controller.signal, "removeEventListener");
  for (let call = 0; call < 5; call += 1) {
    await breaker.execute(async () => "up", { signal: controller.signal });
    await breaker
      .execute(() => Promise.reject(new Error("down")), { signal: controller.signal })
      .catch(() => undefined);
    await breaker
      .execute(
        () => {
          throw new Error("down");
        },
        { signal: controller.signal },
      )
      .catch(() => undefined);
  }
  expect(add).toHaveBeenCalledTimes(15);
  expect(remove).toHaveBeenCalledTimes(15);
  controller.abort();
  expect(breaker.stats()).toMatchObject({ successes: 5, failures: 10, ignored: 0 });
});

test("B9: an operation that is told of the abort and rejects with its reason counts once, as ignored", async () => {
  const breaker = new CircuitBreaker({ failureThreshold: 1 });
  const controller = new AbortController();
  const call = breaker.execute(
    () =>
      new Promise((_, reject) => controller.signal.addEventListener("abort", () => reject(controller.signal.reason))),
    { signal: controller.signal },
  );
  const outcome = call.catch((error: unknown) => error);
  controller.abort("stop");
  expect(await outcome).toBe("stop");
  expect(breaker.stats()).toMatchObject({ calls: 1, ignored: 1, state: "closed" });
});

test("an operation that settles before the abort wins", async () => {
  const breaker = new CircuitBreaker();
  const controller = new AbortController();
  const call = begin(breaker, controller.signal);
  call.resolve("up");
  expect(await call.outcome).toBe("up");
  controller.abort();
  expect(breaker.stats()).toMatchObject({ successes: 1, ignored: 0 });
  await fail(breaker);
});

test("B9: an operation that hears of the abort before the breaker does counts as ignored too", async () => {
  const breaker = new CircuitBreaker({ failureThreshold: 1 });
  const controller = new AbortController();
  const reason = new Error("mine");
  const call = begin(breaker, controller.signal);
  // The state that a browser shows between two listeners of one event.
  Object.defineProperties(controller.signal, { aborted: { value: true }, reason: { value: reason } });
  call.reject(reason);
  expect(await call.outcome).toBe(reason);
  expect(breaker.stats()).toMatchObject({ state: "closed", ignored: 1, failures: 0 });
});

test("B9: an error of its own counts, though the caller aborts before it is seen", async () => {
  const breaker = new CircuitBreaker({ failureThreshold: 1 });
  const controller = new AbortController();
  const call = begin(breaker, controller.signal);
  Object.defineProperties(controller.signal, { aborted: { value: true }, reason: { value: new Error("mine") } });
  call.reject(new Error("theirs"));
  await call.outcome;
  expect(breaker.state).toBe("open");
});

test("B18: 10,000 calls at once with one signal add one listener, print no warning and leave none", async () => {
  const controller = new AbortController();
  const warned = vi.spyOn(process, "emitWarning");
  const breaker = new CircuitBreaker();
  const calls = Array.from({ length: 10_000 }, () => begin(breaker, controller.signal));
  expect(getEventListeners(controller.signal, "abort")).toHaveLength(1);
  for (const call of calls) call.resolve("up");
  await Promise.all(calls.map(({ outcome }) => outcome));
  expect(getEventListeners(controller.signal, "abort")).toHaveLength(0);
  expect(warned).not.toHaveBeenCalled();
  warned.mockRestore();
});

test("B18: breakers share the listener, an abort ends all their calls with its reason and leaves no listener", async () => {
  const controller = new AbortController();
  const breakers = [new CircuitBreaker(), new CircuitBreaker()];
  const calls = breakers.flatMap((breaker) => [begin(breaker, controller.signal), begin(breaker, controller.signal)]);
  const done = begin(new CircuitBreaker(), controller.signal);
  done.resolve("up");
  expect(await done.outcome).toBe("up");
  expect(getEventListeners(controller.signal, "abort")).toHaveLength(1);
  controller.abort("left");
  expect(await Promise.all(calls.map(({ outcome }) => outcome))).toEqual(["left", "left", "left", "left"]);
  expect(breakers.map((breaker) => breaker.stats().ignored)).toEqual([2, 2]);
  expect(getEventListeners(controller.signal, "abort")).toHaveLength(0);
});

test("B18: a call that is begun with a signal right after its abort was told runs nothing", async () => {
  const controller = new AbortController();
  const breaker: CircuitBreaker = new CircuitBreaker();
  const call = begin(breaker, controller.signal);
  const again = call.outcome.then(() => begin(breaker, controller.signal).outcome);
  controller.abort("left");
  expect(await again).toBe("left");
  expect(breaker.stats()).toMatchObject({ ignored: 1, calls: 1 });
});
