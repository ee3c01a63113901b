import assert from "node:assert/strict";
import fc from "fast-check";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { Cache, type EvictionPolicy } from "../src/index.js";
import { NaiveCache } from "./naive-cache.js";
import { settle } from "./support.js";

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
});

/** Long against everything else that passes between two operations. */
const sweepMs = 1_000_000;
const policies: readonly EvictionPolicy[] = ["lru", "lfu", "fifo", "ttl"];

const key = fc.integer({ min: 0, max: 7 }).map((index) => `k${index}`);
const value = fc.integer({ min: 0, max: 3 });
const ttlMs = fc.constantFrom(0, 5, 20, 20, 20, 50, Number.POSITIVE_INFINITY);
const operation = fc.oneof(
  { weight: 8, arbitrary: fc.record({ type: fc.constant("get" as const), key }) },
  { weight: 8, arbitrary: fc.record({ type: fc.constant("set" as const), key, value, ttlMs }) },
  { weight: 6, arbitrary: fc.record({ type: fc.constant("getOrSet" as const), key, value }) },
  { weight: 2, arbitrary: fc.record({ type: fc.constant("invalidate" as const), key }) },
  { weight: 2, arbitrary: fc.record({ type: fc.constant("look" as const), key }) },
  { weight: 4, arbitrary: fc.record({ type: fc.constant("pass" as const), ms: fc.integer({ min: 0, max: 15 }) }) },
  { weight: 1, arbitrary: fc.record({ type: fc.constant("sweep" as const) }) },
  { weight: 1, arbitrary: fc.record({ type: fc.constant("clear" as const) }) },
);
type Operation = typeof operation extends fc.Arbitrary<infer T> ? T : never;

const setting = fc.record({
  maxEntries: fc.constantFrom(1, 2, 3, 5),
  ttlMs: fc.constantFrom(10, 30),
  swrMs: fc.constantFrom(0, 0, 8),
  sieMs: fc.constantFrom(0, 0, 12),
});

async function compare(
  policy: EvictionPolicy,
  { maxEntries, ttlMs, swrMs, sieMs }: typeof setting extends fc.Arbitrary<infer T> ? T : never,
  operations: readonly Operation[],
): Promise<void> {
  const events: unknown[] = [];
  const cache = new Cache<number>({
    policy,
    maxEntries,
    ttlMs,
    staleWhileRevalidateMs: swrMs,
    staleIfErrorMs: sieMs,
    sweepMs,
    onEvict: (event) => {
      events.push(event);
    },
  });
  const model = new NaiveCache({ policy, maxEntries, ttlMs, swrMs, sieMs });
  for (const step of operations) {
    const now = performance.now();
    switch (step.type) {
      case "get":
        assert.equal(cache.get(step.key), model.get(step.key, now));
        break;
      case "set":
        cache.set(step.key, step.value, { ttlMs: step.ttlMs });
        model.set(step.key, step.value, step.ttlMs, now);
        break;
      case "getOrSet":
        assert.equal(await cache.getOrSet(step.key, () => step.value), model.getOrSet(step.key, step.value, now));
        await settle();
        break;
      case "invalidate":
        assert.equal(cache.invalidate(step.key), model.invalidate(step.key, now));
        break;
      case "look":
        assert.equal(cache.has(step.key), model.view(now).has(step.key));
        assert.equal(cache.peek(step.key), model.view(now).get(step.key)?.value);
        break;
      case "pass":
        vi.advanceTimersByTime(step.ms);
        break;
      case "sweep":
        vi.advanceTimersByTime(2 * sweepMs);
        model.sweep(performance.now());
        break;
      case "clear":
        cache.clear();
        model.clear(now);
        break;
    }
    const view = model.view(performance.now());
    assert.deepEqual(new Set(cache.keys()), new Set(view.keys()));
    for (const [held, seen] of view) {
      const entry = cache.inspect(held);
      assert.deepEqual({ ...entry, ...seen }, entry);
    }
    assert.equal(cache.size, view.size);
    assert.ok(cache.size <= maxEntries, "within its size");
    const stats = cache.stats();
    assert.deepEqual({ ...stats, ...model.stats(performance.now()) }, stats);
    assert.deepEqual(events.splice(0).sort(byText), model.events.splice(0).sort(byText));
  }
  cache.close();
}

