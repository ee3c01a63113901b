import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { Pool, type PoolEvent } from "../src/index.js";
import { type Deferred, deferred, Factory, follow, microtasks, phases, type Thing } from "./fixtures.js";

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
});

test("P10: an idle resource of another key makes room: exactly one, the longest idle", async () => {
  const factory = new Factory();
  const { create, destroy } = factory;
  const pool = new Pool({ create, destroy, maxTotal: 3 });
  const leases = [await pool.acquire("a"), await pool.acquire("a"), await pool.acquire("b")];
  leases[1]?.release();
  leases[2]?.release();
  leases[0]?.release();
  const c = await pool.acquire("c");
  expect(await factory.ends()).toEqual(["1: evicted"]);
  expect(c.resource.key).toBe("c");
  const d = await pool.acquire("d");
  expect(await factory.ends()).toEqual(["1: evicted", "2: evicted"]);
  expect(pool.keys()).toEqual(["a", "c", "d"]);
  c.release();
  d.release();
});

test("P10: a total that is set later knows who has rested longest", async () => {
  const factory = new Factory();
  const { create, destroy } = factory;
  const pool = new Pool({ create, destroy });
  for (const key of ["a", "b", "c"]) (await pool.acquire(key)).release();
  (await pool.acquire("a")).release();
  pool.resize({ maxTotal: 3 });
  await pool.acquire("d");
  pool.resize({ maxTotal: 2 });
  expect(await factory.ends()).toEqual(["1: evicted", "2: resized"]);
  expect(pool.keys()).toEqual(["a", "d"]);
});

test("P10: a blocked key blocks no other, and each freed slot goes to the first who can use it", async () => {
  const { create, destroy } = new Factory();
  const pool = new Pool({ create, destroy, maxTotal: 3, maxPerKey: 2 });
  const order: string[] = [];
  const enter = (key: string, name: string, priority = 0) =>
    pool.acquire(key, { priority }).then((lease) => {
      order.push(name);
      return lease;
    });
  const held = [await pool.acquire("a"), await pool.acquire("a"), await pool.acquire("b")];
  void enter("a", "a first, but its key is full");
  void enter("c", "c");
  void enter("d", "d, urgent", 1);
  void enter("b", "b");
  await microtasks();
  expect(order).toEqual([]);
  await held[2]?.destroy();
  await microtasks();
  expect(order).toEqual(["d, urgent"]);
  await Promise.all([held[0]?.destroy(), held[1]?.destroy()]);
  await microtasks();
  expect(order).toEqual(["d, urgent", "a first, but its key is full", "c"]);
});

test("P10: one that already has a resource on its way does not take the turn of the next", async () => {
  const made: Deferred<string>[] = [];
  const keys: string[] = [];
  const pool = new Pool({
    create: (key) => {
      keys.push(key);
      const next = deferred<string>();
      made.push(next);
      return next.promise;
    },
    maxTotal: 2,
  });
  const held = [pool.acquire("x"), pool.acquire("x")];
  await microtasks();
  for (const { resolve } of made) resolve("held");
  const leases = await Promise.all(held);
  const waiting = ["a", "b", "a"].map((key) => pool.acquire(key));
  // Both freed in one tick, while what is made for the first is still on its way.
  void leases[0]?.destroy();
  void leases[1]?.destroy();
  await microtasks();
  expect(keys.slice(2)).toEqual(["a", "b"]);
  for (const { resolve } of made) resolve("made");
  for (const lease of await Promise.all(waiting.slice(0, 2))) lease.release();
  (await waiting[2])?.release();
});

test("P10: a key in steady use does not starve another: what comes back goes to who is first", async () => {
  const { create, destroy } = new Factory();
  const pool = new Pool({ create, destroy, maxTotal: 1 });
  const order: string[] = [];
  const enter = (key: string, name: string) =>
    pool.use(key, () => {
      order.push(name);
    });
  const held = await pool.acquire("a");
  const calls = [enter("a", "a1"), enter("b", "b1"), enter("a", "a2"), enter("a", "a3"), enter("b", "b2")];
  held.release();
  await Promise.all(calls);
  expect(order).toEqual(["a1", "b1", "a2", "a3", "b2"]);
});

