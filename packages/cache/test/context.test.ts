import { AsyncLocalStorage } from "node:async_hooks";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { afterEach, beforeAll, expect, test, vi } from "vitest";
import { Cache } from "../src/index.js";
import { settle } from "./support.js";

/** Everything that can go is gone: finalizers and what promises still hold go between two passes. */
async function collect(): Promise<void> {
  for (let pass = 0; pass < 4; pass += 1) {
    await new Promise((resolve) => setTimeout(resolve, 1));
    gc();
  }
}

let gc: () => void = () => {};
const context = new AsyncLocalStorage<{ readonly id: number; readonly body: readonly number[] }>();

beforeAll(() => {
  setFlagsFromString("--expose-gc");
  gc = runInNewContext("gc");
});
afterEach(() => {
  vi.useRealTimers();
});

/** Runs each request under a store of 40 kB of its own, and counts the stores that outlive all of them. */
async function storesLeftBy(count: number, request: (id: number) => unknown): Promise<number> {
  const stores: WeakRef<object>[] = [];
  const run = async (id: number): Promise<void> => {
    const store = { id, body: new Array(5_000).fill(id) };
    stores.push(new WeakRef(store));
    await context.run(store, () => request(id));
  };
  for (let id = 0; id < count; id += 1) await run(id);
  await collect();
  return stores.filter((store) => store.deref() !== undefined).length;
}

test("C12: 2,000 hits under stores of 40 kB leave none of them, each key being hit once", async () => {
  const cache = new Cache<number>({ maxEntries: 2_000 });
  for (let id = 0; id < 2_000; id += 1) cache.set(`${id}`, id);
  expect(await storesLeftBy(2_000, (id) => cache.getOrSet(`${id}`, () => -1))).toBe(0);
  expect(cache.stats().hits).toBe(2_000);
});

test("C12: 2,000 hits of one key leave none, and all but the first share a promise", async () => {
  const cache = new Cache<number>();
  cache.set("key", 1);
  expect(await storesLeftBy(2_000, () => cache.getOrSet("key", () => -1))).toBe(0);
  const load = (): number => -1;
  expect(cache.getOrSet("key", load)).toBe(cache.getOrSet("key", load));
});

test("C12: hits before anybody can make the promise that is kept, and a value replaced meanwhile, are right", async () => {
  const cache = new Cache<number>();
  cache.set("key", 1);
  const load = (): number => -1;
  const early = [cache.getOrSet("key", load), cache.getOrSet("key", load)];
  cache.set("key", 2);
  early.push(cache.getOrSet("key", load));
  cache.set("key", 3);
  expect(await Promise.all(early)).toEqual([1, 1, 2]);
  expect(await cache.getOrSet("key", load)).toBe(3);
});

test("C12: sets, misses and stale hits leave none, whose refresh hangs included", async () => {
  const cache = new Cache<number>({ maxEntries: 2_000, staleWhileRevalidateMs: 600_000, onEvict: () => {} });
  expect(await storesLeftBy(200, (id) => cache.set(`set ${id}`, id))).toBe(0);
  expect(await storesLeftBy(200, (id) => cache.getOrSet(`miss ${id}`, async () => id))).toBe(0);
  for (let id = 0; id < 200; id += 1) cache.expire({ key: `set ${id}` });
  const hang = (): Promise<never> => new Promise(() => {});
  expect(await storesLeftBy(200, (id) => cache.getOrSet(`set ${id}`, hang))).toBe(0);
  expect(cache.stats()).toMatchObject({ staleHits: 200, loading: 200 });
  cache.close();
});

test("C12: the load of a refresh in the background and onEvict of a sweep run in nobody's context, another load in its caller's", async () => {
  vi.useFakeTimers();
  const seen: unknown[] = [];
  const note = (what: string): void => void seen.push([what, context.getStore()?.id]);
  const cache = new Cache<number>({
    ttlMs: 10,
    staleWhileRevalidateMs: 1_000,
    sweepMs: 5_000,
    onEvict: ({ reason }) => note(reason),
  });
  const load = async (): Promise<number> => {
    note("begun");
    await Promise.resolve();
    note("goes on");
    return 1;
  };
  await context.run({ id: 1, body: [] }, () => cache.getOrSet("key", load));
  vi.advanceTimersByTime(10);
  await context.run({ id: 2, body: [] }, () => cache.getOrSet("key", load));
  await settle();
  vi.advanceTimersByTime(10_000);
  expect(seen).toEqual([
    ["begun", 1],
    ["goes on", 1],
    ["begun", undefined],
    ["goes on", undefined],
    ["expired", undefined],
  ]);
});

test("C12: a refresh in the background that reads another key is in nobody's context too, and leaves none", async () => {
  const cache = new Cache<number>({ staleWhileRevalidateMs: 600_000 });
  cache.set("inner", 1);
  cache.set("outer", 1);
  cache.expire({ key: "outer" });
  const load = (): Promise<number> => cache.getOrSet("inner", () => -1);
  expect(await storesLeftBy(1, () => cache.getOrSet("outer", load))).toBe(0);
  expect(cache.get("outer")).toBe(1);
  expect(cache.getOrSet("inner", load), "its promise was made meanwhile").toBe(cache.getOrSet("inner", load));
});
