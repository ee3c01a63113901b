import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { Pool } from "../src/index.js";
import { type Deferred, deferred, Factory, follow, microtasks, phases, type Thing } from "./fixtures.js";

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
});

function byHand() {
  const creations: (Deferred<string> & { readonly signal: AbortSignal })[] = [];
  const ends: string[] = [];
  return {
    creations,
    ends,
    create: (_: string, { signal }: { signal: AbortSignal }) => {
      const next = { ...deferred<string>(), signal };
      creations.push(next);
      return next.promise;
    },
    destroy: (value: string, { reason }: { reason: string }) => {
      ends.push(`${value}: ${reason}`);
    },
  };
}

test("P14: clear ends a generation: idle now, leased on return, arriving on arrival; who waits gets a new one", async () => {
  const { create, destroy, creations, ends } = byHand();
  const pool = new Pool({ create, destroy });
  const calls = [pool.acquire("a"), pool.acquire("a")];
  await microtasks();
  creations[0]?.resolve("idle");
  creations[1]?.resolve("leased");
  const [idle, leased] = await Promise.all(calls);
  const waiting = follow(pool.acquire("a"));
  await microtasks();
  idle?.release();
  expect((await waiting()) !== "pending").toBe(true);
  const late = follow(pool.acquire("a"));
  await microtasks();

  const cleared = follow(pool.clear("a"));
  await microtasks();
  expect(creations.map(({ signal }) => signal.aborted)).toEqual([false, false, true, false]);
  creations[3]?.resolve("new");
  expect(await late()).toMatchObject({ value: { resource: "new" } });
  creations[2]?.resolve("spare");
  await microtasks();
  expect(ends).toEqual(["spare: cleared"]);
  expect(await cleared()).toBe("pending");
  leased?.release();
  const second = await waiting();
  if (second !== "pending" && "value" in second) second.value.release();
  expect(await cleared()).toEqual({ value: undefined });
  expect(ends).toEqual(["spare: cleared", "leased: cleared", "idle: cleared"]);
  expect(pool.stats()).toMatchObject({ leased: 1, createFailures: 0, destroyed: { cleared: 3 } });
});

test("P14: clear ends idle resources at once, and those of all keys where none is named", async () => {
  const factory = new Factory();
  const { create, destroy } = factory;
  const pool = new Pool({ create, destroy });
  for (const key of ["a", "b", "c"]) (await pool.acquire(key)).release();
  const cleared = pool.clear("b");
  expect(await factory.ends()).toEqual(["1: cleared"]);
  await cleared;
  await pool.clear("nobody");
  await pool.clear();
  expect(await factory.ends()).toEqual(["1: cleared", "0: cleared", "2: cleared"]);
  expect(pool.keys()).toEqual([]);
});

test("P14: thousands are cleared and closed at once, whatever is called back meanwhile", {
  timeout: 60_000,
}, async () => {
  let destroyed = 0;
  const pool: Pool<string> = new Pool<string>({
    create: async (key) => key,
    destroy: (key) => {
      destroyed += 1;
      if (destroyed <= 10_000) pool.acquire(key).catch(() => {});
    },
  });
  for (let index = 0; index < 10_000; index += 1) (await pool.acquire(`key ${index}`)).release();
  void pool.clear();
  await microtasks();
  expect(destroyed).toBe(10_000);
  expect(pool.stats(), "who asked for more was served").toMatchObject({ total: 10_000, acquired: 20_000 });
  await pool.close({ graceMs: 0 });
  expect(pool.stats()).toMatchObject({ total: 0, waiting: 0 });
});

test("P14: after the grace leases are aborted and destroyed; a second clear may be harder than the first", async () => {
  const factory = new Factory();
  const { create, destroy } = factory;
  const pool = new Pool({ create, destroy });
  const leases = [await pool.acquire("a"), await pool.acquire("a")];
  const signal = leases[0]?.signal;
  const gentle = follow(pool.clear("a"));
  const hard = follow(pool.clear("a", { graceMs: 100 }));
  await vi.advanceTimersByTimeAsync(99);
  expect(await factory.ends()).toEqual([]);
  await vi.advanceTimersByTimeAsync(1);
  expect(await gentle()).toEqual({ value: undefined });
  expect(await hard()).toEqual({ value: undefined });
  expect(await factory.ends()).toEqual(["0: cleared", "1: cleared"]);
  expect(String(signal?.reason)).toContain("cleared");
  expect(pool.stats()).toMatchObject({ leases: 0, total: 0, released: 0 });
  for (const lease of leases) lease.release();
  expect(pool.stats()).toMatchObject({ leases: 0, released: 2 });
  expect(await factory.ends()).toHaveLength(2);
});

