import { describe, expect, test, vi } from "vitest";
import { Cache } from "../src/index.js";
import { deferred, settle, watch } from "./support.js";

describe("C1 one load per key", () => {
  test("C1: 10,000 concurrent callers share one load and get the same value", async () => {
    const cache = new Cache<object>();
    const answer = deferred<object>();
    const load = vi.fn(() => answer.promise);
    const callers = Array.from({ length: 10_000 }, () => cache.getOrSet("key", load));
    const value = {};
    answer.resolve(value);
    expect(new Set(await Promise.all(callers))).toEqual(new Set([value]));
    expect(load).toHaveBeenCalledTimes(1);
    expect(cache.stats()).toMatchObject({ misses: 10_000, coalesced: 9_999, loads: 1, inserts: 1 });
  });

  test("C1: 10,000 concurrent callers get the same error, and the next caller loads again", async () => {
    const cache = new Cache<number>();
    const answer = deferred<number>();
    const load = vi.fn(() => answer.promise);
    const callers = Array.from({ length: 10_000 }, () => watch(cache.getOrSet("key", load)));
    const error = new Error("down");
    answer.reject(error);
    await settle();
    expect(callers.every((caller) => caller.state === "rejected" && caller.error === error)).toBe(true);
    expect(load).toHaveBeenCalledTimes(1);
    expect(cache.stats()).toMatchObject({ loads: 1, loadFailures: 1, inserts: 0, size: 0 });
    expect(await cache.getOrSet("key", () => 1)).toBe(1);
  });

  test("C1: keys do not share loads", async () => {
    const cache = new Cache<string>();
    expect(await Promise.all(["a", "b"].map((key) => cache.getOrSet(key, () => key)))).toEqual(["a", "b"]);
  });

  test("C1: a synchronous throw, a plain value and a foreign thenable are taken as they are", async () => {
    const cache = new Cache<number>();
    const error = new Error("at once");
    await expect(
      cache.getOrSet("throws", () => {
        throw error;
      }),
    ).rejects.toBe(error);
    expect(await cache.getOrSet("plain", () => 1)).toBe(1);
    const thenable: PromiseLike<number> = Promise.resolve(2);
    expect(await cache.getOrSet("thenable", () => thenable)).toBe(2);
    const method = "then";
    const hostile = {
      [method]: () => {
        throw error;
      },
    };
    await expect(Reflect.apply(cache.getOrSet, cache, ["hostile", () => hostile])).rejects.toBe(error);
  });

  test("C1: the load of the first caller counts, with its ttl", async () => {
    const cache = new Cache<string>();
    const first = cache.getOrSet("key", () => "first", { ttlMs: 5 });
    const second = cache.getOrSet("key", () => "second", { ttlMs: 50_000 });
    expect(await Promise.all([first, second])).toEqual(["first", "first"]);
    expect(cache.inspect("key")?.expiresInMs).toBeLessThanOrEqual(5);
  });

  test("C1: a caller's abort rejects that caller with the reason itself and nobody else", async () => {
    const cache = new Cache<number>();
    const answer = deferred<number>();
    let signal: AbortSignal | undefined;
    const leaver = new AbortController();
    const leaving = watch(
      cache.getOrSet(
        "key",
        (context) => {
          signal = context.signal;
          return answer.promise;
        },
        { signal: leaver.signal },
      ),
    );
    const staying = watch(cache.getOrSet("key", () => 0, { signal: new AbortController().signal }));
    const reason = new Error("enough");
    leaver.abort(reason);
    await settle();
    expect(leaving).toEqual({ state: "rejected", error: reason });
    expect(staying.state).toBe("pending");
    expect(signal?.aborted).toBe(false);
    answer.resolve(1);
    await settle();
    expect(staying).toEqual({ state: "resolved", value: 1 });
    expect(cache.get("key")).toBe(1);
  });

  test("C1: the load's signal aborts with the last caller's reason, its late result goes nowhere, the next caller loads anew", async () => {
    const cache = new Cache<number>();
    const answer = deferred<number>();
    let signal: AbortSignal | undefined;
    const leavers = [new AbortController(), new AbortController()];
    const callers = leavers.map((leaver) =>
      watch(
        cache.getOrSet(
          "key",
          (context) => {
            signal = context.signal;
            return answer.promise;
          },
          { signal: leaver.signal },
        ),
      ),
    );
    leavers[0]?.abort("first");
    expect(signal?.aborted).toBe(false);
    leavers[1]?.abort("last");
    expect(signal?.aborted).toBe(true);
    expect(signal?.reason).toBe("last");
    const next = cache.getOrSet("key", () => 2);
    answer.resolve(1);
    expect(await next).toBe(2);
    expect(cache.get("key")).toBe(2);
    expect(callers.map((caller) => caller.error)).toEqual(["first", "last"]);
    expect(cache.stats()).toMatchObject({ loads: 2, loadFailures: 0, inserts: 1 });
  });

  test("C1: a caller without a signal can never leave, so the load goes on", async () => {
    const cache = new Cache<number>();
    const answer = deferred<number>();
    const leaver = new AbortController();
    const load = vi.fn(({ signal }: { signal: AbortSignal }) => {
      signal.addEventListener("abort", () => expect.unreachable());
      return answer.promise;
    });
    watch(cache.getOrSet("key", load, { signal: leaver.signal }));
    const staying = cache.getOrSet("key", load);
    leaver.abort();
    answer.resolve(1);
    expect(await staying).toBe(1);
  });

  test("C1: an aborted signal rejects before anything is counted, read or loaded, a hit included", async () => {
    const cache = new Cache<number>();
    cache.set("key", 1);
    const reason = new Error("before");
    for (const key of ["key", "other"])
      await expect(cache.getOrSet(key, () => 2, { signal: AbortSignal.abort(reason) })).rejects.toBe(reason);
    expect(cache.stats()).toMatchObject({ hits: 0, misses: 0, loads: 0 });
  });

  test("C1: a signal that aborts during the synchronous part of the load is heard", async () => {
    const cache = new Cache<number>();
    const caller = new AbortController();
    const outcome = watch(
      cache.getOrSet(
        "key",
        ({ signal }) => {
          caller.abort("midway");
          expect(signal.aborted).toBe(true);
          return 1;
        },
        { signal: caller.signal },
      ),
    );
    await settle();
    expect(outcome).toEqual({ state: "rejected", error: "midway" });
    expect(cache.size).toBe(0);
  });

  test("C1: an abort after the result is there neither aborts the finished load nor undoes anything", async () => {
    const cache = new Cache<number>();
    const caller = new AbortController();
    let signal: AbortSignal | undefined;
    const abortBeforeCallerHears = (): number => {
      queueMicrotask(() => caller.abort("late"));
      return 1_000;
    };
    const outcome = watch(
      cache.getOrSet(
        "key",
        (context) => {
          signal = context.signal;
          return 1;
        },
        { signal: caller.signal, ttlMs: abortBeforeCallerHears },
      ),
    );
    await settle();
    expect(outcome).toEqual({ state: "rejected", error: "late" });
    expect(signal?.aborted).toBe(false);
    expect(cache.get("key")).toBe(1);
  });

  test("C1: many callers with one signal cost one listener, and it is removed when the load ends", async () => {
    const cache = new Cache<number>();
    const { signal } = new AbortController();
    const add = vi.spyOn(signal, "addEventListener");
    const remove = vi.spyOn(signal, "removeEventListener");
    await Promise.all(Array.from({ length: 100 }, () => cache.getOrSet("key", () => 1, { signal })));
    await settle();
    expect(add).toHaveBeenCalledTimes(1);
    expect(remove).toHaveBeenCalledTimes(1);
    await expect(cache.getOrSet("bad", () => Promise.reject(new Error("down")), { signal })).rejects.toThrow("down");
    await settle();
    expect(remove).toHaveBeenCalledTimes(2);
  });

  test("C1: refresh waits for a load even where a value is fresh, and joins one in flight", async () => {
    const cache = new Cache<number>();
    cache.set("key", 1);
    const answer = deferred<number>();
    const load = vi.fn(() => answer.promise);
    const first = cache.getOrSet("key", load, { refresh: true });
    const second = cache.getOrSet("key", load, { refresh: true });
    expect(await cache.getOrSet("key", load)).toBe(1);
    answer.resolve(2);
    expect(await Promise.all([first, second])).toEqual([2, 2]);
    expect(load).toHaveBeenCalledTimes(1);
    expect(load).toHaveBeenCalledWith(expect.objectContaining({ stale: 1 }));
    expect(cache.get("key")).toBe(2);
  });

  test("C1: a failed load that nobody handles is reported as any rejection is, one that is awaited is not", async () => {
    const cache = new Cache<number>();
    const unhandled = vi.fn();
    process.on("unhandledRejection", unhandled);
    try {
      const { signal } = new AbortController();
      await expect(cache.getOrSet("key", () => Promise.reject(new Error("x")), { signal })).rejects.toThrow("x");
      await new Promise((resolve) => setImmediate(resolve));
      expect(unhandled).not.toHaveBeenCalled();
    } finally {
      process.off("unhandledRejection", unhandled);
    }
  });
});

