import { getEventListeners } from "node:events";
import { expect, test, vi } from "vitest";
import { Cache } from "../src/index.js";
import { deferred } from "./support.js";

const hang = (): Promise<never> => new Promise(() => {});

test("B18: 10,000 keys loaded at once under one signal add one listener, print no warning and leave none", async () => {
  const controller = new AbortController();
  const warned = vi.spyOn(process, "emitWarning");
  const cache = new Cache<number>({ maxEntries: 20_000 });
  const gate = deferred<number>();
  const { signal } = controller;
  const calls = Array.from({ length: 10_000 }, (_, id) => cache.getOrSet(`${id}`, () => gate.promise, { signal }));
  expect(getEventListeners(signal, "abort")).toHaveLength(1);
  gate.resolve(1);
  await Promise.all(calls);
  expect(getEventListeners(signal, "abort")).toHaveLength(0);
  expect(warned).not.toHaveBeenCalled();
  warned.mockRestore();
});

test("B18: caches share the listener; an abort rejects every caller, aborts their loads and leaves no listener", async () => {
  const controller = new AbortController();
  const { signal } = controller;
  const caches = [new Cache<number>(), new Cache<number>()];
  const loads: AbortSignal[] = [];
  const calls = caches.flatMap((cache) =>
    ["a", "b"].map((key) =>
      cache
        .getOrSet(
          key,
          (load) => {
            loads.push(load.signal);
            return hang();
          },
          { signal },
        )
        .catch((error: unknown) => error),
    ),
  );
  expect(getEventListeners(signal, "abort")).toHaveLength(1);
  controller.abort("left");
  expect(await Promise.all(calls)).toEqual(["left", "left", "left", "left"]);
  expect(loads.map(({ aborted }) => aborted)).toEqual([true, true, true, true]);
  expect(getEventListeners(signal, "abort")).toHaveLength(0);
  expect(caches.map((cache) => cache.stats().loading)).toEqual([0, 0]);
});

test("B18: an unknown option of set, getOrSet or expire, and tags that are none, are errors that name them", async () => {
  const cache = new Cache<number>();
  const call = (name: "set" | "expire" | "invalidateTag", ...args: unknown[]): unknown =>
    Reflect.apply(cache[name], cache, args);
  expect(() => call("set", "key", 1, { ttl: 5 })).toThrow('Cache.set: options has no member "ttl"');
  expect(() => call("set", "key", 1, { tags: "red" })).toThrow(
    'Cache.set: tags must be an array of strings, got "red"',
  );
  expect(() => call("set", "key", 1, { tags: ["red", 5] })).toThrow(
    "Cache.set: tags: each tag must be a string, got 5",
  );
  expect(() => call("invalidateTag", 5)).toThrow("Cache.invalidateTag: tag must be a string, got 5");
  for (const target of [{}, { key: "a", tag: "b" }, { key: 5 }, { tag: null }])
    expect(() => call("expire", target)).toThrow("Cache.expire: target must be { key } or { tag }, one of them");
  expect(() => call("expire", "key")).toThrow('Cache.expire: target must be an object, got "key"');
  expect(() => call("expire", { keys: [] })).toThrow('Cache.expire: target has no member "keys"');
  const getOrSet = (options: unknown): Promise<unknown> => Reflect.apply(cache.getOrSet, cache, ["key", hang, options]);
  await expect(getOrSet({ tags: { 0: "red" } })).rejects.toThrow("Cache.getOrSet: tags must be an array of strings");
  await expect(getOrSet({ timeoutMs: 5 })).rejects.toThrow('Cache.getOrSet: options has no member "timeoutMs"');
  expect(cache.expire({ key: "a", ...{ tag: undefined } })).toBe(0);
  expect(cache.stats()).toMatchObject({ inserts: 0, loads: 0 });
});