function byText(one: unknown, other: unknown): number {
  return JSON.stringify(one) < JSON.stringify(other) ? -1 : 1;
}

describe("C6 eviction", () => {
  for (const policy of policies)
    test(`C6, C7, C8: ${policy} does what a naive list does under random operations and clock`, {
      timeout: 60_000,
    }, async () => {
      await fc.assert(
        fc.asyncProperty(setting, fc.array(operation, { maxLength: 120, size: "max" }), (options, operations) =>
          compare(policy, options, operations),
        ),
        { numRuns: 100 },
      );
    });

  const fill = (policy: EvictionPolicy, options: { maxEntries?: number; ttlMs?: number } = {}): Cache<string> => {
    const cache = new Cache<string>({ policy, maxEntries: 3, ...options });
    for (const letter of ["a", "b", "c"]) cache.set(letter, letter);
    return cache;
  };

  test("C6: lru evicts the least recently used, reads and writes being uses", () => {
    const cache = fill("lru");
    cache.get("a");
    cache.set("b", "again");
    cache.set("d", "d");
    expect(cache.keys().sort()).toEqual(["a", "b", "d"]);
  });

  test("C6: fifo evicts by first insertion, whatever was read or overwritten", () => {
    const cache = fill("fifo");
    cache.get("a");
    cache.set("a", "again");
    cache.set("d", "d");
    expect(cache.keys().sort()).toEqual(["b", "c", "d"]);
  });

  test("C6: fifo takes a key that had expired as newly inserted", () => {
    const cache = new Cache<string>({ policy: "fifo", maxEntries: 2, ttlMs: 100 });
    cache.set("a", "a", { ttlMs: 10 });
    cache.set("b", "b");
    vi.advanceTimersByTime(10);
    cache.set("a", "again");
    cache.set("c", "c");
    expect(cache.keys().sort()).toEqual(["a", "c"]);
  });

  test("C6: ttl evicts the soonest to expire, and of equals the one written first", () => {
    const cache = new Cache<string>({ policy: "ttl", maxEntries: 3 });
    cache.set("a", "a", { ttlMs: 300 });
    cache.set("b", "b", { ttlMs: 100 });
    cache.set("c", "c", { ttlMs: 200 });
    cache.set("d", "d", { ttlMs: 300 });
    expect(cache.keys().sort()).toEqual(["a", "c", "d"]);
    cache.set("c", "c", { ttlMs: 400 });
    cache.set("e", "e", { ttlMs: 50 });
    expect(cache.keys().sort(), "the newcomer stays although it expires first").toEqual(["c", "d", "e"]);
  });

  test("C6: lfu evicts the least often used, of equals the least recently used", () => {
    const cache = fill("lfu");
    cache.get("a");
    cache.get("c");
    cache.set("d", "d");
    expect(cache.keys().sort()).toEqual(["a", "c", "d"]);
    cache.get("d");
    cache.set("e", "e");
    expect(cache.keys().sort(), "all were used twice, a longest ago").toEqual(["c", "d", "e"]);
  });

  test("C6: lfu keeps its own newcomer and what was overwritten keeps its count", () => {
    const cache = fill("lfu");
    for (const letter of ["a", "a", "b", "b", "c", "c"]) cache.get(letter);
    cache.set("a", "again");
    cache.set("d", "d");
    expect(cache.keys().sort()).toEqual(["a", "c", "d"]);
    cache.set("e", "e");
    expect(cache.keys().sort(), "d was used least").toEqual(["a", "c", "e"]);
  });

  test("C6: lfu ages: counts halve every 10 x maxEntries uses, so what was popular once gives way", () => {
    const cache = new Cache<string>({ policy: "lfu", maxEntries: 2 });
    cache.set("once popular", "");
    for (let use = 0; use < 12; use += 1) cache.get("once popular");
    cache.set("steady", "");
    for (let use = 0; use < 4; use += 1) cache.get("steady");
    // 18 uses so far; the 20th halves 13 and 7.
    for (let use = 0; use < 2; use += 1) cache.get("steady");
    for (let use = 0; use < 4; use += 1) cache.get("steady");
    cache.set("new", "");
    expect(cache.keys().sort()).toEqual(["new", "steady"]);
  });

  test("C6: lfu takes counts that became equal by halving as equal", () => {
    const cache = new Cache<string>({ policy: "lfu", maxEntries: 2 });
    cache.set("gone", "");
    for (let use = 0; use < 2; use += 1) cache.get("gone");
    cache.invalidate("gone");
    cache.set("nine times", "");
    for (let use = 0; use < 8; use += 1) cache.get("nine times");
    cache.set("eight times", "");
    for (let use = 0; use < 7; use += 1) cache.get("eight times");
    // That was the 20th use: both count four now, and the first was used longer ago.
    cache.set("new", "");
    expect(cache.keys().sort()).toEqual(["eight times", "new"]);
  });

  for (const policy of policies) {
    test(`C6: ${policy} evicts nobody when it overwrites`, () => {
      const cache = fill(policy);
      for (let round = 0; round < 10; round += 1) for (const letter of ["a", "b", "c"]) cache.set(letter, `${round}`);
      expect(cache.size).toBe(3);
      expect(cache.stats().evictions).toBe(0);
    });

    test(`C6: ${policy} lets every expired entry go before a live one`, () => {
      const cache = new Cache<string>({ policy, maxEntries: 3 });
      cache.set("live", "", { ttlMs: 1_000 });
      cache.set("a", "", { ttlMs: 10 });
      cache.set("b", "", { ttlMs: 10 });
      for (let use = 0; use < 5; use += 1) for (const letter of ["a", "b"]) cache.get(letter);
      vi.advanceTimersByTime(10);
      cache.set("c", "", { ttlMs: 2_000 });
      cache.set("d", "", { ttlMs: 2_000 });
      expect(cache.keys().sort()).toEqual(["c", "d", "live"]);
      expect(cache.stats()).toMatchObject({ evictions: 0, expirations: 2 });
    });

    test(`C6: of two that expire at the same instant ${policy} lets the one go that was written first, the last write counting`, () => {
      const gone: string[] = [];
      const cache = new Cache<string>({ policy, maxEntries: 2, onEvict: ({ key }) => void gone.push(key) });
      for (const key of ["a", "b", "a"]) cache.set(key, key, { ttlMs: 20 });
      gone.length = 0;
      vi.advanceTimersByTime(20);
      cache.set("c", "c");
      expect(gone).toEqual(["b"]);
      cache.close();
    });

    test(`C6: ${policy} holds one entry, the newest, where there is room for one`, () => {
      const cache = new Cache<number>({ policy, maxEntries: 1 });
      for (let index = 0; index < 100; index += 1) {
        cache.set(`${index}`, index);
        expect(cache.keys()).toEqual([`${index}`]);
      }
    });

    test(`C6: ${policy} without a limit keeps everything`, () => {
      const cache = new Cache<number>({ policy, maxEntries: Number.POSITIVE_INFINITY });
      for (let index = 0; index < 2_000; index += 1) cache.set(`${index}`, index);
      expect(cache.size).toBe(2_000);
      expect(cache.get("0")).toBe(0);
      cache.clear();
      expect(cache.size).toBe(0);
    });
  }

  test("C6: a limit nobody reaches costs no memory beforehand", () => {
    const before = process.memoryUsage().heapUsed;
    const caches = Array.from({ length: 10 }, () => new Cache<number>({ maxEntries: 1e15 }));
    for (const cache of caches) cache.set("key", 1);
    expect(process.memoryUsage().heapUsed - before).toBeLessThan(10_000_000);
  });
});
