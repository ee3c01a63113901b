import assert from "node:assert/strict";
import { getEventListeners } from "node:events";
import fc from "fast-check";
import { afterEach, beforeEach, test, vi } from "vitest";
import { Cache, CacheLoadTimeoutError, type CacheOptions, type EvictionPolicy } from "../src/index.js";
import { type Outcome, settle, watch } from "./support.js";

const keys = ["a", "b", "c"] as const;
const tags = ["s", "t"] as const;
const longestMs = 200_000;

/** A value knows what had been forgotten and made stale under its key when it began to be made. */
interface Value {
  readonly key: string;
  readonly forgotten: number;
  readonly expired: number;
}

const key = fc.constantFrom(...keys);
const tagged = fc.subarray([...tags]);
const kind = <T extends string>(type: T) => fc.constant(type);
const step = fc.oneof(
  { weight: 3, arbitrary: fc.record({ type: kind("set"), key, tagged }) },
  { weight: 3, arbitrary: fc.record({ type: kind("get"), key }) },
  {
    weight: 9,
    arbitrary: fc.record({ type: kind("getOrSet"), key, tagged, refresh: fc.boolean(), abortable: fc.boolean() }),
  },
  { weight: 6, arbitrary: fc.record({ type: kind("end"), pick: fc.nat(), ok: fc.boolean() }) },
  { weight: 2, arbitrary: fc.record({ type: kind("abort"), pick: fc.nat() }) },
  { weight: 2, arbitrary: fc.record({ type: kind("invalidate"), key }) },
  { weight: 2, arbitrary: fc.record({ type: kind("invalidateTag"), tag: fc.constantFrom(...tags) }) },
  { weight: 2, arbitrary: fc.record({ type: kind("expireKey"), key }) },
  { weight: 2, arbitrary: fc.record({ type: kind("expireTag"), tag: fc.constantFrom(...tags) }) },
  { weight: 1, arbitrary: fc.record({ type: kind("clear") }) },
  { weight: 5, arbitrary: fc.record({ type: kind("pass"), ms: fc.integer({ min: 1, max: 4_000 }) }) },
  { weight: 1, arbitrary: fc.record({ type: kind("sleep"), ms: fc.integer({ min: 11_000, max: 80_000 }) }) },
);
const options: fc.Arbitrary<CacheOptions<Value>> = fc.record({
  policy: fc.constantFrom<EvictionPolicy>("lru", "lfu", "fifo", "ttl"),
  maxEntries: fc.constantFrom(2, 10),
  ttlMs: fc.constantFrom(1_000, 10_000),
  staleWhileRevalidateMs: fc.constantFrom(0, 5_000),
  staleIfErrorMs: fc.constantFrom(0, 20_000),
  errorTtlMs: fc.constantFrom(0, 3_000),
  softTimeoutMs: fc.constantFrom(undefined, 500),
  loadTimeoutMs: fc.constantFrom(undefined, 2_000),
});

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
});

