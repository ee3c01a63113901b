import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { begin, down, fail, pass, succeed, trip, watched } from "./support.js";

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
});

test("B12: forceOpen holds past any rest until its last handle is disposed, and twice is once", async () => {
  const { breaker, told } = watched();
  const [first, second] = [breaker.forceOpen(), breaker.forceOpen()];
  pass(86_400_000);
  expect(breaker.state).toBe("forced-open");
  expect(breaker.isOpen).toBe(true);
  await expect(succeed(breaker)).rejects.toMatchObject({
    state: "forced-open",
    retryAfterMs: Number.POSITIVE_INFINITY,
  });
  first[Symbol.dispose]();
  first[Symbol.dispose]();
  expect(breaker.state).toBe("forced-open");
  second[Symbol.dispose]();
  expect(breaker.state).toBe("closed");
  expect(await succeed(breaker)).toBe("up");
  expect(told()).toEqual(["closed -> forced-open: forced", "forced-open -> closed: released"]);
});

test("B12: results of calls from before forceOpen count in the totals only", async () => {
  const { breaker } = watched({ failureThreshold: 1 });
  const early = begin(breaker);
  using _hold = breaker.forceOpen();
  early.reject(down);
  await early.outcome;
  expect(breaker.stats()).toMatchObject({ state: "forced-open", failures: 1, windowCalls: 0 });
});

test("B12: forceClose admits and records everything and never trips", async () => {
  const { breaker } = watched({ failureThreshold: 1 });
  await trip(breaker);
  const hold = breaker.forceClose();
  expect(breaker.state).toBe("forced-closed");
  expect(breaker.isClosed).toBe(true);
  for (let call = 0; call < 20; call += 1) expect(await fail(breaker)).toBe(down);
  expect(breaker.stats()).toMatchObject({
    state: "forced-closed",
    windowFailures: 20,
    consecutiveFailures: 20,
    retryAfterMs: 0,
  });
  hold[Symbol.dispose]();
  expect(breaker.stats()).toMatchObject({ state: "closed", windowFailures: 0, consecutiveFailures: 0 });
  await fail(breaker);
  expect(breaker.state).toBe("open");
});

test("B12: open wins, and a handle released while another kind is held leaves that one in force", () => {
  const { breaker, told } = watched();
  const closed = breaker.forceClose();
  const open = breaker.forceOpen();
  expect(breaker.state).toBe("forced-open");
  open[Symbol.dispose]();
  expect(breaker.state).toBe("forced-closed");
  const again = breaker.forceOpen();
  closed[Symbol.dispose]();
  expect(breaker.state).toBe("forced-open");
  again[Symbol.dispose]();
  expect(breaker.state).toBe("closed");
  expect(told()).toEqual([
    "closed -> forced-closed: forced",
    "forced-closed -> forced-open: forced",
    "forced-open -> forced-closed: released",
    "forced-closed -> forced-open: forced",
    "forced-open -> closed: released",
  ]);
});

test("B12: reset drops both, zeroes every count, and handles from before it mean nothing", async () => {
  const { breaker, told } = watched();
  const handles = [breaker.forceOpen(), breaker.forceClose()];
  await fail(breaker);
  const early = watched();
  breaker.reset();
  expect(breaker.stats()).toEqual({ ...early.breaker.stats(), stateChangedAt: Date.now(), timeInStateMs: 0 });
  for (const handle of handles) handle[Symbol.dispose]();
  const hold = breaker.forceOpen();
  for (const handle of handles) handle[Symbol.dispose]();
  expect(breaker.state).toBe("forced-open");
  hold[Symbol.dispose]();
  expect(told().slice(1)).toEqual([
    "forced-open -> closed: reset",
    "closed -> forced-open: forced",
    "forced-open -> closed: released",
  ]);
});

test("B12: results of calls admitted before a reset add nothing at all", async () => {
  const { breaker } = watched({ failureThreshold: 1 });
  const early = begin(breaker);
  breaker.reset();
  early.reject(down);
  await early.outcome;
  expect(breaker.stats()).toMatchObject({ calls: 0, failures: 0, state: "closed", lastFailureAt: undefined });
});

test("B12: a reset of a closed breaker is not told; of a half-open one it is, and the rest is short again", async () => {
  const { breaker, told } = watched({ openMs: 1_000, maxOpenMs: 8_000, failureThreshold: 1 });
  breaker.reset();
  expect(told()).toEqual([]);
  await fail(breaker);
  pass(1_000);
  await fail(breaker);
  expect(breaker.retryAfterMs).toBe(2_000);
  pass(2_000);
  breaker.reset();
  expect(told().at(-1)).toBe("half-open -> closed: reset");
  await fail(breaker);
  expect(breaker.retryAfterMs).toBe(1_000);
});
