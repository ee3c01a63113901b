import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { Cache, CacheLoadTimeoutError } from "../src/index.js";
import { deferred, pass, settle, watch } from "./support.js";

const hang = (): Promise<never> => new Promise(() => {});

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
});

describe("C4: a load that outlives softTimeoutMs", () => {
  test("C4: lets those who wait have the stale value of the error window, goes on, and its value is stored", async () => {
    const cache = new Cache<string>({ ttlMs: 100, staleIfErrorMs: 60_000, softTimeoutMs: 500 });
    cache.set("key", "old");
    await pass(100);
    const load = deferred<string>();
    const run = vi.fn(() => load.promise);
    const callers = [watch(cache.getOrSet("key", run)), watch(cache.getOrSet("key", run))];
    await pass(499);
    expect(callers).toEqual([{ state: "pending" }, { state: "pending" }]);
    await pass(1);
    expect(callers.map(({ value }) => value)).toEqual(["old", "old"]);
    expect(await cache.getOrSet("key", run), "later callers need not wait at all").toBe("old");
    load.resolve("new");
    await settle();
    expect(cache.get("key")).toBe("new");
    expect(run).toHaveBeenCalledTimes(1);
    expect(cache.stats()).toMatchObject({ misses: 2, coalesced: 1, staleHits: 1, hits: 1, loads: 1, loadFailures: 0 });
    expect(vi.getTimerCount(), "the sweep alone is left").toBe(1);
  });

  test("C4: serves whatever value is still held, also beyond the revalidation window and to refresh", async () => {
    const cache = new Cache<string>({ ttlMs: 100, staleWhileRevalidateMs: 60_000, softTimeoutMs: 50 });
    cache.set("key", "old");
    const first = watch(cache.getOrSet("key", hang, { refresh: true }));
    await pass(50);
    expect(first.value).toBe("old");
    const late = watch(cache.getOrSet("key", hang, { refresh: true }));
    await pass(0);
    expect(late.value, "the load is late already").toBe("old");
  });

  test("C4: serves nobody where who waited has left meanwhile, and the refresh behind goes on", async () => {
    const cache = new Cache<string>({ ttlMs: 100, staleWhileRevalidateMs: 60_000, softTimeoutMs: 50 });
    cache.set("key", "old");
    await pass(100);
    const load = deferred<string>();
    const run = vi.fn(() => load.promise);
    expect(await cache.getOrSet("key", run)).toBe("old");
    const leaving = new AbortController();
    const caller = watch(cache.getOrSet("key", run, { refresh: true, signal: leaving.signal }));
    leaving.abort(new Error("gone"));
    await pass(50);
    expect(caller).toMatchObject({ state: "rejected" });
    load.resolve("new");
    await settle();
    expect(cache.get("key")).toBe("new");
    expect(run).toHaveBeenCalledTimes(1);
  });

  test("C4: changes nothing where no value is held", async () => {
    const cache = new Cache<string>({ staleIfErrorMs: 60_000, softTimeoutMs: 50 });
    const load = deferred<string>();
    const caller = watch(cache.getOrSet("key", () => load.promise));
    await pass(5_000);
    const later = watch(cache.getOrSet("key", hang));
    await pass(5_000);
    expect([caller.state, later.state]).toEqual(["pending", "pending"]);
    load.resolve("new");
    await settle();
    expect([caller.value, later.value]).toEqual(["new", "new"]);
  });

  test("C4: a load that fails after it let go of its callers is told to onRefreshError, and is no unhandled rejection", async () => {
    const onRefreshError = vi.fn();
    const cache = new Cache<string>({ ttlMs: 100, staleIfErrorMs: 60_000, softTimeoutMs: 50, onRefreshError });
    cache.set("key", "old");
    await pass(100);
    const load = deferred<string>();
    const caller = watch(cache.getOrSet("key", () => load.promise));
    await pass(50);
    const error = new Error("down");
    load.reject(error);
    await settle();
    expect(caller.value).toBe("old");
    expect(onRefreshError).toHaveBeenCalledExactlyOnceWith({ key: "key", error });
    expect(await cache.getOrSet("key", hang), "the failure rests").toBe("old");
  });

  test("C4: a caller whose signal aborts at the very moment it is served leaves nothing behind", async () => {
    const cache = new Cache<string>({ ttlMs: 100, staleIfErrorMs: 60_000, softTimeoutMs: 50 });
    cache.set("key", "old");
    await pass(100);
    const controller = new AbortController();
    const load = deferred<string>();
    let signal: AbortSignal | undefined;
    const caller = watch(
      cache.getOrSet(
        "key",
        (context) => {
          signal = context.signal;
          return load.promise;
        },
        { signal: controller.signal },
      ),
    );
    vi.advanceTimersByTime(50);
    controller.abort("left");
    await settle();
    expect(caller.error).toBe("left");
    expect(signal?.aborted, "it goes on in the background").toBe(false);
    load.resolve("new");
    await settle();
    expect(cache.get("key")).toBe("new");
  });
});