test("P10: what was just made serves the one it was made for, even where somebody else has become more urgent", async () => {
  const factory = new Factory();
  const { create, destroy } = factory;
  const pool = new Pool({ create, destroy, maxTotal: 1 });
  const order: string[] = [];
  const calls = [pool.use("a", () => order.push("a")), pool.use("b", () => order.push("b, urgent"), { priority: 1 })];
  await Promise.all(calls);
  expect(order).toEqual(["a", "b, urgent"]);
  expect(await factory.ends()).toEqual(["0: evicted"]);
});

test("P10: as many idle resources make room as can be used, no more", async () => {
  const factory = new Factory();
  const { create, destroy } = factory;
  const pool = new Pool({
    create,
    destroy,
    maxTotal: 5,
    maxPerKey: 4,
    limitsFor: (key) => (key === "a" ? { maxPerKey: 4 } : undefined),
  });
  await pool.warm("a", 4);
  pool.resize({ maxPerKey: 1 });
  const calls = Array.from({ length: 4 }, () => pool.acquire("b"));
  await microtasks();
  expect(pool.stats("b")).toMatchObject({ leased: 1, waiting: 3 });
  pool.resize({ maxPerKey: 3 });
  expect(await factory.ends()).toEqual(["0: evicted", "1: evicted"]);
  for (const lease of await Promise.all(calls.slice(0, 3))) lease.release();
  (await calls[3])?.release();
});

test("P10: who gives up while another key's resource is destroyed for it leaves a slot behind", async () => {
  const ending = deferred();
  const { create } = new Factory();
  const pool = new Pool<Thing>({ create, destroy: () => ending.promise, maxTotal: 1 });
  (await pool.acquire("a")).release();
  const controller = new AbortController();
  const b = follow(pool.acquire("b", { signal: controller.signal }));
  const c = follow(pool.acquire("c"));
  expect(phases(pool)).toMatchObject({ destroying: 1, waiting: 2 });
  controller.abort(new Error("enough"));
  ending.resolve();
  expect(await b()).toMatchObject({ error: { message: "enough" } });
  expect(await c()).toMatchObject({ value: { key: "c" } });
  expect(pool.keys()).toEqual(["c"]);
});

test("P10: 10,000 keys used once and emptied leave no record, their counts stay in the totals", {
  timeout: 60_000,
}, async () => {
  const { create, destroy } = new Factory();
  const pool = new Pool({ create, destroy });
  for (let index = 0; index < 10_000; index += 1) await (await pool.acquire(`key ${index}`)).destroy();
  expect(pool.keys()).toEqual([]);
  expect(pool.stats()).toMatchObject({ total: 0, acquired: 10_000, created: 10_000, destroyed: { discarded: 10_000 } });
  expect(pool.stats("key 1")).toMatchObject({ total: 0, acquired: 0, max: 10 });
  expect(vi.getTimerCount()).toBe(0);
});

test("P11: a slot is free only when destroy has settled", async () => {
  const ending = deferred();
  const { create } = new Factory();
  const pool = new Pool<Thing>({ create, destroy: () => ending.promise, maxPerKey: 1 });
  const lease = await pool.acquire("a");
  void lease.destroy();
  const next = follow(pool.acquire("a"));
  expect(await next()).toBe("pending");
  expect(phases(pool)).toMatchObject({ destroying: 1, creating: 0, waiting: 1 });
  ending.resolve();
  expect(await next()).toMatchObject({ value: { resource: { id: 1 } } });
});

test("P11: or when destroyTimeoutMs is over; what destroy does afterwards is no matter", async () => {
  const ending = deferred();
  const events: PoolEvent[] = [];
  const { create } = new Factory();
  const pool = new Pool<Thing>({
    create,
    destroy: () => ending.promise,
    maxPerKey: 1,
    destroyTimeoutMs: 100,
    onEvent: (event) => events.push(event),
  });
  const destroyed = follow((await pool.acquire("a")).destroy());
  const next = follow(pool.acquire("a"));
  await vi.advanceTimersByTimeAsync(99);
  expect(await destroyed()).toBe("pending");
  await vi.advanceTimersByTimeAsync(1);
  expect(await destroyed()).toEqual({ value: undefined });
  expect(await next()).toMatchObject({ value: { resource: { id: 1 } } });
  ending.reject(new Error("late"));
  await microtasks();
  expect(events.filter(({ type }) => type.startsWith("destroy"))).toMatchObject([
    {
      type: "destroyFailed",
      key: "a",
      reason: "discarded",
      error: { message: "Pool: destroy took longer than 100 ms" },
    },
    { type: "destroyed", key: "a", reason: "discarded" },
  ]);
});

