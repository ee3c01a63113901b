import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { Cache, type CacheOptions } from "../src/index.js";
import { cached, deferred, pass, settle, watch } from "./support.js";

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
});

const down = new Error("down");

function cacheWith(options: CacheOptions<string>): Cache<string> {
  const cache = new Cache<string>({ ttlMs: 1_000, sweepMs: Number.POSITIVE_INFINITY, ...options });
  cache.set("key", "old");
  return cache;
}

describe("C4 freshness and the two windows", () => {
  test("C4: a value is fresh while its age is below the ttl, and gone at the ttl without windows", () => {
    const cache = cacheWith({});
    vi.advanceTimersByTime(999);
    expect(cache.get("key")).toBe("old");
    expect(cache.inspect("key")).toMatchObject({ state: "fresh", ageMs: 999, expiresInMs: 1 });
    vi.advanceTimersByTime(1);
    expect(cache.has("key")).toBe(false);
    expect(cache.get("key")).toBeUndefined();
    expect(cache.stats()).toMatchObject({ expirations: 1, hits: 1, misses: 1 });
  });

  test("C4: in either window has, peek and inspect see the value and get does not", () => {
    for (const window of ["staleWhileRevalidateMs", "staleIfErrorMs"] as const) {
      const cache = cacheWith({ [window]: 500 });
      vi.advanceTimersByTime(1_499);
      expect(cache.get("key")).toBeUndefined();
      expect(cache.has("key")).toBe(true);
      expect(cache.peek("key")).toBe("old");
      expect(cache.keys()).toEqual(["key"]);
      expect(cache.size).toBe(1);
      expect(cache.inspect("key")).toMatchObject({ state: "stale", ageMs: 1_499, expiresInMs: 0 });
      vi.advanceTimersByTime(1);
      expect(cache.has("key")).toBe(false);
      expect(cache.peek("key")).toBeUndefined();
      expect(cache.inspect("key")).toBeUndefined();
      expect(cache.keys()).toEqual([]);
      expect(cache.size).toBe(0);
    }
  });

  test("C4: both windows start at the ttl: a value is kept to the end of the longer one", () => {
    const cache = cacheWith({ staleWhileRevalidateMs: 300, staleIfErrorMs: 200 });
    vi.advanceTimersByTime(1_299);
    expect(cache.has("key")).toBe(true);
    vi.advanceTimersByTime(1);
    expect(cache.has("key")).toBe(false);
  });

  test("C4: in the revalidate window the old value comes at once, with one refresh behind it", async () => {
    const cache = cacheWith({ staleWhileRevalidateMs: 500 });
    vi.advanceTimersByTime(1_000);
    const answer = deferred<string>();
    const load = vi.fn(() => answer.promise);
    expect(await Promise.all([cache.getOrSet("key", load), cache.getOrSet("key", load)])).toEqual(["old", "old"]);
    expect(load).toHaveBeenCalledTimes(1);
    expect(load).toHaveBeenCalledWith(expect.objectContaining({ stale: "old" }));
    answer.resolve("new");
    await settle();
    expect(cache.get("key")).toBe("new");
    expect(cache.stats()).toMatchObject({ staleHits: 2, hits: 1, misses: 0, coalesced: 0, loads: 1 });
  });

  test("C4: at the end of the revalidate window a caller waits", async () => {
    const cache = cacheWith({ staleWhileRevalidateMs: 500 });
    vi.advanceTimersByTime(1_500);
    expect(await cache.getOrSet("key", ({ stale }) => stale ?? "new")).toBe("new");
  });

  test("C4: in the error window a caller waits for the load and gets its value, or the old one where it fails", async () => {
    const onRefreshError = vi.fn();
    const cache = cacheWith({ staleIfErrorMs: 5_000, onRefreshError });
    await pass(1_000);
    expect(await cache.getOrSet("key", () => Promise.reject(down))).toBe("old");
    expect(onRefreshError.mock.calls).toEqual([[{ key: "key", error: down }]]);
    expect(cache.inspect("key")).toMatchObject({ ageMs: 1_000, state: "stale" });
    expect(cache.stats()).toMatchObject({ misses: 1, staleHits: 0, loadFailures: 1 });
    await pass(1_000);
    expect(await cache.getOrSet("key", ({ stale }) => `${stale} and new`)).toBe("old and new");
  });

  test("C4: a load that outlasts the error window gives its own error", async () => {
    const cache = cacheWith({ staleIfErrorMs: 500 });
    vi.advanceTimersByTime(1_000);
    const answer = deferred<string>();
    const outcome = watch(cache.getOrSet("key", () => answer.promise));
    vi.advanceTimersByTime(500);
    answer.reject(down);
    await settle();
    expect(outcome).toEqual({ state: "rejected", error: down });
  });

  test("C4: beyond the error window a failed load gives its own error, though the revalidate window goes on", async () => {
    const cache = cacheWith({ staleWhileRevalidateMs: 500, staleIfErrorMs: 100 });
    vi.advanceTimersByTime(1_100);
    await expect(cache.getOrSet("key", () => Promise.reject(down), { refresh: true })).rejects.toBe(down);
    expect(cache.peek("key")).toBe("old");
  });

  test("C4: an old value invalidated while the load runs is not served when it fails", async () => {
    const cache = cacheWith({ staleIfErrorMs: 500 });
    vi.advanceTimersByTime(1_000);
    const answer = deferred<string>();
    const outcome = watch(cache.getOrSet("key", () => answer.promise));
    cache.invalidate("key");
    answer.reject(down);
    await settle();
    expect(outcome).toEqual({ state: "rejected", error: down });
  });

  test("C4: with no window a failed load gives its own error", async () => {
    const cache = cacheWith({});
    await expect(cache.getOrSet("key", () => Promise.reject(down), { refresh: true })).rejects.toBe(down);
    expect(cache.get("key")).toBe("old");
  });

  test("C4: failed refreshes back off 1, 2, 4, 8, 16, 30, 30 s while the error window serves without a load", async () => {
    const cache = cacheWith({ staleIfErrorMs: 1_000_000 });
    const load = vi.fn(() => Promise.reject(down));
    await pass(1_000);
    for (const restMs of [1_000, 2_000, 4_000, 8_000, 16_000, 30_000, 30_000]) {
      load.mockClear();
      expect(await cache.getOrSet("key", load)).toBe("old");
      expect(load).toHaveBeenCalledTimes(1);
      await pass(restMs - 1);
      expect(await cache.getOrSet("key", load)).toBe("old");
      expect(load).toHaveBeenCalledTimes(1);
      await pass(1);
    }
    expect(await cache.getOrSet("key", () => "new")).toBe("new");
    await pass(1_000);
    expect(await cache.getOrSet("key", load)).toBe("new");
    load.mockClear();
    await pass(1_000);
    await cache.getOrSet("key", load);
    expect(load, "a success starts again at 1 s").toHaveBeenCalledTimes(1);
  });

  test("C4: a failed background refresh keeps value and age, backs off, is reported and is no unhandled rejection", async () => {
    const unhandled = vi.fn();
    process.on("unhandledRejection", unhandled);
    try {
      const onRefreshError = vi.fn();
      const cache = cacheWith({ staleWhileRevalidateMs: 5_000, onRefreshError });
      const load = vi.fn(() => Promise.reject(down));
      await pass(1_000);
      expect(await cache.getOrSet("key", load)).toBe("old");
      await settle();
      expect(onRefreshError.mock.calls).toEqual([[{ key: "key", error: down }]]);
      await pass(999);
      expect(await cache.getOrSet("key", load)).toBe("old");
      expect(load).toHaveBeenCalledTimes(1);
      expect(cache.inspect("key")?.ageMs).toBe(1_999);
      await pass(1);
      await cache.getOrSet("key", load);
      expect(load).toHaveBeenCalledTimes(2);
      vi.useRealTimers();
      await new Promise((resolve) => setImmediate(resolve));
      expect(unhandled).not.toHaveBeenCalled();
    } finally {
      process.off("unhandledRejection", unhandled);
    }
  });

  test("C4: the rest after a failure does not serve beyond the error window", async () => {
    const cache = cacheWith({ staleWhileRevalidateMs: 200, staleIfErrorMs: 100 });
    await pass(1_050);
    await cache.getOrSet("key", () => Promise.reject(down));
    await pass(100);
    expect(await cached(cache, "key"), "revalidate window, at rest").toBe("old");
    await pass(50);
    expect(await cache.getOrSet("key", () => "new"), "gone").toBe("new");

    const other = cacheWith({ staleWhileRevalidateMs: 100, staleIfErrorMs: 200 });
    await pass(1_050);
    await other.getOrSet("key", () => Promise.reject(down));
    await pass(100);
    expect(await cached(other, "key"), "error window, at rest").toBe("old");
    await pass(50);
    await expect(cached(other, "key")).rejects.toThrow("not cached");
  });

  test("C4: a refresh that a caller asked for ignores the rest, and its failure starts the next", async () => {
    const cache = cacheWith({ staleIfErrorMs: 60_000 });
    await pass(1_000);
    await cache.getOrSet("key", () => Promise.reject(down));
    const load = vi.fn(() => Promise.reject(down));
    expect(await cache.getOrSet("key", load, { refresh: true })).toBe("old");
    expect(load).toHaveBeenCalledTimes(1);
    await pass(1_999);
    await cache.getOrSet("key", load);
    expect(load).toHaveBeenCalledTimes(1);
  });

  test("C4: a success ends the rest", async () => {
    const cache = cacheWith({ staleIfErrorMs: 60_000 });
    await pass(1_000);
    await cache.getOrSet("key", () => Promise.reject(down));
    await cache.getOrSet("key", () => "new", { refresh: true, ttlMs: 100 });
    await pass(100);
    expect(await cache.getOrSet("key", () => "newer")).toBe("newer");
  });

  test("C4: a background refresh goes on when a caller that joined it leaves", async () => {
    const cache = cacheWith({ staleWhileRevalidateMs: 5_000 });
    await pass(1_000);
    const answer = deferred<string>();
    await cache.getOrSet("key", () => answer.promise);
    const leaver = new AbortController();
    const outcome = watch(cache.getOrSet("key", () => "no", { refresh: true, signal: leaver.signal }));
    leaver.abort("gone");
    await settle();
    expect(outcome).toEqual({ state: "rejected", error: "gone" });
    answer.resolve("new");
    await settle();
    expect(cache.get("key")).toBe("new");
  });

  test("C4: a load that a caller waits for is kept going for a later caller that was served stale", async () => {
    const cache = cacheWith({ staleWhileRevalidateMs: 5_000 });
    await pass(1_000);
    const answer = deferred<string>();
    const leaver = new AbortController();
    watch(cache.getOrSet("key", () => answer.promise, { refresh: true, signal: leaver.signal }));
    expect(await cached(cache, "key")).toBe("old");
    leaver.abort();
    answer.resolve("new");
    await settle();
    expect(cache.get("key")).toBe("new");
    expect(cache.stats().loads).toBe(1);
  });

  test("C4: the error of a refresh that a caller waited for is that caller's, not the callback's", async () => {
    const onRefreshError = vi.fn();
    const cache = cacheWith({ staleWhileRevalidateMs: 5_000, onRefreshError });
    await pass(1_000);
    const answer = deferred<string>();
    await cache.getOrSet("key", () => answer.promise);
    const outcome = watch(cache.getOrSet("key", () => "no", { refresh: true }));
    answer.reject(down);
    await settle();
    expect(outcome).toEqual({ state: "rejected", error: down });
    expect(onRefreshError).not.toHaveBeenCalled();
  });

  test("C4: an unattended refresh that is overtaken is aborted, one that is awaited is not", async () => {
    for (const awaited of [false, true])
      for (const overtake of ["invalidate", "set", "clear", "close"] as const) {
        const onRefreshError = vi.fn();
        const cache = cacheWith({ staleWhileRevalidateMs: 5_000, onRefreshError });
        await pass(1_000);
        let signal: AbortSignal | undefined;
        const answer = deferred<string>();
        await cache.getOrSet("key", (context) => {
          signal = context.signal;
          return answer.promise;
        });
        const outcome = awaited ? watch(cache.getOrSet("key", () => "no", { refresh: true })) : undefined;
        if (overtake === "invalidate") cache.invalidate("key");
        else if (overtake === "set") cache.set("key", "set");
        else cache[overtake]();
        expect(signal?.aborted, overtake).toBe(!awaited);
        answer.reject(down);
        await settle();
        expect(outcome?.error, overtake).toBe(awaited ? down : undefined);
        expect(onRefreshError).not.toHaveBeenCalled();
        expect(cache.stats().loadFailures).toBe(awaited ? 1 : 0);
        expect(cache.get("key")).toBe(overtake === "set" ? "set" : undefined);
      }
  });

  test("C4: a background refresh that ends after the value is gone is reported too", async () => {
    const onRefreshError = vi.fn();
    const cache = cacheWith({ staleWhileRevalidateMs: 500, onRefreshError });
    await pass(1_000);
    const answer = deferred<string>();
    await cache.getOrSet("key", () => answer.promise);
    await pass(1_000);
    answer.reject(down);
    await settle();
    expect(onRefreshError).toHaveBeenCalledTimes(1);
  });

  test("C4: onRefreshError that throws or rejects changes nothing", async () => {
    for (const onRefreshError of [
      () => {
        throw new Error("callback");
      },
      () => Promise.reject(new Error("callback")),
    ]) {
      const cache = cacheWith({ staleIfErrorMs: 500, onRefreshError });
      await pass(1_000);
      expect(await cache.getOrSet("key", () => Promise.reject(down))).toBe("old");
    }
  });
});
