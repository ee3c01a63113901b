import fc from "fast-check";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { type Deadline, type DeadlineOptions, Deadlines } from "../../src/deadline.js";
import { CallTimeoutError } from "../../src/index.js";

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

const plain = { resetOnProgress: false, maxTotalMs: 0, signal: undefined };

/** Starts a deadline and notes when it ends. */
function startIn(deadlines: Deadlines, options: Partial<DeadlineOptions> & { readonly timeoutMs: number }) {
  const startedAt = performance.now();
  const deadline = deadlines.start("Tool", { ...plain, ...options });
  const noted: { deadline: Deadline; endedAfter: number | undefined } = { deadline, endedAfter: undefined };
  deadline.addEventListener("abort", () => {
    noted.endedAfter = performance.now() - startedAt;
  });
  return noted;
}

test("M1: each of many deadlines ends at its own time, whichever began first", () => {
  const deadlines = new Deadlines("one");
  const [late, early, middle] = [3_000, 1_000, 2_000].map((timeoutMs) => startIn(deadlines, { timeoutMs }));
  vi.advanceTimersByTime(5_000);
  expect([early?.endedAfter, middle?.endedAfter, late?.endedAfter]).toEqual([1_000, 2_000, 3_000]);
  expect(early?.deadline.reason).toBeInstanceOf(CallTimeoutError);
});

test("M1: in a storm of calls that start, end and report progress, each that is left ends in its time, to the millisecond", () => {
  const step = fc.oneof(
    fc.record({
      does: fc.constant("start" as const),
      timeoutMs: fc.integer({ min: 1, max: 50 }),
      extends: fc.boolean(),
    }),
    fc.record({ does: fc.constant("end" as const), which: fc.nat() }),
    fc.record({ does: fc.constant("progress" as const), which: fc.nat() }),
    fc.record({ does: fc.constant("wait" as const), ms: fc.integer({ min: 1, max: 30 }) }),
  );
  const run = (steps: readonly (typeof step extends fc.Arbitrary<infer S> ? S : never)[]): void => {
    const deadlines = new Deadlines("one");
    const open = new Set<{ dueAt: number; timeoutMs: number; until: number; deadline: Deadline; extends: boolean }>();
    const wrong: string[] = [];
    const look = (): void => {
      for (const one of open) {
        const overMs = performance.now() - one.dueAt;
        const { aborted } = one.deadline;
        if (aborted ? overMs < -1 : overMs >= 0)
          wrong.push(`${aborted ? "ended" : "runs"}, ${overMs} ms after its time`);
        if (!aborted) continue;
        one.deadline[Symbol.dispose]();
        open.delete(one);
      }
    };
    for (const one of steps) {
      const now = performance.now();
      if (one.does === "start") {
        const { timeoutMs } = one;
        const maxTotalMs = timeoutMs * 3;
        const options = { timeoutMs, resetOnProgress: one.extends, maxTotalMs, signal: undefined };
        const deadline = deadlines.start("Tool", options);
        open.add({ deadline, timeoutMs, dueAt: now + timeoutMs, until: now + maxTotalMs, extends: one.extends });
      } else if (one.does === "wait") {
        for (let ms = 0; ms < one.ms; ms += 1) {
          vi.advanceTimersByTime(1);
          look();
        }
      } else {
        const chosen = [...open][one.which % Math.max(1, open.size)];
        if (chosen === undefined) continue;
        if (one.does === "progress") {
          chosen.deadline.onProgress();
          if (chosen.extends) chosen.dueAt = Math.min(now + chosen.timeoutMs, chosen.until);
        } else {
          chosen.deadline[Symbol.dispose]();
          open.delete(chosen);
        }
      }
    }
    vi.advanceTimersByTime(1_000);
    for (const { deadline } of open) expect(deadline.end).toBe("timeout");
    expect(wrong).toEqual([]);
    deadlines.close(new Error("over"));
    expect(vi.getTimerCount()).toBe(0);
  };
  fc.assert(fc.property(fc.array(step, { maxLength: 60 }), run), { numRuns: 300 });
});

test("a deadline holds the process while its call runs, and nothing does when none runs", () => {
  vi.useRealTimers();
  const held = (): number => process.getActiveResourcesInfo().filter((name) => name === "Timeout").length;
  const before = held();
  const deadlines = new Deadlines("one");
  const first = deadlines.start("Tool", { ...plain, timeoutMs: 60_000 });
  expect(held()).toBe(before + 1);
  const second = deadlines.start("Tool", { ...plain, timeoutMs: 60_000 });
  expect(held()).toBe(before + 1);
  first[Symbol.dispose]();
  expect(held()).toBe(before + 1);
  second[Symbol.dispose]();
  expect(held()).toBe(before);
  const third = deadlines.start("Tool", { ...plain, timeoutMs: 60_000 });
  expect(held()).toBe(before + 1);
  third[Symbol.dispose]();
  deadlines.close(new Error("over"));
  expect(held()).toBe(before);
});

test("a deadline of more than a timer can wait for does not end before its time", () => {
  const deadlines = new Deadlines("one");
  const long = startIn(deadlines, { timeoutMs: 3_000_000_000 });
  vi.advanceTimersByTime(2_147_483_648);
  expect(long.endedAfter).toBeUndefined();
  vi.advanceTimersByTime(1_000_000_000);
  expect(long.endedAfter).toBe(3_000_000_000);
});

test("where all calls end, no deadline begins any more and no timer is left", () => {
  const deadlines = new Deadlines("one");
  const running = startIn(deadlines, { timeoutMs: 1_000 });
  deadlines.close(new Error("over"));
  expect(running.deadline.reason).toMatchObject({ message: "over" });
  expect(deadlines.start("Tool", { ...plain, timeoutMs: 1_000 }).reason).toMatchObject({ message: "over" });
  expect(vi.getTimerCount()).toBe(0);
});