test("P11: an error in destroy, thrown or rejected, is an event and reaches no caller", async () => {
  const events: PoolEvent[] = [];
  const { create } = new Factory();
  const errors = [new Error("thrown"), new Error("rejected")];
  const pool = new Pool<Thing>({
    create,
    destroy: ({ id }) => {
      if (id === 0) throw errors[0];
      return Promise.reject(errors[1]);
    },
    maxUses: 1,
    onEvent: (event) => events.push(event),
  });
  (await pool.acquire("a")).release();
  (await pool.acquire("a")).release();
  await microtasks();
  expect(events.flatMap((event) => (event.type === "destroyFailed" ? [event.error] : []))).toEqual(errors);
  expect(pool.stats()).toMatchObject({ total: 0, destroyed: { uses: 2 } });
});

test("limitsFor gives a key limits of its own, and is asked again once the key was emptied", async () => {
  const { create } = new Factory();
  const limitsFor = vi.fn((key: string) => (key === "small" ? { maxPerKey: 1, acquireTimeoutMs: 10 } : undefined));
  const pool = new Pool({ create, limitsFor });
  const lease = await pool.acquire("small");
  expect(pool.stats("small").max).toBe(1);
  const next = follow(pool.acquire("small"));
  await vi.advanceTimersByTimeAsync(10);
  expect(await next()).toMatchObject({ error: { code: "ERR_POOL_TIMEOUT", timeoutMs: 10 } });
  pool.resize({ maxPerKey: 7 });
  expect(pool.stats("small").max).toBe(1);
  (await pool.acquire("other")).release();
  expect(pool.stats("other").max).toBe(7);
  expect(limitsFor.mock.calls).toEqual([["small"], ["other"]]);
  await lease.destroy();
  (await pool.acquire("small")).release();
  expect(limitsFor).toHaveBeenCalledTimes(3);
});

test("what limitsFor throws, or gives that is no limit, rejects the call", async () => {
  const { create } = new Factory();
  const answers: Record<string, () => never> = {
    throws: () => {
      throw new Error("no idea");
    },
  };
  const wrong = [{ maxPerKey: 0 }, { maxPrKey: 1 }, { minIdlePerKey: 3, maxPerKey: 2 }, null];
  const pool = new Pool({
    create,
    limitsFor: (key) => answers[key]?.() ?? JSON.parse(key),
  });
  await expect(pool.acquire("throws")).rejects.toThrow("no idea");
  await expect(pool.acquire(JSON.stringify(wrong[0]))).rejects.toThrow(
    'Pool: limitsFor("{\\"maxPerKey\\":0}"): maxPerKey must be a positive integer or Infinity, got 0',
  );
  await expect(pool.acquire(JSON.stringify(wrong[1]))).rejects.toThrow("unknown option maxPrKey");
  await expect(pool.acquire(JSON.stringify(wrong[2]))).rejects.toThrow("minIdlePerKey must be <= maxPerKey (2), got 3");
  await expect(pool.acquire(JSON.stringify(wrong[3]))).rejects.toThrow(TypeError);
  expect(pool.keys()).toEqual([]);
});

test("a limitsFor that gives a promise rejects the call, and what the promise rejects with is nobody's", async () => {
  const { create } = new Factory();
  const limits = Promise.reject(new Error("an async limitsFor"));
  const pool = new Pool({ create, limitsFor: () => Reflect.get({ limits }, String("limits")) });
  await expect(pool.acquire("a")).rejects.toThrow('Pool: limitsFor("a") must give its limits at once, got a promise');
  await new Promise((resolve) => process.nextTick(() => queueMicrotask(() => resolve(undefined))));
  expect(pool.keys()).toEqual([]);
});

test("limitsFor may use the pool itself, the same key included", async () => {
  const { create } = new Factory();
  let inner: Promise<unknown> | undefined;
  let asked = 0;
  const pool: Pool<Thing> = new Pool<Thing>({
    create,
    limitsFor: (key) => {
      asked += 1;
      if (asked === 1) inner = pool.acquire(key);
      return { maxPerKey: 2 };
    },
  });
  const outer = await pool.acquire("a");
  expect(await inner).toMatchObject({ key: "a" });
  expect(pool.stats()).toMatchObject({ leased: 2 });
  expect(pool.keys()).toEqual(["a"]);
  outer.release();
});
