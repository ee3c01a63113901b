import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { Pool, type PoolEvent } from "../src/index.js";
import { Factory, microtasks, phases, type Thing } from "./fixtures.js";

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  vi.restoreAllMocks();
  vi.useRealTimers();
});

const off = Number.POSITIVE_INFINITY;

test("P8: what has lived or rested too long is not lent, rounds or no rounds", async () => {
  const factory = new Factory();
  const { create, destroy } = factory;
  const pool = new Pool({
    create,
    destroy,
    maxLifetimeMs: 1_000,
    lifetimeJitter: 0,
    maxIdleMs: 400,
    maintenanceMs: off,
  });
  (await pool.acquire("a")).release();
  await vi.advanceTimersByTimeAsync(399);
  (await pool.acquire("a")).release();
  await vi.advanceTimersByTimeAsync(400);
  expect((await pool.acquire("a")).resource.id, "rested too long").toBe(1);
  const lease = await pool.acquire("b");
  await vi.advanceTimersByTimeAsync(999);
  lease.release();
  await vi.advanceTimersByTimeAsync(1);
  expect((await pool.acquire("b")).resource.id, "lived too long").toBe(3);
  expect(await factory.ends()).toEqual(["0: idle", "2: lifetime"]);
});

test("P8: what has lived too long while it was lent is destroyed on release, and does not serve who waits", async () => {
  const factory = new Factory();
  const { create, destroy } = factory;
  const pool = new Pool({ create, destroy, maxLifetimeMs: 1_000, lifetimeJitter: 0, maxPerKey: 1 });
  const lease = await pool.acquire("a");
  const next = pool.acquire("a");
  await vi.advanceTimersByTimeAsync(1_000);
  lease.release();
  expect((await next).resource.id).toBe(1);
  expect(await factory.ends()).toEqual(["0: lifetime"]);
});

test("P8: each lifetime is shortened by up to the jitter, fixed when the resource is made", async () => {
  const { create } = new Factory();
  const pool = new Pool({ create, maxLifetimeMs: 1_000, lifetimeJitter: 0.5, maxPerKey: 2, maintenanceMs: 10 });
  const random = vi.spyOn(Math, "random").mockReturnValueOnce(0).mockReturnValueOnce(0.999);
  await pool.warm("a", 2);
  await vi.advanceTimersByTimeAsync(500);
  expect(phases(pool)).toMatchObject({ idle: 2 });
  await vi.advanceTimersByTimeAsync(10);
  expect(phases(pool)).toMatchObject({ idle: 1 });
  await vi.advanceTimersByTimeAsync(490);
  expect(phases(pool)).toMatchObject({ idle: 0 });
  expect(random).toHaveBeenCalledTimes(2);
});

test("P8: a resource is destroyed after its last use", async () => {
  const factory = new Factory();
  const { create, destroy } = factory;
  const pool = new Pool({ create, destroy, maxUses: 2 });
  (await pool.acquire("a")).release();
  const lease = await pool.acquire("a");
  expect(lease.uses).toBe(2);
  lease.release();
  expect(await factory.ends()).toEqual(["0: uses"]);
  expect(pool.stats()).toMatchObject({ total: 0 });
});

test("P8: rounds in the background destroy what is too old, keep the rest, and end with the last", async () => {
  const factory = new Factory();
  const { create, destroy } = factory;
  const pool = new Pool({ create, destroy, maxIdleMs: 60_000, maintenanceMs: 30_000 });
  const leases = [await pool.acquire("a"), await pool.acquire("a")];
  leases[0]?.release();
  await vi.advanceTimersByTimeAsync(29_000);
  leases[1]?.release();
  await vi.advanceTimersByTimeAsync(31_000);
  expect(await factory.ends()).toEqual(["0: idle"]);
  await vi.advanceTimersByTimeAsync(30_000);
  expect(await factory.ends()).toEqual(["0: idle", "1: idle"]);
  expect(pool.keys()).toEqual([]);
  expect(vi.getTimerCount()).toBe(0);
});

test("the last one given back is lent first, so that a surplus can age", async () => {
  const { create } = new Factory();
  const pool = new Pool({ create });
  const leases = [await pool.acquire("a"), await pool.acquire("a"), await pool.acquire("a")];
  leases[2]?.release();
  leases[0]?.release();
  leases[1]?.release();
  expect((await pool.acquire("a")).resource.id).toBe(1);
  expect((await pool.acquire("a")).resource.id).toBe(0);
  expect((await pool.acquire("a")).resource.id).toBe(2);
});

test("more than may rest are destroyed as surplus", async () => {
  const factory = new Factory();
  const { create, destroy } = factory;
  const pool = new Pool({ create, destroy, maxIdlePerKey: 1 });
  const leases = [await pool.acquire("a"), await pool.acquire("a"), await pool.acquire("b")];
  for (const lease of leases) lease.release();
  expect(await factory.ends()).toEqual(["1: surplus"]);
  expect(phases(pool)).toMatchObject({ idle: 2 });
});