test("P14: with a grace of 0 leases go at once", async () => {
  const factory = new Factory();
  const { create, destroy } = factory;
  const pool = new Pool({ create, destroy });
  const lease = await pool.acquire("a");
  await pool.clear("a", { graceMs: 0 });
  expect(await factory.ends()).toEqual(["0: cleared"]);
  expect(lease.signal.aborted).toBe(true);
});

test("P14: a key that is cleared keeps no minimum until it is used again", async () => {
  const factory = new Factory();
  const { create, destroy } = factory;
  const pool = new Pool({ create, destroy, minIdlePerKey: 2 });
  (await pool.acquire("a")).release();
  await microtasks();
  await pool.clear("a");
  expect(pool.keys()).toEqual([]);
  await vi.advanceTimersByTimeAsync(100_000);
  expect(pool.stats()).toMatchObject({ total: 0 });
  await pool.warm("a");
  expect(pool.stats()).toMatchObject({ idle: 2 });
});

test("P14: a creation that was cleared in the same tick never begins", async () => {
  const { create, creations } = byHand();
  const pool = new Pool({ create });
  const call = pool.acquire("a");
  const cleared = pool.clear("a");
  await cleared;
  expect(creations).toHaveLength(1);
  // A generation that has ended ends no second time.
  const twice = [pool.clear("a"), pool.clear("a")];
  creations[0]?.resolve("the first");
  await microtasks();
  creations[1]?.resolve("the second");
  expect((await call).resource).toBe("the second");
  await Promise.all(twice);
});

test("P14: resize down ends idle ones at once and leased ones on release; up serves those who wait", async () => {
  const factory = new Factory();
  const { create, destroy } = factory;
  const pool = new Pool({ create, destroy, maxPerKey: 4 });
  const leases = [await pool.acquire("a"), await pool.acquire("a"), await pool.acquire("a"), await pool.acquire("a")];
  leases[0]?.release();
  pool.resize({ maxPerKey: 2 });
  expect(await factory.ends()).toEqual(["0: resized"]);
  const waiting = follow(pool.acquire("a"));
  leases[2]?.release();
  expect(await factory.ends()).toEqual(["0: resized", "2: resized"]);
  expect(await waiting()).toBe("pending");
  pool.resize({ maxPerKey: 3 });
  expect(await waiting()).toMatchObject({ value: { resource: { id: 4 } } });
  pool.resize({ maxIdlePerKey: 1 });
  leases[1]?.release();
  leases[3]?.release();
  expect((await factory.ends()).at(-1)).toBe("3: surplus");
  pool.resize({ maxIdlePerKey: 0 });
  expect((await factory.ends()).at(-1)).toBe("1: resized");
});

test("P14: resize of the total does so over all keys, and what arrives above it goes", async () => {
  const { create, destroy, creations, ends } = byHand();
  const pool = new Pool({ create, destroy, maxTotal: 3 });
  const calls = ["a", "b", "c"].map((key) => follow(pool.acquire(key)));
  await microtasks();
  creations[0]?.resolve("a");
  expect(await calls[0]?.()).toMatchObject({ value: { key: "a" } });
  pool.resize({ maxTotal: 1 });
  creations[1]?.resolve("b");
  expect(await calls[1]?.()).toBe("pending");
  expect(ends).toEqual(["b: resized"]);
  pool.resize({ maxTotal: 9, minIdlePerKey: undefined });
  await microtasks();
  creations[2]?.resolve("c");
  creations[3]?.resolve("b again");
  expect(await calls[1]?.()).toMatchObject({ value: { resource: "b again" } });
  expect(await calls[2]?.()).toMatchObject({ value: { resource: "c" } });
  expect(pool.stats().max).toBe(9);
});

