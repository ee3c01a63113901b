import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { Cache } from "../src/index.js";
import { TagIndex } from "../src/tag-index.js";
import { deferred, pass, settle, watch } from "./support.js";

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
});

test("C13: invalidateTag forgets every value of the tag and no other, says how many and tells each", async () => {
  const onEvict = vi.fn();
  const cache = new Cache<number>({ onEvict });
  cache.set("a", 1, { tags: ["fruit", "red", "fruit"] });
  await cache.getOrSet("b", () => 2, { tags: ["fruit"] });
  cache.set("c", 3, { tags: ["red"] });
  cache.set("d", 4);
  expect(cache.invalidateTag("fruit")).toBe(2);
  expect(cache.keys().sort()).toEqual(["c", "d"]);
  expect(onEvict.mock.calls.map(([event]) => event)).toEqual([
    { key: "a", value: 1, reason: "invalidated" },
    { key: "b", value: 2, reason: "invalidated" },
  ]);
  expect([cache.invalidateTag("fruit"), cache.invalidateTag("never seen"), cache.invalidateTag("red")]).toEqual([
    0, 0, 1,
  ]);
  expect(cache.stats().invalidations).toBe(3);
});

test("C13: a value belongs to the tags of its last write, and what has expired is not counted", async () => {
  const cache = new Cache<number>({ ttlMs: 100 });
  cache.set("a", 1, { tags: ["old"] });
  cache.set("a", 2, { tags: ["new"] });
  cache.set("b", 1, { tags: ["old"] });
  cache.set("b", 2);
  expect(cache.invalidateTag("old")).toBe(0);
  expect(cache.keys().sort()).toEqual(["a", "b"]);
  await pass(100);
  expect(cache.invalidateTag("new")).toBe(0);
  expect(cache.stats()).toMatchObject({ expirations: 1, invalidations: 0 });
});

test("C13 C3: invalidateTag wins over a load in flight, that of a caller who joined with the tag too", async () => {
  const cache = new Cache<string>();
  const load = deferred<string>();
  const first = watch(cache.getOrSet("key", () => load.promise, { tags: ["first", "both"] }));
  const second = watch(cache.getOrSet("key", () => "unused", { tags: ["second", "both"] }));
  const third = watch(cache.getOrSet("key", () => "unused", { tags: ["both"] }));
  expect(cache.invalidateTag("second")).toBe(0);
  const anew = watch(cache.getOrSet("key", () => "new"));
  load.resolve("old");
  await settle();
  expect([first.value, second.value, third.value, anew.value]).toEqual(["old", "old", "old", "new"]);
  expect(cache.get("key")).toBe("new");
});

test("C13: a shared load is found by the tags of all who share it", async () => {
  const cache = new Cache<string>();
  const load = deferred<string>();
  void cache.getOrSet("key", () => load.promise);
  void cache.getOrSet("key", () => "unused", { tags: ["late"] });
  load.resolve("value");
  await settle();
  expect(cache.invalidateTag("late")).toBe(1);
});

test("C13 C3: a value of the tag goes with the load in flight for its key, whatever tags that has; a foreign value stays", async () => {
  const cache = new Cache<string>({ ttlMs: 60_000 });
  cache.set("tagged", "old", { tags: ["t"] });
  cache.set("foreign", "kept");
  const loads = [deferred<string>(), deferred<string>()];
  void cache.getOrSet("tagged", () => loads[0]?.promise ?? "", { refresh: true });
  void cache.getOrSet("foreign", () => loads[1]?.promise ?? "", { refresh: true, tags: ["t"] });
  expect(cache.invalidateTag("t")).toBe(1);
  for (const load of loads) load.resolve("late");
  await settle();
  expect([cache.get("tagged"), cache.get("foreign")]).toEqual([undefined, "kept"]);
});

test("C13: invalidateTag forgets the remembered failures of the tag's loads", async () => {
  const cache = new Cache<string>({ errorTtlMs: 60_000, maxEntries: 2 });
  const fail = (): Promise<string> => Promise.reject(new Error("down"));
  for (const key of ["a", "b"]) await cache.getOrSet(key, fail, { tags: [key] }).catch(() => {});
  expect(cache.invalidateTag("a")).toBe(0);
  expect(await cache.getOrSet("a", () => "up")).toBe("up");
  await expect(cache.getOrSet("b", () => "up")).rejects.toThrow("down");
});

