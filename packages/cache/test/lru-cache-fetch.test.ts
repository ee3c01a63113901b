import { LRUCache } from "lru-cache";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { Cache } from "../src/index.js";
import { deferred, settle, watch } from "./support.js";

// The same scene played by both: what lru-cache's fetch does first, what this cache does second. Where the first half
// fails one day, lru-cache has changed and the comparison in the README with it.

beforeEach(() => {
  vi.useFakeTimers();
  // At 0 its entries would not expire at all, see below.
  vi.advanceTimersByTime(1);
});
afterEach(() => {
  vi.useRealTimers();
});

/** It keeps the clock it found when it was loaded, the real one. */
const perf = { now: () => performance.now() };

const down = new Error("down");

describe("beside lru-cache's fetch", () => {
  test("C1: one caller's abort rejects every caller there, only that caller here", async () => {
    const answer = deferred<string>();
    const leaver = new AbortController();

    const theirs = new LRUCache<string, string>({ max: 10, fetchMethod: () => answer.promise });
    const leavingThere = watch(theirs.fetch("key", { signal: leaver.signal }));
    const stayingThere = watch(theirs.fetch("key"));

    const ours = new Cache<string>();
    const leavingHere = watch(ours.getOrSet("key", () => answer.promise, { signal: leaver.signal }));
    const stayingHere = watch(ours.getOrSet("key", () => answer.promise));

    leaver.abort("enough");
    answer.resolve("value");
    await settle();
    expect([leavingThere.state, stayingThere.state]).toEqual(["rejected", "rejected"]);
    expect([leavingHere.state, stayingHere.state]).toEqual(["rejected", "resolved"]);
    expect(leavingHere.error).toBe("enough");
  });

  test("C2: a load beyond max is lost there, delivered here", async () => {
    const answers = ["a", "b", "c"].map((key) => ({ key, answer: deferred<string>() }));
    const answerOf = (key: string): Promise<string> =>
      answers.find((one) => one.key === key)?.answer.promise ?? Promise.reject(down);

    const theirs = new LRUCache<string, string>({ max: 2, fetchMethod: answerOf });
    const there = answers.map(({ key }) => watch(theirs.fetch(key)));
    const ours = new Cache<string>({ maxEntries: 2 });
    const here = answers.map(({ key }) => watch(ours.getOrSet(key, () => answerOf(key))));

    for (const { key, answer } of answers) answer.resolve(key);
    await settle();
    expect(there.map(({ state }) => state)).toEqual(["rejected", "resolved", "resolved"]);
    expect(here.map(({ value }) => value)).toEqual(["a", "b", "c"]);
  });

  test("C2, C3: a delete during a load rejects its caller there; here the caller gets the value and nobody else does", async () => {
    const answer = deferred<string>();
    const theirs = new LRUCache<string, string>({ max: 10, fetchMethod: () => answer.promise });
    const there = watch(theirs.fetch("key"));
    theirs.delete("key");

    const ours = new Cache<string>();
    const here = watch(ours.getOrSet("key", () => answer.promise));
    ours.invalidate("key");

    answer.resolve("value");
    await settle();
    expect(there.state).toBe("rejected");
    expect(here).toEqual({ state: "resolved", value: "value" });
    expect(ours.has("key")).toBe(false);
  });

  test("C4: allowing stale values on failure swallows the error of a first load there, not here", async () => {
    const theirs = new LRUCache<string, string>({
      max: 10,
      allowStaleOnFetchRejection: true,
      fetchMethod: () => Promise.reject(down),
    });
    expect(await theirs.fetch("key")).toBeUndefined();

    const ours = new Cache<string>({ staleIfErrorMs: 60_000 });
    await expect(ours.getOrSet("key", () => Promise.reject(down))).rejects.toBe(down);
  });

  test("C4: a stale value is served on failure without any bound there, within its window here", async () => {
    const load = { works: true };
    const answer = async (): Promise<string> => {
      if (!load.works) throw down;
      return "old";
    };
    const theirs = new LRUCache<string, string>({
      max: 10,
      ttl: 1_000,
      ttlResolution: 0,
      perf,
      allowStaleOnFetchRejection: true,
      fetchMethod: answer,
    });
    const ours = new Cache<string>({ ttlMs: 1_000, staleIfErrorMs: 60_000 });
    await theirs.fetch("key");
    await ours.getOrSet("key", answer);
    load.works = false;
    vi.advanceTimersByTime(59_000);
    expect(await theirs.fetch("key")).toBe("old");
    expect(await ours.getOrSet("key", answer)).toBe("old");
    vi.advanceTimersByTime(24 * 3_600_000);
    expect(theirs.has("key")).toBe(false);
    expect(await theirs.fetch("key")).toBe("old");
    await expect(ours.getOrSet("key", answer)).rejects.toBe(down);
  });

  test("C4: a server that is down is asked with every read there, once per rest here", async () => {
    const there = vi.fn(() => Promise.reject(down));
    const theirs = new LRUCache<string, string>({
      max: 10,
      ttl: 1_000,
      ttlResolution: 0,
      perf,
      allowStaleOnFetchRejection: true,
      fetchMethod: there,
    });
    const here = vi.fn(() => Promise.reject(down));
    const ours = new Cache<string>({ ttlMs: 1_000, staleIfErrorMs: 60_000 });
    theirs.set("key", "old");
    ours.set("key", "old");
    vi.advanceTimersByTime(1_001);
    for (let read = 0; read < 100; read += 1) {
      expect(await theirs.fetch("key")).toBe("old");
      expect(await ours.getOrSet("key", here)).toBe("old");
    }
    expect(there).toHaveBeenCalledTimes(100);
    expect(here).toHaveBeenCalledTimes(1);
  });

  test("C1: forcing a refresh while a stale value is being refreshed gives the stale value there, the new one here", async () => {
    const answer = deferred<string>();
    const theirs = new LRUCache<string, string>({
      max: 10,
      ttl: 1_000,
      ttlResolution: 0,
      perf,
      allowStale: true,
      fetchMethod: () => answer.promise,
    });
    const ours = new Cache<string>({ ttlMs: 1_000, staleWhileRevalidateMs: 60_000 });
    theirs.set("key", "old");
    ours.set("key", "old");
    vi.advanceTimersByTime(1_001);
    await theirs.fetch("key");
    await ours.getOrSet("key", () => answer.promise);

    const there = watch(theirs.fetch("key", { forceRefresh: true }));
    const here = watch(ours.getOrSet("key", () => answer.promise, { refresh: true }));
    answer.resolve("new");
    await settle();
    expect(there.value).toBe("old");
    expect(here.value).toBe("new");
  });

  test("C4: at exactly its ttl a value is alive there, stale here", () => {
    const theirs = new LRUCache<string, string>({ max: 10, ttl: 1_000, ttlResolution: 0, perf });
    const ours = new Cache<string>({ ttlMs: 1_000 });
    theirs.set("key", "value");
    ours.set("key", "value");
    vi.advanceTimersByTime(1_000);
    expect(theirs.get("key")).toBe("value");
    expect(ours.get("key")).toBeUndefined();
    vi.advanceTimersByTime(1);
    expect(theirs.get("key")).toBeUndefined();
  });

  test("C9: with a clock that starts at 0 entries never expire there, in time here", () => {
    const now = vi.spyOn(performance, "now").mockReturnValue(0);
    const theirs = new LRUCache<string, string>({ max: 10, ttl: 1_000, ttlResolution: 0, perf });
    const ours = new Cache<string>({ ttlMs: 1_000 });
    theirs.set("key", "value");
    ours.set("key", "value");
    now.mockReturnValue(1_000_000);
    expect(theirs.get("key")).toBe("value");
    expect(ours.get("key")).toBeUndefined();
    now.mockRestore();
  });

  test("C7: undefined is a deletion there, a value here", () => {
    const theirs = new LRUCache<string, string>({ max: 10 });
    theirs.set("key", undefined);
    const ours = new Cache<string | undefined>();
    ours.set("key", undefined);
    expect(theirs.has("key")).toBe(false);
    expect(ours.has("key")).toBe(true);
  });
});