test("P16: close refuses who waits and who comes, ends idle ones, waits for leases, and is one promise", async () => {
  const factory = new Factory();
  const { create, destroy } = factory;
  const pool = new Pool({ create, destroy, maxPerKey: 2 });
  const lease = await pool.acquire("a");
  (await pool.acquire("a")).release();
  const other = await pool.acquire("a");
  const waiting = follow(pool.acquire("a"));
  other.release();
  const more = [follow(pool.acquire("a")), follow(pool.acquire("a"))];
  await microtasks();
  const closing = pool.close();
  expect(pool.close()).toBe(closing);
  expect(pool[Symbol.asyncDispose]()).toBe(closing);
  const closed = follow(closing);
  expect(await waiting()).toMatchObject({ value: { key: "a" } });
  for (const call of more)
    expect(await call()).toMatchObject({ error: { name: "PoolClosedError", code: "ERR_POOL_CLOSED" } });
  await expect(pool.acquire("a")).rejects.toMatchObject({ code: "ERR_POOL_CLOSED" });
  expect(await closed()).toBe("pending");
  lease.release();
  const held = await waiting();
  if (held !== "pending" && "value" in held) held.value.release();
  expect(await closed()).toEqual({ value: undefined });
  expect(await factory.ends()).toEqual(["0: closed", "1: closed"]);
  expect(pool.stats()).toMatchObject({ total: 0, rejected: 3 });
  await pool.close();
  await pool.clear();
  pool.resize({ maxPerKey: 20, minIdlePerKey: 1 });
  expect(vi.getTimerCount()).toBe(0);
});

test("P16: after the grace leases are aborted and destroyed; the shortest grace counts", async () => {
  const factory = new Factory();
  const { create, destroy } = factory;
  const pool = new Pool({ create, destroy });
  const lease = await pool.acquire("a");
  const closed = follow(pool.close());
  await vi.advanceTimersByTimeAsync(9_000);
  void pool.close({ graceMs: 60_000 });
  expect(lease.signal.aborted).toBe(false);
  await vi.advanceTimersByTimeAsync(1_000);
  expect(lease.signal.reason).toMatchObject({ code: "ERR_POOL_CLOSED" });
  expect(await factory.ends()).toEqual(["0: closed"]);
  expect(await closed()).toEqual({ value: undefined });
  lease.release();
  await lease.destroy();
  expect(await factory.ends()).toHaveLength(1);

  const impatient = new Pool({ create: factory.create });
  const held = await impatient.acquire("a");
  void impatient.close();
  await impatient.close({ graceMs: 0 });
  expect(held.signal.aborted).toBe(true);
});

test("P16: a creation that arrives late is destroyed before close resolves, one that fails is forgotten", async () => {
  const { create, destroy, creations, ends } = byHand();
  const pool = new Pool({ create, destroy });
  const calls = [follow(pool.acquire("a")), follow(pool.acquire("b"))];
  await microtasks();
  const closed = follow(pool.close());
  for (const call of calls) expect(await call()).toMatchObject({ error: { code: "ERR_POOL_CLOSED" } });
  expect(creations[0]?.signal.reason).toMatchObject({ code: "ERR_POOL_CLOSED" });
  creations[0]?.resolve("late");
  creations[1]?.reject(new Error("aborted"));
  expect(await closed()).toEqual({ value: undefined });
  expect(ends).toEqual(["late: closed"]);
  expect(pool.stats()).toMatchObject({ createFailures: 0 });
});

test("P16: a creation deaf to its signal holds up close until its own time is over, or the grace where it has none", async () => {
  for (const createTimeoutMs of [500, Number.POSITIVE_INFINITY]) {
    const { create, destroy, creations, ends } = byHand();
    const pool = new Pool({ create, destroy, createTimeoutMs });
    const call = follow(pool.acquire("a"));
    await microtasks();
    const closed = follow(pool.close({ graceMs: 1_000 }));
    expect(await call()).toMatchObject({ error: { code: "ERR_POOL_CLOSED" } });
    await vi.advanceTimersByTimeAsync(499);
    expect(await closed()).toBe("pending");
    await vi.advanceTimersByTimeAsync(501);
    expect(await closed()).toEqual({ value: undefined });
    creations[0]?.resolve("later still");
    await microtasks();
    expect(ends).toEqual(["later still: closed"]);
  }
});

