import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { Pool, PoolValidationError } from "../src/index.js";
import { type Deferred, deferred, Factory, follow, microtasks, phases, type Thing } from "./fixtures.js";

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
});

const forEver = { maintenanceMs: Number.POSITIVE_INFINITY };

test("P7: a resource is validated on borrow once it has rested for validateAfterIdleMs, and a new one never", async () => {
  const { create } = new Factory();
  const asked: unknown[] = [];
  const pool = new Pool<Thing>({
    create,
    validate: ({ id }, { key, idleMs, signal }) => {
      asked.push([id, key, idleMs, signal.aborted]);
      return true;
    },
    ...forEver,
  });
  (await pool.acquire("a")).release();
  await vi.advanceTimersByTimeAsync(999);
  (await pool.acquire("a")).release();
  expect(asked).toEqual([]);
  await vi.advanceTimersByTimeAsync(1_000);
  const lease = await pool.acquire("a");
  expect(asked).toEqual([[0, "a", 1_000, false]]);
  expect(lease).toMatchObject({ idleMs: 1_000, uses: 3 });
});

test("P7: with validateAfterIdleMs 0 every borrow but the first validates, hand-overs too", async () => {
  const { create } = new Factory();
  const validate = vi.fn(async () => true);
  const pool = new Pool<Thing>({ create, validate, validateAfterIdleMs: 0, maxPerKey: 1, ...forEver });
  const first = await pool.acquire("a");
  const second = pool.acquire("a");
  first.release();
  (await second).release();
  expect(validate).toHaveBeenCalledTimes(1);
  (await pool.acquire("a")).release();
  expect(validate).toHaveBeenCalledTimes(2);
});

describe("a bad resource", () => {
  const verdicts: Record<string, () => boolean | Promise<boolean>> = {
    false: () => false,
    "a throw": () => {
      throw new Error("broken");
    },
    "a rejection": () => Promise.reject(new Error("broken")),
    "a hang": () => new Promise<boolean>(() => {}),
  };
  test.each(Object.entries(verdicts))("P7: %s destroys it and goes on to the next", async (_, verdict) => {
    const factory = new Factory();
    const pool = new Pool<Thing>({
      create: factory.create,
      destroy: factory.destroy,
      validate: ({ id }) => (id === 1 ? verdict() : true),
      validateTimeoutMs: 50,
      ...forEver,
    });
    const leases = [await pool.acquire("a"), await pool.acquire("a")];
    for (const lease of leases) lease.release();
    await vi.advanceTimersByTimeAsync(1_000);
    const call = follow(pool.acquire("a"));
    await microtasks();
    expect(phases(pool)).toMatchObject({ waiting: verdict === verdicts["a hang"] ? 1 : 0 });
    await vi.advanceTimersByTimeAsync(50);
    expect(await call()).toMatchObject({ value: { resource: { id: 0 } } });
    expect(await factory.ends()).toEqual(["1: invalid"]);
  });

  test("P7: where all rested ones are bad a new one is made", async () => {
    const factory = new Factory();
    const { create, destroy } = factory;
    const pool = new Pool<Thing>({ create, destroy, validate: () => false, ...forEver });
    await pool.warm("a", 3);
    await vi.advanceTimersByTimeAsync(1_000);
    expect((await pool.acquire("a")).resource.id).toBe(3);
    expect(await factory.ends()).toEqual(["2: invalid", "1: invalid", "0: invalid"]);
  });
});

test("P7: more bad resources for one call than a key may hold end it with ERR_POOL_VALIDATION", async () => {
  const cause = new Error("never good");
  const making: Deferred<string>[] = [];
  const pool = new Pool<string>({
    create: () => {
      const next = deferred<string>();
      making.push(next);
      return next.promise;
    },
    maxPerKey: 1,
    validate: () => Promise.reject(cause),
    validateAfterIdleMs: 0,
    ...forEver,
  });
  const first = pool.acquire("a");
  await microtasks();
  making[0]?.resolve("bad");
  const low = follow(pool.acquire("a", { priority: -1 }));
  (await first).release();
  await microtasks();
  // Another takes what was made for it, and gives it back: bad again.
  const high = pool.acquire("a", { priority: 1 });
  making[1]?.resolve("bad");
  (await high).release();
  const result = await low();
  expect(result).toMatchObject({ error: { code: "ERR_POOL_VALIDATION", key: "a", attempts: 2, cause } });
  expect(Object(result).error).toBeInstanceOf(PoolValidationError);
  expect(pool.stats()).toMatchObject({ destroyed: { invalid: 2 }, waiting: 0 });
  expect(new PoolValidationError("a", 2, undefined)).not.toHaveProperty("cause");
});

