import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { CircuitBreaker } from "../src/index.js";
import { begin, down, fail, pass, succeed, thenable, trip, watched } from "./support.js";

/** A promise-like whose `then` throws. */
const brokenThenable = thenable(() => {
  throw "ignore";
});

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
});

test("B1: a success from before the last transition neither closes nor counts as a probe", async () => {
  const { breaker, told } = watched({ maxProbes: 1 });
  const early = begin(breaker);
  await trip(breaker);
  pass(30_000);
  expect(breaker.state).toBe("half-open");
  early.resolve("late");
  expect(await early.outcome).toBe("late");
  expect(breaker.state).toBe("half-open");
  expect(breaker.stats()).toMatchObject({ successes: 1, windowCalls: 0, consecutiveSuccesses: 0 });
  expect(told()).toHaveLength(1);
});

test("B1: a failure from before the last transition does not re-open, and frees no probe's place", async () => {
  const { breaker } = watched({ maxProbes: 1 });
  const early = begin(breaker);
  await trip(breaker);
  pass(30_000);
  const probe = begin(breaker);
  early.reject(down);
  expect(await early.outcome).toBe(down);
  expect(breaker.state).toBe("half-open");
  await expect(succeed(breaker)).rejects.toMatchObject({ state: "half-open" });
  probe.resolve("up");
  await probe.outcome;
  expect(breaker.state).toBe("closed");
});

test("B2: a permit is given back once on success, failure, ignore, abort, synchronous throw and a throwing thenable", async () => {
  const ways: ((breaker: CircuitBreaker) => Promise<unknown>)[] = [
    (breaker) => breaker.execute(() => Promise.resolve("ignore")),
    (breaker) => breaker.execute(() => Promise.reject("ignore")),
    (breaker) => {
      const controller = new AbortController();
      const call = begin(breaker, controller.signal);
      controller.abort();
      return call.outcome;
    },
    (breaker) =>
      breaker.execute(() => {
        throw "ignore";
      }),
    (breaker) => breaker.execute(() => brokenThenable),
    async (breaker) => {
      const permit = breaker.admit();
      permit.ignore();
      permit.ignore();
      permit.success();
      permit.failure();
    },
  ];
  for (const way of ways) {
    const breaker = new CircuitBreaker({
      maxProbes: 1,
      classify: (outcome) =>
        (outcome.ok ? outcome.value : outcome.error) === "ignore" ? "ignored" : outcome.ok ? "success" : "failure",
    });
    await trip(breaker);
    pass(30_000);
    await way(breaker).catch(() => undefined);
    expect(breaker.stats()).toMatchObject({ state: "half-open", ignored: 1, retryAfterMs: 0 });
    await succeed(breaker);
    expect(breaker.state).toBe("closed");
  }
});

test("B3: of 100 calls at the instant the rest ends exactly maxProbes run", async () => {
  const breaker = new CircuitBreaker({ maxProbes: 7, successThreshold: 7 });
  await trip(breaker);
  pass(30_000);
  const calls = Array.from({ length: 100 }, () => begin(breaker));
  expect(breaker.stats().rejected).toBe(93);
  for (const call of calls) call.resolve("up");
  const outcomes = await Promise.all(calls.map(({ outcome }) => outcome));
  expect(outcomes.filter((outcome) => outcome === "up")).toHaveLength(7);
  expect(breaker.state).toBe("closed");
});

test("B3: probes in flight and successes together never exceed maxProbes", async () => {
  const breaker = new CircuitBreaker({ maxProbes: 3, successThreshold: 3 });
  await trip(breaker);
  pass(30_000);
  await succeed(breaker);
  await succeed(breaker);
  const third = begin(breaker);
  await expect(succeed(breaker)).rejects.toMatchObject({ code: "ERR_BREAKER_OPEN", state: "half-open" });
  third.resolve("up");
  await third.outcome;
  expect(breaker.state).toBe("closed");
});

test("B3: the first failed probe re-opens, whatever the others do", async () => {
  const { breaker, told } = watched();
  await trip(breaker);
  pass(30_000);
  const [first, second] = [begin(breaker), begin(breaker)];
  first.reject(down);
  await first.outcome;
  expect(breaker.state).toBe("open");
  second.resolve("up");
  await second.outcome;
  expect(breaker.state).toBe("open");
  expect(told().slice(1)).toEqual(["open -> half-open: rest-elapsed", "half-open -> open: probe-failed"]);
});

test("B3: an ignored probe gives its place back and proves nothing", async () => {
  const breaker = new CircuitBreaker({
    maxProbes: 1,
    classify: (outcome) => (outcome.ok ? "success" : outcome.error === down ? "failure" : "ignored"),
  });
  await trip(breaker);
  pass(30_000);
  for (let call = 0; call < 10; call += 1) await fail(breaker, new Error("no matter"));
  expect(breaker.state).toBe("half-open");
  await succeed(breaker);
  expect(breaker.state).toBe("closed");
});