test("P16: close waits for products that came after their time and are being destroyed", async () => {
  const { create, creations } = byHand();
  const ending = deferred();
  const pool = new Pool({ create, destroy: () => ending.promise, createTimeoutMs: 10 });
  const call = follow(pool.acquire("a"));
  await vi.advanceTimersByTimeAsync(10);
  expect(await call()).toMatchObject({ error: { code: "ERR_POOL_CREATE" } });
  creations[0]?.resolve("late");
  await microtasks();
  const closed = follow(pool.close());
  expect(await closed()).toBe("pending");
  ending.resolve();
  expect(await closed()).toEqual({ value: undefined });
});

test("P16: close waits for as long as it is told to", async () => {
  const { create } = new Factory();
  const pool = new Pool({ create });
  const lease = await pool.acquire("a");
  const closed = follow(pool.close({ graceMs: Number.POSITIVE_INFINITY }));
  await vi.advanceTimersByTimeAsync(2 ** 31);
  expect(await closed()).toBe("pending");
  lease.release();
  expect(await closed()).toEqual({ value: undefined });
});

test("P16: an await using block closes the pool", async () => {
  const factory = new Factory();
  const { create, destroy } = factory;
  {
    await using pool = new Pool<Thing>({ create, destroy });
    (await pool.acquire("a")).release();
    expect(phases(pool)).toMatchObject({ idle: 1 });
  }
  expect(await factory.ends()).toEqual(["0: closed"]);
});

test("P16: once close has resolved nothing more is told: no leak of a lease it took, no late release, no late product", async () => {
  const told: string[] = [];
  const { create, creations, ends, destroy } = byHand();
  const pool = new Pool({
    create,
    destroy,
    leakThresholdMs: 100,
    createTimeoutMs: 10,
    onEvent: ({ type }) => {
      told.push(type);
    },
  });
  const call = pool.acquire("a");
  await microtasks();
  creations[0]?.resolve("held");
  const lease = await call;
  const late = pool.acquire("b").catch(() => {});
  await vi.advanceTimersByTimeAsync(20);
  await late;
  await pool.close({ graceMs: 0 });
  const before = [...told];
  expect(before).toContain("destroyed");
  expect(vi.getTimerCount()).toBe(0);
  creations[1]?.resolve("late");
  await vi.advanceTimersByTimeAsync(1_000);
  lease.release();
  await microtasks();
  expect(told).toEqual(before);
  expect(ends).toEqual(["held: closed", "late: discarded"]);
});

test("P14: destroying a lease whose resource was taken by force resolves at once", async () => {
  const factory = new Factory();
  const { create, destroy } = factory;
  const pool = new Pool({ create, destroy });
  const lease = await pool.acquire("a");
  await pool.clear("a", { graceMs: 0 });
  await lease.destroy();
  expect(await factory.ends()).toEqual(["0: cleared"]);
  expect(pool.stats()).toMatchObject({ leases: 0, released: 1, total: 0 });
});

test("P14: a creation with a time limit of its own is not ended by the end of graceMs: what comes of it in time is destroyed", async () => {
  const arrival = deferred<string>();
  const creations = [arrival.promise, Promise.resolve("new")];
  const ends: string[] = [];
  const pool = new Pool({
    create: async () => (await creations.shift()) ?? "unexpected",
    destroy: (resource, { reason }) => void ends.push(`${resource}: ${reason}`),
    createTimeoutMs: 1_000,
  });
  const caller = follow(pool.acquire("a"));
  await microtasks();
  const cleared = follow(pool.clear("a", { graceMs: 0 }));
  await vi.advanceTimersByTimeAsync(500);
  expect(await cleared(), "it waits for what is on its way").toBe("pending");
  arrival.resolve("late");
  expect(await cleared()).toEqual({ value: undefined });
  expect(await caller()).toMatchObject({ value: { resource: "new" } });
  expect(ends).toEqual(["late: cleared"]);
});