test("P7: what a round in the background finds bad is charged to nobody", async () => {
  const making: Deferred<string>[] = [];
  const pool = new Pool<string>({
    create: () => {
      const next = deferred<string>();
      making.push(next);
      return next.promise;
    },
    maxPerKey: 1,
    validate: async () => false,
    validateAfterIdleMs: 0,
    maintenanceMs: 1_000,
  });
  const warmed = pool.warm("a");
  await microtasks();
  making[0]?.resolve("bad");
  await warmed;
  vi.advanceTimersByTime(1_000);
  const low = follow(pool.acquire("a", { priority: -1 }));
  await microtasks();
  const high = pool.acquire("a", { priority: 1 });
  making[1]?.resolve("bad");
  (await high).release();
  expect(await low()).toBe("pending");
  making[2]?.resolve("bad");
  expect(await low()).toMatchObject({ value: { resource: "bad" } });
});

test("P7: a validation nobody waits for any more lays the resource back, as rested as it was", async () => {
  const { create } = new Factory();
  const good = deferred<boolean>();
  const pool = new Pool<Thing>({ create, validate: () => good.promise, ...forEver });
  (await pool.acquire("a")).release();
  await vi.advanceTimersByTimeAsync(1_000);
  const controller = new AbortController();
  const call = follow(pool.acquire("a", { signal: controller.signal }));
  controller.abort(new Error("enough"));
  expect(await call()).toMatchObject({ error: { message: "enough" } });
  expect(phases(pool), "validating counts as leased").toMatchObject({ leased: 1, idle: 0 });
  await vi.advanceTimersByTimeAsync(500);
  good.resolve(true);
  await microtasks();
  expect(phases(pool)).toMatchObject({ leased: 0, idle: 1 });
  expect((await pool.acquire("a")).idleMs).toBe(1_500);
});

test("P7: a resource found bad when nobody waits any more is destroyed, and nobody is charged", async () => {
  const factory = new Factory();
  const { create, destroy } = factory;
  const pool = new Pool<Thing>({ create, destroy, validate: () => false, ...forEver });
  (await pool.acquire("a")).release();
  await vi.advanceTimersByTimeAsync(1_000);
  const controller = new AbortController();
  const call = follow(pool.acquire("a", { signal: controller.signal }));
  controller.abort(new Error("enough"));
  expect(await call()).toMatchObject({ error: { message: "enough" } });
  expect(await factory.ends()).toEqual(["0: invalid"]);
});

test("P14: what is cleared in the tick in which its validation begins is not asked about", async () => {
  const factory = new Factory();
  const { create, destroy } = factory;
  const validate = vi.fn(() => true);
  const pool = new Pool<Thing>({ create, destroy, validate, ...forEver });
  (await pool.acquire("a")).release();
  await vi.advanceTimersByTimeAsync(1_000);
  const call = pool.acquire("a");
  void pool.clear("a");
  expect((await call).resource.id).toBe(1);
  expect(validate).not.toHaveBeenCalled();
  expect(await factory.ends()).toEqual(["0: cleared"]);
});

test("P7: no more resources are validated at once than are waited for", async () => {
  const { create } = new Factory();
  const pending: Deferred<boolean>[] = [];
  const pool = new Pool<Thing>({
    create,
    validate: () => {
      const next = deferred<boolean>();
      pending.push(next);
      return next.promise;
    },
    ...forEver,
  });
  await pool.warm("a", 3);
  await vi.advanceTimersByTimeAsync(1_000);
  const calls = [pool.acquire("a"), pool.acquire("a")];
  await microtasks();
  expect(pending).toHaveLength(2);
  expect(phases(pool)).toMatchObject({ idle: 1, leased: 2, creating: 0 });
  for (const { resolve } of pending) resolve(true);
  await Promise.all(calls);
});

test("P9: what dies, is cleared or outlives a lowered limit while it is validated goes at once; its answer is dropped", async () => {
  const factory = new Factory();
  const pending: Deferred<boolean>[] = [];
  const signals: AbortSignal[] = [];
  const { create, destroy } = factory;
  const pool = new Pool<Thing>({
    create,
    destroy,
    validate: (_, { signal }) => {
      signals.push(signal);
      const next = deferred<boolean>();
      pending.push(next);
      return next.promise;
    },
    maxPerKey: 2,
    ...forEver,
  });
  await pool.warm("a", 2);
  await vi.advanceTimersByTimeAsync(1_000);
  const calls = [pool.acquire("a"), pool.acquire("a")];
  await microtasks();
  factory.died[1]?.();
  const cleared = pool.clear("a");
  expect(await factory.ends()).toEqual(["1: died", "0: cleared"]);
  expect(signals.map(({ aborted }) => aborted)).toEqual([true, true]);
  for (const { reject } of pending) reject(new Error("late"));
  for (const lease of await Promise.all(calls)) lease.release();
  await cleared;
  expect(pool.stats()).toMatchObject({ idle: 2, destroyed: { died: 1, cleared: 1, invalid: 0 } });

  await vi.advanceTimersByTimeAsync(1_000);
  const last = pool.acquire("a");
  await microtasks();
  pool.resize({ maxPerKey: 1 });
  await microtasks();
  expect(pool.stats()).toMatchObject({ destroyed: { resized: 1 }, leased: 1, idle: 0 });
  pending[2]?.resolve(true);
  (await last).release();
  expect(pool.stats()).toMatchObject({ idle: 1 });
});

