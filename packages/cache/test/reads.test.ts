import fc from "fast-check";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { Cache } from "../src/index.js";
import { cached, deferred, pass, settle, watch } from "./support.js";

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
});

describe("C7 reads and their counts", () => {
  test("C7: has, peek, inspect, keys and size neither count nor order, and see no expired entry", () => {
    for (const policy of ["lru", "lfu", "ttl", "fifo"] as const) {
      const cache = new Cache<number>({ policy, maxEntries: 2, ttlMs: 100 });
      cache.set("a", 1);
      cache.set("b", 2);
      for (let round = 0; round < 30; round += 1) {
        expect([cache.has("a"), cache.peek("a"), cache.inspect("a")?.value]).toEqual([true, 1, 1]);
        expect([cache.keys().length, cache.size]).toEqual([2, 2]);
      }
      expect(cache.stats()).toMatchObject({ hits: 0, misses: 0, staleHits: 0 });
      expect(cache.inspect("a")?.hits).toBe(0);
      cache.set("c", 3);
      expect(cache.has("a"), `${policy}: the looks made a no younger`).toBe(false);
      vi.advanceTimersByTime(100);
      expect([cache.has("b"), cache.peek("b"), cache.inspect("b"), cache.keys(), cache.size]).toEqual([
        false,
        undefined,
        undefined,
        [],
        0,
      ]);
      expect(cache.stats()).toMatchObject({ expirations: 0, size: 0 });
    }
  });

  test("C7: empty and false values are hits, undefined itself included", async () => {
    for (const value of [[], 0, "", null, false, Number.NaN, undefined]) {
      const cache = new Cache<unknown>();
      cache.set("key", value);
      expect(cache.get("key")).toBe(value);
      expect(await cached(cache, "key")).toBe(value);
      expect(cache.has("key")).toBe(true);
      expect(cache.stats()).toMatchObject({ hits: 2, misses: 0, hitRate: 1 });
    }
  });

  test("C7: values are given back as they are, by reference", async () => {
    const cache = new Cache<{ list: number[] }>();
    const value = { list: [] };
    cache.set("key", value);
    expect(cache.get("key")).toBe(value);
    expect(cache.peek("key")).toBe(value);
    expect(await cached(cache, "key")).toBe(value);
  });

  test("C7: keys that are names of Object.prototype, empty or huge are keys like any other", () => {
    const cache = new Cache<string>();
    const keys = ["__proto__", "constructor", "hasOwnProperty", "", "x".repeat(1_000_000), "\u0000", "ключ"];
    for (const key of keys) expect(cache.get(key)).toBeUndefined();
    for (const key of keys) cache.set(key, key);
    for (const key of keys) expect(cache.get(key)).toBe(key);
    expect(cache.keys().sort()).toEqual(keys.sort());
  });

  test("C7: rates are 0 of nothing", () => {
    expect(new Cache().stats()).toEqual({
      hits: 0,
      misses: 0,
      staleHits: 0,
      coalesced: 0,
      loads: 0,
      loadFailures: 0,
      loadMs: 0,
      inserts: 0,
      evictions: 0,
      expirations: 0,
      invalidations: 0,
      size: 0,
      maxEntries: 100,
      hitRate: 0,
      missRate: 0,
      loading: 0,
      oldestLoadMs: 0,
    });
  });

  test("C7: stats are a snapshot that later reads do not change", () => {
    const cache = new Cache();
    const before = cache.stats();
    cache.get("key");
    expect(before.misses).toBe(0);
    expect(cache.stats().misses).toBe(1);
  });

  test("C7: loadMs adds up the time of all loads that ended", async () => {
    const cache = new Cache<number>();
    for (const key of ["a", "b"]) {
      const answer = deferred<number>();
      const outcome = watch(cache.getOrSet(key, () => answer.promise));
      await pass(30);
      if (key === "a") answer.resolve(1);
      else answer.reject(new Error("down"));
      await settle();
      expect(outcome.state).not.toBe("pending");
    }
    expect(cache.stats().loadMs).toBe(60);
  });

  test("C7: inspect tells times, age and hits; hits outlive a replacement", async () => {
    vi.setSystemTime(1_700_000_000_000);
    const cache = new Cache<string>({ ttlMs: 100, staleWhileRevalidateMs: 100 });
    cache.set("key", "old");
    for (let round = 0; round < 3; round += 1) cache.get("key");
    vi.advanceTimersByTime(40);
    expect(cache.inspect("key")).toEqual({
      value: "old",
      cachedAt: 1_700_000_000_000,
      ageMs: 40,
      expiresInMs: 60,
      hits: 3,
      state: "fresh",
    });
    await pass(60);
    await cache.getOrSet("key", () => "new");
    await settle();
    expect(cache.inspect("key")).toMatchObject({ value: "new", cachedAt: 1_700_000_000_100, ageMs: 0, hits: 4 });
  });

  test("C7: each read is exactly one of hit, miss and stale hit, whatever else goes on", {
    timeout: 60_000,
  }, async () => {
    const action = fc.constantFrom("get", "read", "fail", "leave", "hang", "refresh", "set", "invalidate", "pass");
    const step = fc.record({ action, key: fc.constantFrom("a", "b", "c") });
    const run = async (steps: readonly { action: string; key: string }[]): Promise<void> => {
      const cache = new Cache<number>({
        maxEntries: 2,
        ttlMs: 10,
        staleWhileRevalidateMs: 10,
        staleIfErrorMs: 3_000,
        errorTtlMs: 15,
      });
      let reads = 0;
      for (const { action, key } of steps) {
        if (action === "get") cache.get(key);
        else if (action === "set") cache.set(key, 0);
        else if (action === "invalidate") cache.invalidate(key);
        else if (action === "pass") await pass(7);
        else {
          const caller = new AbortController();
          const load = (): number | Promise<number> => {
            if (action === "hang") return new Promise<number>(() => {});
            if (action === "fail") throw new Error("down");
            return 1;
          };
          watch(cache.getOrSet(key, load, { signal: caller.signal, refresh: action === "refresh" }));
          if (action === "leave") caller.abort();
        }
        if (!["set", "invalidate", "pass"].includes(action)) reads += 1;
        const { hits, misses, staleHits, coalesced, loads, loadFailures, hitRate, missRate } = cache.stats();
        expect(hits + misses + staleHits).toBe(reads);
        expect(coalesced).toBeLessThanOrEqual(misses);
        expect(loadFailures).toBeLessThanOrEqual(loads);
        expect(hitRate + missRate).toBeCloseTo(reads === 0 ? 0 : 1);
      }
      cache.close();
    };
    await fc.assert(fc.asyncProperty(fc.array(step, { maxLength: 50 }), run), { numRuns: 150 });
  });
});