test("C1 to C14: in a random storm of loads, ends, aborts, groups, time limits, clocks and sleeps nothing old is fresh, nobody hangs and nothing is left", async () => {
  await fc.assert(
    fc.asyncProperty(options, fc.array(step, { maxLength: 60, size: "max" }), async (given, steps) => {
      const forgotten: Record<string, number> = { a: 0, b: 0, c: 0 };
      const expired: Record<string, number> = { a: 0, b: 0, c: 0 };
      const tagsOf: Record<string, readonly string[]> = {};
      const loads: { readonly end: (ok: boolean) => void }[] = [];
      const calls: { readonly outcome: Outcome<Value>; readonly key: string; readonly forgotten: number }[] = [];
      const controllers: AbortController[] = [];
      let stored = 0;
      let reads = 0;
      let left = 0;
      const cache: Cache<Value> = new Cache<Value>({
        ...given,
        onEvict: () => {
          left += 1;
        },
      });
      const make = (name: string): Value => ({
        key: name,
        forgotten: forgotten[name] ?? 0,
        expired: expired[name] ?? 0,
      });
      const forget = (name: string): void => {
        forgotten[name] = (forgotten[name] ?? 0) + 1;
      };
      // What a key may belong to, by any write or load: to count too many as forgotten only makes the test weaker.
      const mayHave = (name: string, tag: string): boolean => tagsOf[name]?.includes(tag) ?? false;
      const note = (name: string, more: readonly string[]): void => {
        tagsOf[name] = [...(tagsOf[name] ?? []), ...more];
      };

      for (const one of steps) {
        if (one.type === "set") {
          forget(one.key);
          tagsOf[one.key] = one.tagged;
          cache.set(one.key, make(one.key), { tags: one.tagged });
          stored += 1;
        } else if (one.type === "get") {
          reads += 1;
          const value = cache.get(one.key);
          if (value !== undefined) assert.deepEqual(value, make(one.key));
        } else if (one.type === "getOrSet") {
          reads += 1;
          const controller = new AbortController();
          if (one.abortable) controllers.push(controller);
          note(one.key, one.tagged);
          const load = (): Promise<Value> =>
            new Promise((resolve, reject) => {
              const value = make(one.key);
              loads.push({ end: (ok) => (ok ? resolve(value) : reject(new Error("down"))) });
            });
          const { refresh, tagged: own } = one;
          const promise = cache.getOrSet(one.key, load, {
            refresh,
            tags: own,
            ...(one.abortable && { signal: controller.signal }),
          });
          calls.push({ outcome: watch(promise), key: one.key, forgotten: forgotten[one.key] ?? 0 });
        } else if (one.type === "end" && loads.length > 0) loads[one.pick % loads.length]?.end(one.ok);
        else if (one.type === "abort" && controllers.length > 0)
          controllers[one.pick % controllers.length]?.abort("left");
        else if (one.type === "invalidate") {
          forget(one.key);
          cache.invalidate(one.key);
          assert.equal(cache.has(one.key), false);
        } else if (one.type === "invalidateTag") {
          const before = keys.filter((name) => cache.has(name));
          const count = cache.invalidateTag(one.tag);
          const gone = before.filter((name) => !cache.has(name));
          assert.equal(gone.length, count);
          for (const name of gone) {
            assert.equal(mayHave(name, one.tag), true);
            forget(name);
          }
          assert.equal(cache.invalidateTag(one.tag), 0);
        } else if (one.type === "expireKey" || one.type === "expireTag") {
          const fresh = keys.filter((name) => cache.inspect(name)?.state === "fresh");
          const target = one.type === "expireKey" ? { key: one.key } : { tag: one.tag };
          const count = cache.expire(target);
          const ended = fresh.filter((name) => cache.inspect(name)?.state !== "fresh");
          assert.equal(ended.length, count);
          for (const name of "key" in target ? [target.key] : ended) expired[name] = (expired[name] ?? 0) + 1;
        } else if (one.type === "clear") {
          for (const name of keys) forget(name);
          cache.clear();
          assert.equal(cache.size, 0);
        } else if (one.type === "pass") vi.advanceTimersByTime(one.ms);
        else if (one.type === "sleep") {
          vi.setSystemTime(Date.now() + one.ms);
          vi.advanceTimersByTime(1_000);
        }
        await settle();
        const stats = cache.stats();
        // C7, C11
        assert.equal(stats.hits + stats.misses + stats.staleHits, reads);
        if (stats.loading === 0) assert.equal(stats.oldestLoadMs, 0);
        for (const name of keys) {
          const entry = cache.inspect(name);
          if (entry === undefined) continue;
          // C3, C13: what is fresh began after all that was forgotten or made stale; what is held, after all that was forgotten.
          assert.equal(entry.value.forgotten, forgotten[name]);
          if (entry.state === "fresh") assert.equal(entry.value.expired, expired[name]);
          // C4, C14
          assert.ok(entry.ageMs <= 10_000 + 20_000 + 10_000, "as old as it may be");
          assert.ok(Math.abs(Date.now() - entry.cachedAt - entry.ageMs) <= 1_000, "cached when its age says");
        }
        for (const { outcome, key: name, forgotten: then } of calls) {
          if (outcome.value === undefined) continue;
          // C3: nobody gets what had been forgotten before he asked, but from a load that he joined.
          assert.equal(outcome.value.key, name);
          assert.ok(outcome.value.forgotten >= then, "nothing forgotten");
        }
      }

      // C1, C11: whoever waits is told in the end, by the load or by the limit.
      for (const load of loads) load.end(true);
      await settle();
      for (let ms = 0; ms < longestMs; ms += 20_000) {
        vi.advanceTimersByTime(20_000);
        await settle();
      }
      for (const { outcome } of calls) assert.notEqual(outcome.state, "pending");
      for (const { outcome } of calls)
        if (outcome.error instanceof CacheLoadTimeoutError)
          assert.equal(given.loadTimeoutMs ?? 30_000, outcome.error.timeoutMs);
      assert.equal(cache.stats().loading, 0);
      for (const { signal } of controllers) assert.equal(getEventListeners(signal, "abort").length, 0);
      // C8, C9, C13: every value has left once, no timer and no tag is left.
      cache.close();
      const { inserts } = cache.stats();
      assert.ok(inserts >= stored, "what was set was inserted");
      assert.equal(left, inserts);
      assert.deepEqual(
        tags.map((tag) => cache.invalidateTag(tag)),
        [0, 0],
      );
      assert.equal(vi.getTimerCount(), 0);
    }),
    { numRuns: 300 },
  );
});