describe("C2 loads in flight are not entries", () => {
  test("C2: ten times maxEntries concurrent loads all reach their callers", async () => {
    const cache = new Cache<number>({ maxEntries: 2 });
    const loads = Array.from({ length: 20 }, (_, index) => cache.getOrSet(`key ${index}`, async () => index));
    expect(cache.size).toBe(0);
    expect(await Promise.all(loads)).toEqual(Array.from({ length: 20 }, (_, index) => index));
    expect(cache.size).toBe(2);
  });

  test("C2: eviction, clear and close reject no caller and abort no awaited load", async () => {
    for (const disturb of ["evict", "clear", "close"] as const) {
      const cache = new Cache<number>({ maxEntries: 1 });
      const answer = deferred<number>();
      let signal: AbortSignal | undefined;
      const outcome = watch(
        cache.getOrSet("key", (context) => {
          signal = context.signal;
          return answer.promise;
        }),
      );
      if (disturb === "clear") cache.clear();
      else if (disturb === "close") cache.close();
      else for (const key of ["a", "b", "c"]) cache.set(key, 0);
      await settle();
      expect(outcome.state).toBe("pending");
      expect(signal?.aborted).toBe(false);
      answer.resolve(1);
      await settle();
      expect(outcome).toEqual({ state: "resolved", value: 1 });
      expect(cache.has("key")).toBe(disturb === "evict");
    }
  });
});