describe("a disabled cache", () => {
  test("C1: disabled, get misses, set does nothing and getOrSet still runs one load per key", async () => {
    const onEvict = vi.fn();
    const cache = new Cache<number>({ enabled: false, errorTtlMs: 1_000, onEvict });
    cache.set("key", 1);
    expect(cache.get("key")).toBeUndefined();
    const load = vi.fn(async () => 2);
    expect(await Promise.all([cache.getOrSet("key", load), cache.getOrSet("key", load)])).toEqual([2, 2]);
    expect(await cache.getOrSet("key", load)).toBe(2);
    expect(load).toHaveBeenCalledTimes(2);
    await expect(cache.getOrSet("key", () => Promise.reject(new Error("down")))).rejects.toThrow("down");
    expect(await cache.getOrSet("key", load)).toBe(2);
    expect(cache.size).toBe(0);
    expect(vi.getTimerCount()).toBe(0);
    expect(onEvict).not.toHaveBeenCalled();
    expect(cache.stats()).toMatchObject({ hits: 0, misses: 6, coalesced: 1, inserts: 0 });
  });

  test("C1: disabled, a set does not start a second load", async () => {
    const cache = new Cache<string>({ enabled: false });
    const load = vi.fn(async () => "loaded");
    const first = cache.getOrSet("key", load);
    cache.set("key", "set");
    expect(await Promise.all([first, cache.getOrSet("key", load)])).toEqual(["loaded", "loaded"]);
    expect(load).toHaveBeenCalledTimes(1);
  });

  test("C3: disabled, an invalidation still makes the next call load anew", async () => {
    const cache = new Cache<string>({ enabled: false });
    const answer = deferred<string>();
    const waiting = cache.getOrSet("key", () => answer.promise);
    cache.invalidate("key");
    expect(await cache.getOrSet("key", () => "new")).toBe("new");
    answer.resolve("old");
    expect(await waiting).toBe("old");
  });
});
