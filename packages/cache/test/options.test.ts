import { describe, expect, test } from "vitest";
import { Cache } from "../src/index.js";

/** Calls what the types forbid. */
function make(options: unknown): unknown {
  return Reflect.construct(Cache, [options]);
}

function call(method: keyof Cache<number>, ...args: unknown[]): unknown {
  const cache = new Cache<number>();
  const target: unknown = cache[method];
  if (typeof target !== "function") throw new Error("bug: not a method");
  return Reflect.apply(target, cache, args);
}

describe("options", () => {
  const bad: readonly [unknown, typeof Error, string][] = [
    [null, TypeError, "Cache: options must be an object, got null"],
    [[], TypeError, "Cache: options must be an object, got an array"],
    ["lru", TypeError, 'Cache: options must be an object, got "lru"'],
    [Promise.resolve({ ttlMs: 5 }), TypeError, "Cache: options must have at least one of enabled, policy"],
    [new Map([["ttlMs", 5]]), TypeError, "got an object with none"],
    [{ ttl: 5 }, TypeError, 'Cache: options has no member "ttl"; the known ones are enabled, policy'],
    [{ enabled: 1 }, TypeError, "Cache: enabled must be a boolean, got 1"],
    [{ policy: "sieve" }, RangeError, 'Cache: policy must be one of "lru", "lfu", "fifo", "ttl", got "sieve"'],
    [{ policy: 1n }, TypeError, 'Cache: policy must be one of "lru", "lfu", "fifo", "ttl", got 1n'],
    [{ maxEntries: 0 }, RangeError, "Cache: maxEntries must be a positive integer or Infinity, got 0"],
    [{ maxEntries: 1.5 }, RangeError, "Cache: maxEntries must be a positive integer or Infinity, got 1.5"],
    [{ maxEntries: Number.NaN }, RangeError, "Cache: maxEntries must be a positive integer or Infinity, got NaN"],
    [{ maxEntries: "9" }, TypeError, 'Cache: maxEntries must be a positive integer or Infinity, got "9"'],
    [{ maxEntries: null }, TypeError, "Cache: maxEntries must be a positive integer or Infinity, got null"],
    [{ ttlMs: -1 }, RangeError, "Cache: ttlMs must be a number of milliseconds >= 0 or Infinity, got -1"],
    [{ ttlMs: Number.NaN }, RangeError, "Cache: ttlMs must be a number of milliseconds >= 0 or Infinity, got NaN"],
    [{ ttlMs: {} }, TypeError, "Cache: ttlMs must be a number of milliseconds >= 0 or Infinity, got an object"],
    [{ ttlJitter: 1.1 }, RangeError, "Cache: ttlJitter must be a number from 0 to 1, got 1.1"],
    [{ ttlJitter: -0.1 }, RangeError, "Cache: ttlJitter must be a number from 0 to 1, got -0.1"],
    [{ staleWhileRevalidateMs: -1 }, RangeError, "Cache: staleWhileRevalidateMs must be"],
    [{ staleIfErrorMs: "1 h" }, TypeError, "Cache: staleIfErrorMs must be"],
    [{ errorTtlMs: Number.NEGATIVE_INFINITY }, RangeError, "Cache: errorTtlMs must be"],
    [{ softTimeoutMs: 0 }, RangeError, "Cache: softTimeoutMs must be a number of milliseconds > 0 or Infinity, got 0"],
    [{ loadTimeoutMs: "5" }, TypeError, "Cache: loadTimeoutMs must be a number of milliseconds > 0 or Infinity, got"],
    [{ sweepMs: 0 }, RangeError, "Cache: sweepMs must be a number of milliseconds > 0 or Infinity, got 0"],
    [{ onEvict: "log" }, TypeError, 'Cache: onEvict must be a function, got "log"'],
    [{ onRefreshError: true }, TypeError, "Cache: onRefreshError must be a function, got true"],
    [{ policy: "x".repeat(99) }, RangeError, `got "${"x".repeat(40)}..."`],
    [{ ttlMs: () => 1 }, TypeError, "got a function"],
  ];
  for (const [options, kind, message] of bad)
    test(`a bad option throws ${kind.name}: ${message}`, () => {
      expect(() => make(options)).toThrow(kind);
      expect(() => make(options)).toThrow(message);
    });

  test("undefined means the default, Infinity no limit", () => {
    const none = {
      enabled: undefined,
      policy: undefined,
      maxEntries: undefined,
      ttlMs: undefined,
      ttlJitter: undefined,
      staleWhileRevalidateMs: undefined,
      staleIfErrorMs: undefined,
      errorTtlMs: undefined,
      sweepMs: undefined,
      onEvict: undefined,
      onRefreshError: undefined,
    };
    const cache = new Cache<number>(none);
    cache.set("key", 1);
    expect(cache.inspect("key")?.expiresInMs).toBeGreaterThan(299_000);
    expect(cache.stats().maxEntries).toBe(100);
    const endless = new Cache<number>({
      maxEntries: Number.POSITIVE_INFINITY,
      ttlMs: Number.POSITIVE_INFINITY,
      staleWhileRevalidateMs: Number.POSITIVE_INFINITY,
      staleIfErrorMs: Number.POSITIVE_INFINITY,
      errorTtlMs: Number.POSITIVE_INFINITY,
      sweepMs: Number.POSITIVE_INFINITY,
    });
    endless.set("key", 1);
    expect(endless.get("key")).toBe(1);
    cache.close();
  });

  test("options are read once: changing the object later changes nothing", () => {
    const options = { maxEntries: 1 };
    const cache = new Cache<number>(options);
    options.maxEntries = 5;
    cache.set("a", 1);
    cache.set("b", 1);
    expect(cache.size).toBe(1);
    cache.close();
  });
});

