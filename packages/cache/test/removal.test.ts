import fc from "fast-check";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { Cache, type CacheOptions } from "../src/index.js";
import { pass, settle } from "./support.js";

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
});

describe("C8 the removal callback", () => {
  test("C8: is called once per value with its reason", async () => {
    const onEvict = vi.fn();
    const cache = new Cache<number>({ maxEntries: 2, ttlMs: 100, onEvict });
    cache.set("a", 1);
    cache.set("a", 2);
    cache.set("b", 3);
    cache.set("c", 4);
    cache.invalidate("b");
    cache.set("d", 5);
    cache.invalidateWhere((key) => key === "d");
    vi.advanceTimersByTime(100);
    cache.get("c");
    cache.set("e", 6);
    await cache.getOrSet("e", () => 7, { refresh: true });
    cache.clear();
    expect(onEvict.mock.calls.flat()).toEqual([
      { key: "a", value: 1, reason: "replaced" },
      { key: "a", value: 2, reason: "evicted" },
      { key: "b", value: 3, reason: "invalidated" },
      { key: "d", value: 5, reason: "invalidated" },
      { key: "c", value: 4, reason: "expired" },
      { key: "e", value: 6, reason: "replaced" },
      { key: "e", value: 7, reason: "cleared" },
    ]);
    expect(cache.stats()).toMatchObject({ inserts: 7, evictions: 1, expirations: 1, invalidations: 3, size: 0 });
  });

  test("C8: the same value set again stays, so nothing is reported", () => {
    const onEvict = vi.fn();
    const cache = new Cache<object>({ onEvict });
    const value = {};
    cache.set("key", value);
    cache.set("key", value);
    expect(onEvict).not.toHaveBeenCalled();
  });

  test("C8: what was past its last window is reported as expired, however it is found", async () => {
    const findings: Record<string, (cache: Cache<string>) => unknown> = {
      get: (cache) => cache.get("key"),
      getOrSet: (cache) => cache.getOrSet("key", () => "new"),
      refresh: (cache) => cache.getOrSet("key", () => "new", { refresh: true }),
      set: (cache) => cache.set("key", "new"),
      invalidate: (cache) => expect(cache.invalidate("key")).toBe(false),
      invalidateWhere: (cache) => expect(cache.invalidateWhere(() => true)).toBe(0),
      clear: (cache) => cache.clear(),
      close: (cache) => cache.close(),
    };
    for (const [name, find] of Object.entries(findings)) {
      const onEvict = vi.fn();
      const cache = new Cache<string>({ ttlMs: 10, onEvict });
      cache.set("key", "old");
      vi.advanceTimersByTime(10);
      await find(cache);
      expect(onEvict.mock.calls, name).toEqual([[{ key: "key", value: "old", reason: "expired" }]]);
      expect(cache.stats(), name).toMatchObject({ expirations: 1, invalidations: 0, evictions: 0 });
    }
  });

  test("C8: sees the cache as it is after the removal, and may use it", () => {
    const seen: unknown[] = [];
    const cache: Cache<number> = new Cache<number>({
      maxEntries: 2,
      onEvict: ({ key, reason }) => {
        seen.push([key, reason, cache.has(key), cache.size, cache.stats().evictions]);
        if (reason === "evicted" && key === "a") cache.set("back", 0);
      },
    });
    cache.set("a", 1);
    cache.set("b", 2);
    cache.set("c", 3);
    expect(seen).toEqual([
      ["a", "evicted", false, 2, 1],
      ["b", "evicted", false, 2, 2],
    ]);
    expect(cache.keys().sort()).toEqual(["back", "c"]);
    cache.clear();
    expect(seen.slice(2)).toEqual([
      ["c", "cleared", false, 0, 2],
      ["back", "cleared", false, 0, 2],
    ]);
  });

  test("C8: one that invalidates, sets or reads the key it is told of does no harm", async () => {
    for (const react of ["invalidate", "set", "get", "clear", "close"] as const) {
      let depth = 0;
      const cache: Cache<number> = new Cache<number>({
        ttlMs: 10,
        onEvict: ({ key }) => {
          depth += 1;
          if (depth > 1) return;
          if (react === "set") cache.set(key, 9);
          else if (react === "clear" || react === "close") cache[react]();
          else cache[react](key);
        },
      });
      cache.set("key", 1);
      vi.advanceTimersByTime(10);
      expect(await cache.getOrSet("key", () => 2), react).toBe(2);
      expect(cache.get("key"), react).toBe(react === "close" ? undefined : 2);
    }
  });

  test("C8: options that are an instance of a class keep their methods' this", async () => {
    class Options {
      readonly maxEntries = 1;
      readonly staleIfErrorMs = 60_000;
      #told: string[] = [];
      onEvict({ key }: { readonly key: string }): void {
        this.#told.push(`evict ${key}`);
      }
      onRefreshError({ key }: { readonly key: string }): void {
        this.#told.push(`refresh ${key}`);
      }
      get told(): readonly string[] {
        return this.#told;
      }
    }
    const options = new Options();
    const cache = new Cache<number>(options);
    cache.set("a", 1);
    cache.set("b", 2);
    cache.expire({ key: "b" });
    const load = () => Promise.reject(new Error("down"));
    expect(await cache.getOrSet("b", load)).toBe(2);
    expect(options.told).toEqual(["evict a", "refresh b"]);
  });

  test("C8: one that throws or rejects changes nothing", async () => {
    const unhandled = vi.fn();
    process.on("unhandledRejection", unhandled);
    const callbacks: CacheOptions<number>["onEvict"][] = [
      () => {
        throw new Error("callback");
      },
      () => Promise.reject(new Error("callback")),
    ];
    for (const onEvict of callbacks) {
      const cache = new Cache<number>({ maxEntries: 1, ttlMs: 100, onEvict });
      cache.set("a", 1);
      cache.set("b", 2);
      expect(await cache.getOrSet("c", () => 3)).toBe(3);
      expect(cache.invalidate("c")).toBe(true);
      cache.set("d", 4);
      await pass(60_000);
      expect(cache.stats()).toMatchObject({ evictions: 2, invalidations: 1, expirations: 1, size: 0 });
    }
    vi.useRealTimers();
    await new Promise((resolve) => setImmediate(resolve));
    process.off("unhandledRejection", unhandled);
    expect(unhandled).not.toHaveBeenCalled();
  });

  test("C8: under random use every value stored leaves exactly once", { timeout: 60_000 }, async () => {
    const step = fc.record({
      action: fc.constantFrom("set", "load", "drop", "get", "clear", "pass", "zero"),
      key: fc.constantFrom("a", "b", "c", "d"),
    });
    const run = async (policy: "lru" | "lfu" | "fifo" | "ttl", steps: { action: string; key: string }[]) => {
      const removed: object[] = [];
      const cache = new Cache<object>({
        policy,
        maxEntries: 2,
        ttlMs: 20,
        sweepMs: 30,
        onEvict: ({ value }) => {
          removed.push(value);
        },
      });
      const made: object[] = [];
      const make = (): object => {
        const value = { number: made.length };
        made.push(value);
        return value;
      };
      for (const { action, key } of steps) {
        if (action === "set") cache.set(key, make());
        else if (action === "zero") cache.set(key, {}, { ttlMs: 0 });
        else if (action === "load") await cache.getOrSet(key, make);
        else if (action === "drop") cache.invalidate(key);
        else if (action === "get") cache.get(key);
        else if (action === "clear") cache.clear();
        else await pass(9);
        await settle();
      }
      cache.close();
      expect(removed).toHaveLength(made.length);
      expect(new Set(removed)).toEqual(new Set(made));
      expect(vi.getTimerCount()).toBe(0);
    };
    const policies = fc.constantFrom("lru" as const, "lfu" as const, "fifo" as const, "ttl" as const);
    await fc.assert(fc.asyncProperty(policies, fc.array(step, { maxLength: 50 }), run), { numRuns: 200 });
  });
});