test("C4: a load that ends at the very moment its callers are served leaves no timer behind", async () => {
  const cache = new Cache<string>({ ttlMs: 100, staleIfErrorMs: 60_000, softTimeoutMs: 50 });
  cache.set("key", "old");
  await pass(100);
  const load = deferred<string>();
  setTimeout(() => load.resolve("new"), 50);
  const caller = watch(cache.getOrSet("key", () => load.promise));
  await pass(50);
  expect([caller.value, cache.get("key"), vi.getTimerCount()]).toEqual(["old", "new", 1]);
});

describe("C11: a load ends", () => {
  test("C11: at loadTimeoutMs, deaf as it is: its signal aborts, all who wait are told, the key is free, its product is dropped", async () => {
    const cache = new Cache<string>({ loadTimeoutMs: 1_000 });
    const load = deferred<string>();
    let signal: AbortSignal | undefined;
    const ttlMs = vi.fn(() => 5);
    const callers = [1, 2].map(() =>
      watch(
        cache.getOrSet(
          "key",
          (context) => {
            signal = context.signal;
            return load.promise;
          },
          { ttlMs },
        ),
      ),
    );
    await pass(999);
    expect(callers[0]?.state).toBe("pending");
    await pass(1);
    const [first, second] = callers;
    expect(first?.error).toBe(second?.error);
    expect(first?.error).toBeInstanceOf(CacheLoadTimeoutError);
    expect(first?.error).toMatchObject({
      name: "CacheLoadTimeoutError",
      code: "ERR_CACHE_LOAD_TIMEOUT",
      key: "key",
      timeoutMs: 1_000,
      message:
        'Cache: the load of "key" took longer than 1000 ms and was given up; make it faster or raise loadTimeoutMs',
    });
    expect(signal?.reason).toBe(first?.error);
    expect(cache.stats()).toMatchObject({ loadFailures: 1, loadMs: 1_000, loading: 0, oldestLoadMs: 0 });
    const next = deferred<string>();
    const waiting = watch(cache.getOrSet("key", () => next.promise));
    load.resolve("late");
    await settle();
    expect([cache.peek("key"), waiting.state]).toEqual([undefined, "pending"]);
    expect(ttlMs).not.toHaveBeenCalled();
    next.resolve("good");
    await settle();
    expect([cache.get("key"), waiting.value]).toEqual(["good", "good"]);
    expect(cache.stats()).toMatchObject({ loadFailures: 1, loads: 2 });
  });

  test("C11: a late failure of a load that was given up is nobody's", async () => {
    const onRefreshError = vi.fn();
    const cache = new Cache<string>({ loadTimeoutMs: 1_000, onRefreshError });
    const load = deferred<string>();
    const caller = watch(cache.getOrSet("key", () => load.promise));
    await pass(1_000);
    load.reject(new Error("late"));
    await settle();
    expect(caller.error).toBeInstanceOf(CacheLoadTimeoutError);
    expect(onRefreshError).not.toHaveBeenCalled();
    expect(cache.stats().loadFailures).toBe(1);
  });

  test("C11: in the error window those who wait get the stale value, and the failure rests", async () => {
    const onRefreshError = vi.fn();
    const cache = new Cache<string>({ ttlMs: 10, staleIfErrorMs: 60_000, loadTimeoutMs: 1_000, onRefreshError });
    cache.set("key", "old");
    await pass(10);
    const caller = watch(cache.getOrSet("key", hang));
    await pass(1_000);
    expect(caller.value).toBe("old");
    expect(onRefreshError).toHaveBeenCalledTimes(1);
    expect(await cache.getOrSet("key", hang)).toBe("old");
    expect(cache.stats().loads).toBe(1);
  });

  test("C11: errorTtlMs remembers a load that timed out as any failure", async () => {
    const cache = new Cache<string>({ loadTimeoutMs: 1_000, errorTtlMs: 5_000 });
    const caller = watch(cache.getOrSet("key", hang));
    await pass(1_000);
    await expect(cache.getOrSet("key", () => "good")).rejects.toBe(caller.error);
    await pass(5_000);
    expect(await cache.getOrSet("key", () => "good")).toBe("good");
  });

  test("C11: a load that was overtaken ends too, and its callers are told", async () => {
    const cache = new Cache<string>({ loadTimeoutMs: 1_000, errorTtlMs: 5_000 });
    const caller = watch(cache.getOrSet("key", hang));
    cache.invalidate("key");
    expect(cache.stats().loading, "its caller still waits").toBe(1);
    await pass(1_000);
    expect(caller.error).toBeInstanceOf(CacheLoadTimeoutError);
    expect(cache.stats().loading).toBe(0);
    expect(await cache.getOrSet("key", () => "good"), "it says nothing of the present").toBe("good");
  });

  test("C11: without loadTimeoutMs a refresh in the background ends after 30 s, and a load that is waited for does not", async () => {
    const onRefreshError = vi.fn();
    const cache = new Cache<string>({ ttlMs: 10, staleWhileRevalidateMs: 600_000, onRefreshError });
    cache.set("key", "old");
    await pass(10);
    await cache.getOrSet("key", hang);
    const waited = watch(cache.getOrSet("other", hang));
    await pass(29_999);
    expect(onRefreshError).not.toHaveBeenCalled();
    await pass(1);
    expect(onRefreshError.mock.calls[0]?.[0]).toMatchObject({ key: "key", error: { timeoutMs: 30_000 } });
    await pass(600_000);
    expect(waited.state).toBe("pending");
  });

  test("C11: a load that everybody left, kept for a refresh, ends after 30 s without anybody", async () => {
    const cache = new Cache<string>({ ttlMs: 10, staleWhileRevalidateMs: 600_000 });
    cache.set("key", "old");
    await pass(10);
    const controller = new AbortController();
    const caller = watch(cache.getOrSet("key", hang, { refresh: true, signal: controller.signal }));
    await pass(40_000);
    expect(await cache.getOrSet("key", hang)).toBe("old");
    await pass(40_000);
    expect(cache.stats().loading, "while a caller waits it has all the time it wants").toBe(1);
    controller.abort("left");
    await settle();
    await pass(29_999);
    expect([caller.error, cache.stats().loading]).toEqual(["left", 1]);
    await pass(1);
    expect(cache.stats()).toMatchObject({ loading: 0, loadFailures: 1 });
  });

  test("C11: a refresh that is overtaken before it has begun never runs", async () => {
    const cache = new Cache<string>({ ttlMs: 10, staleWhileRevalidateMs: 600_000 });
    cache.set("key", "old");
    await pass(10);
    const load = vi.fn(hang);
    const answer = cache.getOrSet("key", load);
    cache.invalidate("key");
    expect(await answer).toBe("old");
    await pass(60_000);
    expect(load).not.toHaveBeenCalled();
    expect(cache.stats()).toMatchObject({ loading: 0, loadFailures: 0 });
    expect(vi.getTimerCount()).toBe(0);
  });

  test("C11: a load that listens ends at its own abort, and counts once", async () => {
    const cache = new Cache<string>({ loadTimeoutMs: 1_000 });
    const caller = watch(
      cache.getOrSet(
        "key",
        ({ signal }) =>
          new Promise((_, reject) => signal.addEventListener("abort", () => reject(new Error("heard of it")))),
      ),
    );
    await pass(1_000);
    expect(caller.error).toBeInstanceOf(CacheLoadTimeoutError);
    expect(cache.stats()).toMatchObject({ loadFailures: 1, loadMs: 1_000 });
  });

  test("C11: stats tell how many loads are under way and how old the oldest is; those nobody wants are not among them", async () => {
    const cache = new Cache<string>();
    const [a, b] = [deferred<string>(), deferred<string>()];
    const calls = [cache.getOrSet("a", () => a.promise)];
    await pass(100);
    calls.push(cache.getOrSet("b", () => b.promise));
    const controller = new AbortController();
    const left = watch(cache.getOrSet("c", hang, { signal: controller.signal }));
    await pass(50);
    expect(cache.stats()).toMatchObject({ loading: 3, oldestLoadMs: 150 });
    controller.abort();
    a.resolve("a");
    await settle();
    expect(left.state).toBe("rejected");
    expect(cache.stats()).toMatchObject({ loading: 1, oldestLoadMs: 50 });
    b.resolve("b");
    expect(await Promise.all(calls)).toEqual(["a", "b"]);
    expect(cache.stats()).toMatchObject({ loading: 0, oldestLoadMs: 0 });
  });

  test("P24: the error of a load holds at most 100 characters of its key", () => {
    const { message, key } = new CacheLoadTimeoutError("x".repeat(10_000), 5);
    expect([message.match(/x+/)?.[0].length, key.length]).toEqual([97, 10_000]);
  });

  test("a limit that no timer can have is none", async () => {
    const cache = new Cache<string>({ loadTimeoutMs: 1e12, softTimeoutMs: 1e12 });
    void cache.getOrSet("key", hang);
    expect(vi.getTimerCount()).toBe(0);
  });
});