describe("arguments", () => {
  for (const method of ["get", "set", "has", "peek", "invalidate", "inspect"] as const)
    test(`${method} wants a string as key`, () => {
      for (const [key, shown] of [
        [1, "1"],
        [undefined, "undefined"],
        [Symbol("s"), "Symbol(s)"],
        [{}, "an object"],
      ])
        expect(() => call(method, key, 1)).toThrow(
          new TypeError(`Cache.${method}: key must be a string, got ${String(shown)}`),
        );
    });

  test("set names a bad ttl and an unknown option, and stores nothing", () => {
    expect(() => call("set", "key", 1, { ttlMs: -1 })).toThrow(
      new RangeError("Cache.set: ttlMs must be a number of milliseconds >= 0 or Infinity, got -1"),
    );
    expect(() => call("set", "key", 1, { ttl: 1 })).toThrow(
      new TypeError('Cache.set: options has no member "ttl"; the known ones are ttlMs, tags'),
    );
    expect(() => call("set", "key", 1, 5)).toThrow(new TypeError("Cache.set: options must be an object, got 5"));
  });

  test("invalidateWhere wants a function", () => {
    expect(() => call("invalidateWhere", "key")).toThrow(
      new TypeError('Cache.invalidateWhere: matches must be a function, got "key"'),
    );
  });

  const badCalls: readonly [unknown[], string][] = [
    [[1, () => 1], "Cache.getOrSet: key must be a string, got 1"],
    [["key"], "Cache.getOrSet: load must be a function, got undefined"],
    [["key", () => 1, { ttl: 1 }], 'Cache.getOrSet: options has no member "ttl"'],
    [["key", () => 1, null], "Cache.getOrSet: options must be an object, got null"],
    [["key", () => 1, { ttlMs: Number.NaN }], "Cache.getOrSet: ttlMs must be"],
    [["key", () => 1, { ttlMs: "1" }], "Cache.getOrSet: ttlMs must be"],
    [["key", () => 1, { refresh: 1 }], "Cache.getOrSet: refresh must be a boolean, got 1"],
    [["key", () => 1, { signal: 1 }], "Cache.getOrSet: signal must be an AbortSignal, got 1"],
    [["key", () => 1, { signal: null }], "Cache.getOrSet: signal must be an AbortSignal, got null"],
    [["key", () => 1, { signal: {} }], "Cache.getOrSet: signal must be an AbortSignal, got an object"],
    [["key", () => 1, { signal: { aborted: false } }], "Cache.getOrSet: signal must be an AbortSignal"],
    [["key", () => 1, { signal: { aborted: false, addEventListener: 1 } }], "must be an AbortSignal"],
    [["key", () => 1, { signal: { aborted: false, addEventListener() {} } }], "must be an AbortSignal"],
    [
      ["key", () => 1, { signal: { aborted: false, addEventListener() {}, removeEventListener: 1 } }],
      "must be an AbortSignal",
    ],
  ];
  test("getOrSet rejects a bad argument, never throws, and loads nothing", async () => {
    for (const [args, message] of badCalls) await expect(call("getOrSet", ...args)).rejects.toThrow(message);
  });
});
