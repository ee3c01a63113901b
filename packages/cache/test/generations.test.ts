import { describe, expect, test } from "vitest";
import { Cache } from "../src/index.js";
import { deferred, settle, watch } from "./support.js";

const overtakings: Record<string, (cache: Cache<string>) => void> = {
  invalidate: (cache) => cache.invalidate("key"),
  invalidateWhere: (cache) => cache.invalidateWhere((key) => key === "key"),
  clear: (cache) => cache.clear(),
  "set, then invalidate": (cache) => {
    cache.set("key", "set");
    cache.invalidate("key");
  },
  "set that keeps nothing": (cache) => cache.set("key", "set", { ttlMs: 0 }),
};

describe("C3 what began before a change never wins over it", () => {
  for (const [name, overtake] of Object.entries(overtakings))
    test(`C3: ${name} during a load: its callers get their value, it is not stored, the next call loads anew`, async () => {
      const cache = new Cache<string>();
      const answer = deferred<string>();
      const waiting = cache.getOrSet("key", () => answer.promise);
      overtake(cache);
      const next = cache.getOrSet("key", () => "new");
      answer.resolve("old");
      expect(await waiting).toBe("old");
      expect(await next).toBe("new");
      expect(cache.get("key")).toBe("new");
      expect(cache.stats().loads).toBe(2);
    });

  test("C3: a set during a load stays, whether the load succeeds or fails", async () => {
    for (const ending of ["resolve", "reject"] as const) {
      const cache = new Cache<string>({ errorTtlMs: 1_000, staleIfErrorMs: 1_000 });
      const answer = deferred<string>();
      const outcome = watch(cache.getOrSet("key", () => answer.promise));
      cache.set("key", "set");
      if (ending === "resolve") answer.resolve("loaded");
      else answer.reject("failed");
      await settle();
      expect(outcome).toEqual(
        ending === "resolve" ? { state: "resolved", value: "loaded" } : { state: "rejected", error: "failed" },
      );
      expect(cache.get("key")).toBe("set");
      expect(await cache.getOrSet("key", () => "again")).toBe("set");
    }
  });

  test("C3: an older load that ends after a newer one never wins", async () => {
    const cache = new Cache<string>();
    const [older, newer] = [deferred<string>(), deferred<string>()];
    const first = cache.getOrSet("key", () => older.promise);
    cache.invalidate("key");
    const second = cache.getOrSet("key", () => newer.promise);
    newer.resolve("newer");
    expect(await second).toBe("newer");
    older.resolve("older");
    expect(await first).toBe("older");
    expect(cache.get("key")).toBe("newer");
  });

  test("C3: a load overtaken in its own synchronous part still reaches its caller, unstored and unaborted", async () => {
    for (const [name, overtake] of Object.entries(overtakings)) {
      const cache = new Cache<string>();
      const value = await cache.getOrSet("key", ({ signal }) => {
        overtake(cache);
        expect(signal.aborted, name).toBe(false);
        return "own";
      });
      expect(value).toBe("own");
      expect(cache.has("key"), name).toBe(false);
    }
  });

  test("C3: invalidating another key changes nothing", async () => {
    const cache = new Cache<string>();
    const waiting = cache.getOrSet("key", () => "value");
    expect(cache.invalidate("other")).toBe(false);
    expect(cache.invalidateWhere((key) => key !== "key")).toBe(0);
    await waiting;
    expect(cache.get("key")).toBe("value");
  });

  test("C3: invalidate says whether there was a value, invalidateWhere how many", async () => {
    const cache = new Cache<number>();
    for (const key of ["a1", "a2", "b1"]) cache.set(key, 0);
    watch(cache.getOrSet("a3", () => deferred<number>().promise));
    expect(cache.invalidateWhere((key) => key.startsWith("a"))).toBe(2);
    expect(cache.keys()).toEqual(["b1"]);
    expect(cache.invalidate("b1")).toBe(true);
    expect(cache.invalidate("b1")).toBe(false);
    expect(cache.stats().invalidations).toBe(3);
  });

  test("C3: where the question of invalidateWhere throws, nothing is forgotten", () => {
    const cache = new Cache<number>();
    for (const key of ["a", "b"]) cache.set(key, 0);
    expect(() =>
      cache.invalidateWhere((key) => {
        if (key === "b") throw new Error("no");
        return true;
      }),
    ).toThrow("no");
    expect(cache.size).toBe(2);
  });

  test("C3: an async question of invalidateWhere is refused: nothing is forgotten, and its rejection is nobody's", async () => {
    const cache = new Cache<number>();
    for (const key of ["a", "b"]) cache.set(key, 0);
    const answer = Promise.reject(new Error("no"));
    expect(() => cache.invalidateWhere(() => Reflect.get({ answer }, String("answer")))).toThrow(
      /at once, got a promise/,
    );
    await new Promise((resolve) => setImmediate(resolve));
    expect(cache.size).toBe(2);
  });

  test("C4: a ttlMs that gives a promise rejects its caller with a TypeError, and the promise's rejection is nobody's", async () => {
    const cache = new Cache<number>();
    const ttl = Promise.reject(new Error("no"));
    const ask = cache.getOrSet("a", () => 1, { ttlMs: () => Reflect.get({ ttl }, String("ttl")) });
    await expect(ask).rejects.toThrow(TypeError);
    await new Promise((resolve) => setImmediate(resolve));
    expect(cache.size).toBe(0);
  });
});
