import fc from "fast-check";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { Cache } from "../src/index.js";
import { pass, settle } from "./support.js";

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
});

const minute = 60_000;

describe("C5 the ttl of an entry", () => {
  test("C5: the ttl given with a value wins over that of the cache, both ways", () => {
    const cache = new Cache<number>({ ttlMs: 1_000, sweepMs: Number.POSITIVE_INFINITY });
    cache.set("short", 1, { ttlMs: 10 });
    cache.set("long", 1, { ttlMs: 5_000 });
    cache.set("forever", 1, { ttlMs: Number.POSITIVE_INFINITY });
    cache.set("default", 1, { ttlMs: undefined });
    vi.advanceTimersByTime(10);
    expect(cache.keys().sort()).toEqual(["default", "forever", "long"]);
    vi.advanceTimersByTime(990);
    expect(cache.keys().sort()).toEqual(["forever", "long"]);
    vi.advanceTimersByTime(1e12);
    expect(cache.keys()).toEqual(["forever"]);
    expect(cache.inspect("forever")?.expiresInMs).toBe(Number.POSITIVE_INFINITY);
  });

  test("C5: ttlMs 0 is not kept, and the older value goes too", async () => {
    const onEvict = vi.fn();
    const cache = new Cache<string>({ onEvict, staleIfErrorMs: 1_000 });
    cache.set("a", "old");
    cache.set("a", "new", { ttlMs: 0 });
    cache.set("b", "old");
    expect(await cache.getOrSet("b", () => "new", { ttlMs: 0, refresh: true })).toBe("new");
    cache.set("c", "new", { ttlMs: 0 });
    expect(cache.size).toBe(0);
    expect(onEvict.mock.calls.flat()).toEqual([
      { key: "a", value: "old", reason: "replaced" },
      { key: "b", value: "old", reason: "replaced" },
    ]);
    expect(cache.stats()).toMatchObject({ inserts: 2, evictions: 0, expirations: 0, invalidations: 0 });
  });

  test("C5: ttlMs 0 on an older value that is gone already lets that one expire", () => {
    const onEvict = vi.fn();
    const cache = new Cache<string>({ ttlMs: 10, onEvict });
    cache.set("a", "old");
    vi.advanceTimersByTime(10);
    cache.set("a", "new", { ttlMs: 0 });
    expect(onEvict.mock.calls.flat()).toEqual([{ key: "a", value: "old", reason: "expired" }]);
  });

  test("C5: a cache whose ttl is 0 keeps only what says otherwise", async () => {
    const cache = new Cache<string>({ ttlMs: 0 });
    cache.set("a", "a");
    cache.set("b", "b", { ttlMs: 1 });
    await cache.getOrSet("c", () => "c");
    expect(cache.keys()).toEqual(["b"]);
  });

  test("C5: the ttl can come from the loaded value", async () => {
    const cache = new Cache<{ ttl: number }>({ ttlMs: 5 });
    await cache.getOrSet("key", () => ({ ttl: 500 }), { ttlMs: ({ ttl }) => ttl });
    expect(cache.inspect("key")?.expiresInMs).toBe(500);
    await cache.getOrSet("key", () => ({ ttl: 0 }), { ttlMs: ({ ttl }) => ttl, refresh: true });
    expect(cache.has("key")).toBe(false);
  });

  test("C5: a ttl function that throws, or gives no duration, fails the load", async () => {
    const cache = new Cache<number>();
    const error = new Error("ttl");
    const throwing = (): number => {
      throw error;
    };
    await expect(cache.getOrSet("key", () => 1, { ttlMs: throwing })).rejects.toBe(error);
    for (const ttlMs of [Number.NaN, -1])
      await expect(cache.getOrSet("key", () => 1, { ttlMs: () => ttlMs })).rejects.toThrow(
        `Cache.getOrSet: the result of ttlMs must be a number of milliseconds >= 0 or Infinity, got ${ttlMs}`,
      );
    expect(cache.stats()).toMatchObject({ loadFailures: 3, size: 0 });
  });

  test("C5: jitter takes off at most its share of the ttl, never adds, and spreads", () => {
    fc.assert(
      fc.property(fc.double({ min: 0, max: 1, noNaN: true }), fc.integer({ min: 1, max: 1e9 }), (ttlJitter, ttlMs) => {
        const cache = new Cache<number>({ ttlJitter, ttlMs, sweepMs: Number.POSITIVE_INFINITY });
        for (let key = 0; key < 20; key += 1) cache.set(`${key}`, key);
        const left = cache.keys().map((key) => cache.inspect(key)?.expiresInMs ?? Number.NaN);
        const slack = 1e-6 * ttlMs;
        expect(left.every((ms) => ms >= ttlMs * (1 - ttlJitter) - slack && ms <= ttlMs + slack)).toBe(true);
        if (ttlJitter > 0.01) expect(new Set(left).size).toBeGreaterThan(1);
      }),
    );
  });

  test("C5: jitter leaves an endless ttl endless", () => {
    const cache = new Cache<number>({ ttlJitter: 1, ttlMs: Number.POSITIVE_INFINITY });
    cache.set("key", 1);
    expect(cache.inspect("key")?.expiresInMs).toBe(Number.POSITIVE_INFINITY);
  });

  test("C5: the tutorial's example, evicted after 5 minutes", () => {
    const onEvict = vi.fn();
    const cache = new Cache<string[]>({ policy: "ttl", ttlMs: 5 * minute, onEvict });
    const githubTools = ["create_issue"];
    cache.set("github", githubTools);
    vi.advanceTimersByTime(6 * minute);
    expect(cache.get("github")).toBeUndefined();
    expect(onEvict).toHaveBeenCalledWith({ key: "github", value: githubTools, reason: "expired" });
  });

  test("C5: the tutorial's exercise, found after 0 s and 30 s, not after 61 s", () => {
    for (const policy of ["ttl", "lru", "lfu", "fifo"] as const) {
      const cache = new Cache<string[]>({ policy, ttlMs: minute });
      cache.set("github", ["create_issue"]);
      const found = (): boolean => cache.get("github") !== undefined;
      expect(found()).toBe(true);
      vi.advanceTimersByTime(30_000);
      expect(found()).toBe(true);
      vi.advanceTimersByTime(31_000);
      expect(found()).toBe(false);
    }
  });
});