describe("C9 the sweep timer", () => {
  test("C9: there is one, only while there are entries, and it removes what expired", async () => {
    const onEvict = vi.fn();
    const cache = new Cache<number>({ ttlMs: 90_000, onEvict });
    expect(vi.getTimerCount()).toBe(0);
    for (let index = 0; index < 50; index += 1) cache.set(`${index}`, index);
    expect(vi.getTimerCount()).toBe(1);
    await pass(60_000);
    expect(onEvict).not.toHaveBeenCalled();
    cache.set("late", 0);
    await pass(60_000);
    expect(onEvict).toHaveBeenCalledTimes(50);
    expect(vi.getTimerCount()).toBe(1);
    await pass(60_000);
    expect(onEvict).toHaveBeenCalledTimes(51);
    expect(vi.getTimerCount()).toBe(0);
    cache.set("again", 0);
    expect(vi.getTimerCount()).toBe(1);
  });

  test("C9: it ends with the last entry, however that goes", async () => {
    const endings: ((cache: Cache<number>) => unknown)[] = [
      (cache) => cache.invalidate("key"),
      (cache) => cache.invalidateWhere(() => true),
      (cache) => cache.clear(),
      (cache) => cache.close(),
      (cache) => cache[Symbol.dispose](),
      (cache) => cache.set("key", 1, { ttlMs: 0 }),
      (cache) => {
        vi.advanceTimersByTime(1_000);
        cache.get("key");
      },
    ];
    for (const end of endings) {
      const cache = new Cache<number>({ ttlMs: 1_000 });
      cache.set("key", 1);
      expect(vi.getTimerCount()).toBe(1);
      end(cache);
      expect(vi.getTimerCount()).toBe(0);
    }
  });

  test("C9: Infinity means none, and a long interval is no short one", async () => {
    const never = new Cache<number>({ sweepMs: Number.POSITIVE_INFINITY });
    never.set("key", 1);
    expect(vi.getTimerCount()).toBe(0);
    const interval = vi.spyOn(globalThis, "setInterval");
    const rarely = new Cache<number>({ sweepMs: 1e12 });
    rarely.set("key", 1);
    expect(interval).toHaveBeenCalledWith(expect.any(Function), 2_147_483_647);
    interval.mockRestore();
  });

  test("C9: it holds no process alive, and where timers are numbers, as in browsers, it works too", () => {
    vi.useRealTimers();
    const unref = vi.fn();
    const interval = vi.spyOn(globalThis, "setInterval");
    const cache = new Cache<number>();
    cache.set("key", 1);
    const timer = interval.mock.results[0]?.value;
    expect(timer?.hasRef()).toBe(false);
    cache.close();
    interval.mockRestore();
    expect(unref).not.toHaveBeenCalled();

    const original = globalThis.setInterval;
    Reflect.set(globalThis, "setInterval", () => 7);
    try {
      const inBrowser = new Cache<number>();
      inBrowser.set("key", 1);
      expect(inBrowser.get("key")).toBe(1);
      inBrowser.close();
    } finally {
      Reflect.set(globalThis, "setInterval", original);
    }
  });

  test("C9: close is idempotent; afterwards nothing is kept, no timer starts, loads still reach their callers", async () => {
    const onEvict = vi.fn();
    const cache = new Cache<number>({ onEvict, errorTtlMs: 1_000 });
    cache.set("key", 1);
    cache.close();
    cache.close();
    expect(onEvict.mock.calls).toEqual([[{ key: "key", value: 1, reason: "cleared" }]]);
    cache.set("key", 2);
    expect(cache.get("key")).toBeUndefined();
    expect(await cache.getOrSet("key", () => 3)).toBe(3);
    await expect(cache.getOrSet("key", () => Promise.reject(new Error("down")))).rejects.toThrow("down");
    expect(await cache.getOrSet("key", () => 4)).toBe(4);
    expect(cache.size).toBe(0);
    expect(vi.getTimerCount()).toBe(0);
  });

  test("C9: entries expire with a clock that starts at 0, and with a wall clock that jumps", () => {
    const cache = new Cache<number>({ ttlMs: 100 });
    const now = vi.spyOn(performance, "now").mockReturnValue(0);
    cache.set("key", 1);
    expect(cache.get("key")).toBe(1);
    now.mockReturnValue(99.9);
    expect(cache.get("key")).toBe(1);
    vi.setSystemTime(Date.now() + 1e9);
    expect(cache.get("key")).toBe(1);
    vi.setSystemTime(0);
    expect(cache.get("key")).toBe(1);
    now.mockReturnValue(100);
    expect(cache.get("key")).toBeUndefined();
    now.mockRestore();
  });
});