test("with room for none to rest, resources are still handed from one to the next", async () => {
  const factory = new Factory();
  const { create, destroy } = factory;
  const pool = new Pool({ create, destroy, maxIdlePerKey: 0, maxPerKey: 1 });
  const first = await pool.acquire("a");
  const second = pool.acquire("a");
  first.release();
  const lease = await second;
  expect(lease.resource.id).toBe(0);
  lease.release();
  expect(await factory.ends()).toEqual(["0: surplus"]);
});

test("P9: died removes an idle resource at once and exactly once", async () => {
  const factory = new Factory();
  const { create, destroy } = factory;
  const pool = new Pool({ create, destroy });
  (await pool.acquire("a")).release();
  factory.died[0]?.();
  factory.died[0]?.(new Error("again"));
  expect(await factory.ends()).toEqual(["0: died"]);
  expect(pool.keys()).toEqual([]);
});

test("P9: a leased resource that dies aborts lease.signal with the cause, and is destroyed on release", async () => {
  const factory = new Factory();
  const { create, destroy } = factory;
  const pool = new Pool({ create, destroy, maxPerKey: 1 });
  const lease = await pool.acquire("a");
  const { signal } = lease;
  expect(signal.aborted).toBe(false);
  const next = pool.acquire("a");
  const cause = new Error("connection lost");
  factory.died[0]?.(cause);
  factory.died[0]?.(new Error("again"));
  await microtasks();
  expect(signal.reason).toBe(cause);
  expect(lease.signal).toBe(signal);
  expect(await factory.ends()).toEqual([]);
  lease.release();
  expect(await factory.ends()).toEqual(["0: died"]);
  expect((await next).resource.id).toBe(1);
});

test("P9: a signal that is first asked for after the death is aborted already; without a cause it says what happened", async () => {
  const factory = new Factory();
  const pool = new Pool({ create: factory.create });
  const lease = await pool.acquire("a");
  factory.died[0]?.();
  expect(lease.signal.aborted).toBe(true);
  expect(String(lease.signal.reason)).toContain('the resource of "a" died');
});

test("P9: a lease that has ended hears no more of its resource", async () => {
  const factory = new Factory();
  const pool = new Pool({ create: factory.create });
  const first = await pool.acquire("a");
  const { signal } = first;
  first.release();
  const second = await pool.acquire("a");
  factory.died[0]?.(new Error("gone"));
  expect(signal.aborted).toBe(false);
  expect(second.signal.aborted).toBe(true);
  second.release();
  expect(second.signal.aborted).toBe(true);
  expect((await pool.acquire("a")).signal.aborted).toBe(false);
  expect(first.signal).toBe(signal);
  const third = await pool.acquire("a");
  third.release();
  expect(third.signal.aborted, "asked for too late to be told anything").toBe(false);
});

test("a lease says how old its resource is, how long it had rested and how often it was lent", async () => {
  const { create } = new Factory();
  const pool = new Pool({ create });
  const first = await pool.acquire("a");
  await vi.advanceTimersByTimeAsync(300);
  expect(first).toMatchObject({ key: "a", ageMs: 300, idleMs: 0, uses: 1 });
  first.release();
  await vi.advanceTimersByTimeAsync(200);
  const second = await pool.acquire("a");
  await vi.advanceTimersByTimeAsync(100);
  expect(second).toMatchObject({ key: "a", ageMs: 600, idleMs: 200, uses: 2 });
});

test("P17: a lease held too long is reported once, with the stack that took it, and its late return too", async () => {
  const events: PoolEvent[] = [];
  const { create } = new Factory();
  const pool = new Pool<Thing>({
    create,
    leakThresholdMs: 1_000,
    maxPerKey: 1,
    onEvent: (event) => events.push(event),
  });
  const take = async function borrowsAndForgets() {
    return await pool.acquire("a");
  };
  const lease = await take();
  const next = pool.acquire("a");
  await vi.advanceTimersByTimeAsync(5_000);
  const leaks = () => events.filter(({ type }) => type === "leaked" || type === "unleaked");
  expect(leaks()).toMatchObject([{ type: "leaked", key: "a", heldMs: 1_000 }]);
  expect(leaks()[0]).toHaveProperty("stack", expect.stringContaining("borrowsAndForgets"));
  lease.release();
  await microtasks();
  expect(leaks()).toMatchObject([{ type: "leaked" }, { type: "unleaked", key: "a", heldMs: 5_000 }]);
  (await next).release();
  await vi.advanceTimersByTimeAsync(5_000);
  expect(leaks()).toHaveLength(2);
});

test("P17: without a threshold no stack is taken and no timer is set", async () => {
  const { create } = new Factory();
  const pool = new Pool<Thing>({ create });
  const lease = await pool.acquire("a");
  await microtasks();
  expect(vi.getTimerCount()).toBe(0);
  lease.release();
});