describe("C10 remembered failures", () => {
  const down = new Error("down");

  test("C10: a failed load is remembered for errorTtlMs, with the same error, then loaded again", async () => {
    const cache = new Cache<string>({ errorTtlMs: 1_000 });
    const load = vi.fn(() => Promise.reject(down));
    await expect(cache.getOrSet("key", load)).rejects.toBe(down);
    await pass(999);
    await expect(cache.getOrSet("key", load)).rejects.toBe(down);
    expect(load).toHaveBeenCalledTimes(1);
    await pass(1);
    await expect(cache.getOrSet("key", load)).rejects.toBe(down);
    expect(load).toHaveBeenCalledTimes(2);
    expect(cache.stats()).toMatchObject({ misses: 3, loads: 2, loadFailures: 2, coalesced: 0, size: 0 });
  });

  test("C10: by default no failure is remembered", async () => {
    const cache = new Cache<string>();
    const load = vi.fn(() => Promise.reject(down));
    for (let round = 0; round < 3; round += 1) await expect(cache.getOrSet("key", load)).rejects.toBe(down);
    expect(load).toHaveBeenCalledTimes(3);
    expect(vi.getTimerCount()).toBe(0);
  });

  test("C10: aborts are never remembered, neither a caller's nor one the load reports", async () => {
    const cache = new Cache<string>({ errorTtlMs: 1_000 });
    const caller = new AbortController();
    const leaving = cache.getOrSet(
      "key",
      ({ signal }) =>
        new Promise((_, reject) => {
          signal.addEventListener("abort", () => reject(new Error("a failure by any other name")));
        }),
      { signal: caller.signal },
    );
    caller.abort();
    await expect(leaving).rejects.toBe(caller.signal.reason);
    await settle();
    const aborted = new DOMException("stopped", "AbortError");
    await expect(cache.getOrSet("key", () => Promise.reject(aborted))).rejects.toBe(aborted);
    expect(await cache.getOrSet("key", () => "value")).toBe("value");
    expect(cache.stats()).toMatchObject({ loads: 3, loadFailures: 1 });
  });

  test("C10: failures that are no errors are remembered as they are", async () => {
    for (const failure of [undefined, null, "text", 0, { name: "Other" }]) {
      const cache = new Cache<string>({ errorTtlMs: 1_000 });
      await expect(cache.getOrSet("key", () => Promise.reject(failure))).rejects.toBe(failure);
      await expect(cache.getOrSet("key", () => "value")).rejects.toBe(failure);
    }
  });

  test("C10: a refresh, a set, an invalidation and a clear forget the failure", async () => {
    const forgettings: ((cache: Cache<string>) => unknown)[] = [
      (cache) => cache.getOrSet("key", () => "value", { refresh: true, ttlMs: 100 }),
      (cache) => cache.set("key", "value", { ttlMs: 100 }),
      (cache) => cache.invalidate("key"),
      (cache) => cache.invalidateWhere(() => true),
      (cache) => cache.clear(),
    ];
    for (const forget of forgettings) {
      const cache = new Cache<string>({ errorTtlMs: 1_000 });
      await expect(cache.getOrSet("key", () => Promise.reject(down))).rejects.toBe(down);
      await forget(cache);
      await pass(100);
      expect(await cache.getOrSet("key", () => "value")).toBe("value");
    }
  });

  test("C10: while a failure is remembered a caller joins a load that another one forced", async () => {
    const cache = new Cache<string>({ errorTtlMs: 1_000 });
    await expect(cache.getOrSet("key", () => Promise.reject(down))).rejects.toBe(down);
    const forced = cache.getOrSet("key", () => "value", { refresh: true });
    expect(await cache.getOrSet("key", () => "other")).toBe("value");
    await forced;
  });

  test("C10: a remembered failure keeps the windows from loading, and a value from being served beyond them", async () => {
    const cache = new Cache<string>({ ttlMs: 1_000, errorTtlMs: 10_000, staleIfErrorMs: 5_000 });
    cache.set("key", "old");
    await pass(1_000);
    const load = vi.fn(() => Promise.reject(down));
    expect(await cache.getOrSet("key", load)).toBe("old");
    await pass(4_999);
    expect(await cache.getOrSet("key", load)).toBe("old");
    await pass(1);
    await expect(cache.getOrSet("key", load)).rejects.toBe(down);
    expect(load).toHaveBeenCalledTimes(1);
  });

  test("C10: no more failures are remembered than entries, and none longer than a sweep after its time", async () => {
    const cache = new Cache<string>({ errorTtlMs: 1_000, maxEntries: 2, sweepMs: 1_500 });
    for (const key of ["a", "b", "c"]) await cache.getOrSet(key, () => Promise.reject(down)).catch(() => {});
    const load = vi.fn(() => Promise.reject(down));
    for (const key of ["c", "b", "a"]) await cache.getOrSet(key, load).catch(() => {});
    expect(load).toHaveBeenCalledTimes(1);
    expect(vi.getTimerCount()).toBe(1);
    await pass(900);
    await cache.getOrSet("late", load).catch(() => {});
    await pass(600);
    expect(vi.getTimerCount(), "one failure is left").toBe(1);
    await pass(1_500);
    expect(vi.getTimerCount()).toBe(0);
  });
});