test("C13: a tag without members leaves no record, however they left", () => {
  const index = new TagIndex<{ readonly tags: readonly string[] }>();
  const members = [{ tags: ["a", "b"] }, { tags: ["b"] }, { tags: [] }];
  for (const member of members) index.add(member);
  expect([index.of("b").length, index.of("c").length, index.size]).toEqual([2, 0, 2]);
  for (const member of [...members, { tags: ["never seen"] }]) index.remove(member);
  expect(index.size).toBe(0);
});

test("C13: expire makes a fresh value stale now; both windows count from now, age and hits stay", async () => {
  const onEvict = vi.fn();
  const cache = new Cache<string>({ ttlMs: 60_000, staleWhileRevalidateMs: 400, staleIfErrorMs: 1_000, onEvict });
  cache.set("key", "old", { tags: ["t"] });
  const cachedAt = Date.now();
  await pass(100);
  cache.get("key");
  expect(cache.expire({ key: "key" })).toBe(1);
  expect(cache.get("key")).toBeUndefined();
  expect(cache.inspect("key")).toEqual({ value: "old", cachedAt, ageMs: 100, expiresInMs: 0, hits: 1, state: "stale" });
  await pass(300);
  expect(cache.expire({ key: "key" }), "it is stale already").toBe(0);
  expect(cache.expire({ tag: "t" })).toBe(0);
  await pass(100);
  await expect(cache.getOrSet("key", () => Promise.reject(new Error("down")))).resolves.toBe("old");
  await pass(600);
  expect(cache.peek("key")).toBeUndefined();
  expect(onEvict).not.toHaveBeenCalled();
  cache.get("key");
  expect(onEvict).toHaveBeenCalledExactlyOnceWith({ key: "key", value: "old", reason: "expired" });
  expect(cache.expire({ key: "never seen" })).toBe(0);
});

test("C13: a stale value of an expired key is served while one refresh runs behind it, and keeps its tags till then", async () => {
  const cache = new Cache<string>({ ttlMs: Number.POSITIVE_INFINITY, staleWhileRevalidateMs: 1_000 });
  cache.set("a", "old", { tags: ["t"] });
  cache.set("b", "old", { tags: ["t", "u"] });
  cache.set("c", "old");
  await pass(50);
  expect(cache.expire({ tag: "t" })).toBe(2);
  expect(["a", "b", "c"].map((key) => cache.inspect(key))).toMatchObject([
    { state: "stale", ageMs: 50 },
    { state: "stale", ageMs: 50 },
    { state: "fresh", ageMs: 50, expiresInMs: Number.POSITIVE_INFINITY },
  ]);
  const load = vi.fn(() => "new");
  expect(await cache.getOrSet("a", load)).toBe("old");
  await settle();
  expect([cache.get("a"), load.mock.calls.length]).toEqual(["new", 1]);
  expect(cache.invalidateTag("t")).toBe(1);
});

test("C13 C3: a load that began before expire may have read what was true before, so it is not stored", async () => {
  const cache = new Cache<string>({ ttlMs: 60_000, staleWhileRevalidateMs: 60_000 });
  cache.set("key", "old");
  const load = deferred<string>();
  const caller = watch(cache.getOrSet("key", () => load.promise, { refresh: true, tags: ["t"] }));
  expect(cache.expire({ tag: "t" })).toBe(0);
  load.resolve("from before");
  await settle();
  expect([caller.value, cache.get("key")]).toEqual(["from before", "old"]);
  expect(cache.expire({ key: "key" })).toBe(1);
});

test("C13: an expired entry goes before a live one, and is expired for good where there is no stale window", () => {
  const cache = new Cache<number>({ maxEntries: 2 });
  cache.set("a", 1);
  cache.set("b", 2);
  expect(cache.expire({ key: "b" })).toBe(1);
  expect([cache.has("b"), cache.size]).toEqual([false, 1]);
  cache.set("c", 3);
  expect(cache.keys().sort()).toEqual(["a", "c"]);
  expect(cache.stats()).toMatchObject({ evictions: 0, expirations: 1 });
});

test("C13: clear, close and eviction leave no member of a tag behind", () => {
  const cache = new Cache<number>({ maxEntries: 1 });
  const tags = ["t"];
  cache.set("a", 1, { tags });
  cache.set("b", 2, { tags });
  expect(cache.invalidateTag("t")).toBe(1);
  cache.set("c", 3, { tags });
  cache.clear();
  expect(cache.invalidateTag("t")).toBe(0);
  cache.set("d", 4, { tags });
  tags.push("pushed later");
  expect(cache.invalidateTag("pushed later")).toBe(0);
  cache.close();
  cache.set("e", 5, { tags });
  expect([cache.invalidateTag("t"), cache.expire({ tag: "t" })]).toEqual([0, 0]);
});
