import { afterEach, describe, expect, test, vi } from "vitest";
import { Clock } from "../src/clock.js";
import { Cache } from "../src/index.js";

afterEach(() => {
  vi.restoreAllMocks();
  vi.unstubAllGlobals();
  vi.useRealTimers();
});

/** A clock whose every reading costs `stepMs`. */
function looks(stepMs: number): { readonly count: () => number } {
  let now = 0;
  const spy = vi.spyOn(performance, "now").mockImplementation(() => {
    now += stepMs;
    return now;
  });
  return { count: () => spy.mock.calls.length };
}

describe("C9 the clock of a hit", () => {
  test("C9: in a tight loop one reading in 16 is enough, and time never runs backwards", () => {
    const { count } = looks(0.001);
    const clock = new Clock();
    let last = 0;
    for (let read = 0; read < 1_601; read += 1) {
      const now = clock.cachedNow();
      expect(now).toBeGreaterThanOrEqual(last);
      last = now;
    }
    expect(count()).toBe(101);
  });

  test("C13: what is made stale is so for the very next read, in a tight loop too", () => {
    looks(0.001);
    const cache = new Cache<number>({ staleWhileRevalidateMs: 1_000 });
    for (let round = 0; round < 50; round += 1) {
      cache.set("key", round);
      expect(cache.get("key")).toBe(round);
      cache.expire({ key: "key" });
      expect([cache.get("key"), cache.peek("key")]).toEqual([undefined, round]);
    }
  });

  test("C9: outside of tight loops the clock is read every time", () => {
    const { count } = looks(0.0625);
    const clock = new Clock();
    for (let read = 0; read < 100; read += 1) clock.cachedNow();
    expect(count()).toBe(100);
  });

  test("C9: a clock moved by hand is read every time, however it is moved", () => {
    vi.useFakeTimers();
    const cache = new Cache<number>({ ttlMs: 1 });
    for (let round = 0; round < 100; round += 1) {
      cache.set("key", round);
      expect([cache.get("key"), cache.get("key"), cache.get("key")]).toEqual([round, round, round]);
      vi.advanceTimersByTime(1);
      expect(cache.get("key")).toBeUndefined();
    }
  });

  test("C9: what was read in a tight loop is forgotten when its turn of the event loop ends", async () => {
    const clock = new Clock();
    for (let read = 0; read < 3; read += 1) clock.cachedNow();
    await new Promise((resolve) => setImmediate(resolve));
    const before = performance.now();
    expect(clock.cachedNow()).toBeGreaterThanOrEqual(before);
  });

  test("C9: where there is no setImmediate, it is forgotten with the next microtask", async () => {
    vi.stubGlobal("setImmediate", undefined);
    vi.resetModules();
    const { Clock: BrowserClock } = await import("../src/clock.js");
    const clock = new BrowserClock();
    for (let read = 0; read < 3; read += 1) clock.cachedNow();
    await Promise.resolve();
    const before = performance.now();
    expect(clock.cachedNow()).toBeGreaterThanOrEqual(before);
  });
});