test("P7: a resource that is good but one too many meanwhile goes", async () => {
  const { create } = new Factory();
  const pending: Deferred<boolean>[] = [];
  const pool = new Pool<Thing>({
    create,
    validate: () => {
      const next = deferred<boolean>();
      pending.push(next);
      return next.promise;
    },
    maxPerKey: 2,
    ...forEver,
  });
  const held = await pool.acquire("a");
  (await pool.acquire("a")).release();
  await vi.advanceTimersByTimeAsync(1_000);
  const call = pool.acquire("a");
  await microtasks();
  pool.resize({ maxPerKey: 1 });
  pending[0]?.resolve(true);
  await microtasks();
  expect(pool.stats()).toMatchObject({ destroyed: { resized: 1 }, waiting: 1 });
  held.release();
  await microtasks();
  pending[1]?.resolve(true);
  (await call).release();
});

test("P8: rounds in the background validate what rests, one at a time, and replace none that is good", async () => {
  const factory = new Factory();
  const { create, destroy } = factory;
  const pending: [number, Deferred<boolean>][] = [];
  const pool = new Pool<Thing>({
    create,
    destroy,
    validate: ({ id }) => {
      const next = deferred<boolean>();
      pending.push([id, next]);
      return next.promise;
    },
    maintenanceMs: 10_000,
    validateTimeoutMs: 60_000,
  });
  await pool.warm("a", 3);
  await vi.advanceTimersByTimeAsync(10_000);
  expect(pending.map(([id]) => id)).toEqual([0]);
  expect(phases(pool)).toMatchObject({ idle: 2, leased: 1 });
  pending[0]?.[1].resolve(true);
  await microtasks();
  // One that is lent meanwhile is left out, and another round does not begin a second row.
  const lease = follow(pool.acquire("a"));
  await microtasks();
  expect(pending.map(([id]) => id)).toEqual([0, 1]);
  expect(await lease(), "the one that was just validated").toMatchObject({
    value: { resource: { id: 0 }, idleMs: 10_000 },
  });
  await vi.advanceTimersByTimeAsync(10_000);
  expect(pending.map(([id]) => id)).toEqual([0, 1]);
  pending[1]?.[1].resolve(false);
  await microtasks();
  expect(pending.map(([id]) => id)).toEqual([0, 1, 2]);
  pending[2]?.[1].resolve(true);
  await microtasks();
  expect(await factory.ends()).toEqual(["1: invalid"]);
  expect(phases(pool)).toMatchObject({ idle: 1, leased: 1 });
});

test("P9: what dies while a round in the background validates it goes at once, and the round goes on", async () => {
  const factory = new Factory();
  const { create, destroy } = factory;
  const asked: number[] = [];
  const pool = new Pool<Thing>({
    create,
    destroy,
    validate: ({ id }) => {
      asked.push(id);
      return deferred<boolean>().promise;
    },
    maintenanceMs: 10_000,
    validateTimeoutMs: 60_000,
  });
  await pool.warm("a", 2);
  await vi.advanceTimersByTimeAsync(10_000);
  expect(asked).toEqual([0]);
  factory.died[0]?.();
  expect(await factory.ends()).toEqual(["0: died"]);
  expect(asked).toEqual([0, 1]);
});

test("P8: a round in the background leaves out what is lent before its turn comes", async () => {
  const { create } = new Factory();
  const pending: [number, Deferred<boolean>][] = [];
  const pool = new Pool<Thing>({
    create,
    validate: ({ id }) => {
      const next = deferred<boolean>();
      pending.push([id, next]);
      return next.promise;
    },
    maintenanceMs: 10_000,
  });
  await pool.warm("a", 3);
  await vi.advanceTimersByTimeAsync(10_000);
  // The first of two counts on the one that is being validated, the second has another one asked about.
  const calls = [pool.acquire("a"), pool.acquire("a")];
  await microtasks();
  expect(pending.map(([id]) => id)).toEqual([0, 2]);
  pending[0]?.[1].resolve(true);
  await microtasks();
  expect(pending.map(([id]) => id)).toEqual([0, 2, 1]);
  pending[1]?.[1].resolve(true);
  pending[2]?.[1].resolve(true);
  for (const lease of await Promise.all(calls)) lease.release();
  await vi.advanceTimersByTimeAsync(0);

  // And what has gone altogether.
  await vi.advanceTimersByTimeAsync(10_000);
  expect(pending).toHaveLength(4);
  const held = pool.acquire("a");
  const other = pool.acquire("a");
  const third = pool.acquire("a");
  await microtasks();
  for (const [, { resolve }] of pending) resolve(true);
  for (const lease of await Promise.all([held, other, third])) lease.release();
  expect(pending).toHaveLength(6);
});