test("B4: a hung probe counts as failed once, when due, and its late result adds nothing", async () => {
  const { breaker, changes } = watched({ maxProbes: 1, probeTimeoutMs: 5_000 });
  await trip(breaker);
  pass(30_000);
  const hung = begin(breaker);
  const before = breaker.stats();
  pass(5_000);
  const due = Date.now();
  expect(breaker.state).toBe("open");
  pass(1_000);
  expect(changes).toHaveLength(2);
  await expect(succeed(breaker)).rejects.toMatchObject({ state: "open", retryAfterMs: 29_000 });
  expect(changes.at(-1)).toMatchObject({ from: "half-open", to: "open", reason: "probe-timeout", at: due });
  expect(breaker.stats()).toMatchObject({ calls: before.calls + 1, failures: before.failures + 1, lastFailureAt: due });
  hung.resolve("at last");
  expect(await hung.outcome).toBe("at last");
  expect(breaker.stats()).toMatchObject({
    calls: before.calls + 1,
    successes: before.successes,
    failures: before.failures + 1,
  });
});

test("B4: a hung probe's result that comes before anyone noticed adds nothing either, and nobody judges it", async () => {
  const judged: unknown[] = [];
  const { breaker, told } = watched({
    maxProbes: 1,
    probeTimeoutMs: 5_000,
    classify: (outcome) => {
      if (outcome.ok) judged.push(outcome.value);
      return outcome.ok ? "success" : "failure";
    },
  });
  await trip(breaker);
  pass(30_000);
  const hung = begin(breaker);
  pass(5_000);
  hung.resolve("at last");
  await hung.outcome;
  expect(judged).toEqual([]);
  expect(breaker.state).toBe("open");
  expect(breaker.stats()).toMatchObject({ calls: 5, successes: 0 });
  await expect(succeed(breaker)).rejects.toMatchObject({ state: "open" });
  expect(breaker.stats()).toMatchObject({ calls: 6, failures: 6 });
  expect(told().at(-1)).toBe("half-open -> open: probe-timeout");
});

test("B4: a hung probe ends half-open for the others too: what they bring counts in the totals only", async () => {
  const { breaker } = watched({ probeTimeoutMs: 5_000 });
  await trip(breaker);
  pass(30_000);
  const hung = begin(breaker);
  pass(3_000);
  const other = begin(breaker);
  pass(2_000);
  other.resolve("up");
  await other.outcome;
  expect(breaker.state).toBe("open");
  expect(breaker.stats()).toMatchObject({ successes: 1, consecutiveSuccesses: 0 });
  hung.reject(down);
  await hung.outcome;
});

test("B4: of two hung probes of one instant the one counts as timed out, the other as what it brings", async () => {
  const { breaker } = watched({ probeTimeoutMs: 5_000 });
  await trip(breaker);
  pass(30_000);
  const [first, second] = [begin(breaker), begin(breaker)];
  pass(5_000);
  second.resolve("up");
  first.resolve("up");
  await Promise.all([first.outcome, second.outcome]);
  await expect(succeed(breaker)).rejects.toMatchObject({ state: "open" });
  expect(breaker.stats()).toMatchObject({ successes: 1, failures: 6 });
});

test("B4: after a hung probe and a rest that nobody watched it is half-open again, each transition told at its instant", async () => {
  const { breaker, changes, told } = watched({ maxProbes: 1, openMs: 1_000, probeTimeoutMs: 5_000 });
  await trip(breaker);
  pass(1_000);
  begin(breaker);
  const admitted = Date.now();
  pass(60_000);
  expect(breaker.stats()).toMatchObject({
    state: "half-open",
    stateChangedAt: admitted + 6_000,
    timeInStateMs: 54_000,
    retryAfterMs: 0,
  });
  await succeed(breaker);
  expect(told().slice(2)).toEqual([
    "half-open -> open: probe-timeout",
    "open -> half-open: rest-elapsed",
    "half-open -> closed: probes-succeeded",
  ]);
  expect(changes.slice(2, 4).map(({ at }) => at)).toEqual([admitted + 5_000, admitted + 6_000]);
});

test("B4: without traffic half-open stays, and its successes stand", async () => {
  const breaker = new CircuitBreaker();
  await trip(breaker);
  pass(30_000);
  await succeed(breaker);
  pass(86_400_000);
  expect(breaker.state).toBe("half-open");
  await succeed(breaker);
  expect(breaker.state).toBe("closed");
});

test("with all probes out, retryAfterMs is the time to the oldest one's timeout", async () => {
  const breaker = new CircuitBreaker({ maxProbes: 2, probeTimeoutMs: 5_000 });
  await trip(breaker);
  pass(30_000);
  begin(breaker);
  expect(breaker.retryAfterMs).toBe(0);
  pass(1_000);
  begin(breaker);
  expect(breaker.retryAfterMs).toBe(4_000);
  expect(breaker.isHalfOpen).toBe(true);
});
