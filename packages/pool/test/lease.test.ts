import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { type Lease, Pool, PoolLeaseReleasedError } from "../src/index.js";
import { deferred, Factory, follow, microtasks, phases, type Thing } from "./fixtures.js";

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
});

test("P12: release and destroy act once, and a stale lease cannot touch the next holder's", async () => {
  const factory = new Factory();
  const { create, destroy } = factory;
  const pool = new Pool({ create, destroy, maxPerKey: 1 });
  const stale = await pool.acquire("a");
  stale.release();
  const lease = await pool.acquire("a");
  stale.release();
  await stale.destroy();
  expect(await factory.ends()).toEqual([]);
  expect(phases(pool)).toMatchObject({ leased: 1, idle: 0 });
  expect(() => stale.resource).toThrow(PoolLeaseReleasedError);
  expect(() => stale.resource).toThrow('the lease for "a" was released');
  expect(lease.resource.id).toBe(0);
  await lease.destroy();
  await lease.destroy();
  lease.release();
  expect(await factory.ends()).toEqual(["0: discarded"]);
  expect(pool.stats()).toMatchObject({ acquired: 2, released: 2, leases: 0, total: 0 });
});

test("a lease counts its own use, though whoever hears of it lends the resource again at once", async () => {
  const { create } = new Factory();
  const inner: Promise<Lease<Thing>>[] = [];
  const pool = new Pool({
    create,
    maxLeasesPerResource: 2,
    onEvent: ({ type }) => {
      if (type === "acquired" && pool.stats().leases === 1 && inner.length < 1) inner.push(pool.acquire("a"));
    },
  });
  await pool.warm("a");
  const lease = await pool.acquire("a");
  expect(lease.uses).toBe(1);
  expect((await inner[0])?.uses).toBe(2);
});

test("P12: a using block gives the lease back however it ends", async () => {
  const { create } = new Factory();
  const pool = new Pool({ create });
  await expect(
    (async () => {
      using lease = await pool.acquire("a");
      expect(lease.resource.id).toBe(0);
      throw new Error("on the way");
    })(),
  ).rejects.toThrow("on the way");
  expect(phases(pool)).toMatchObject({ idle: 1, leased: 0 });
});

test("P12: use gives back what the task returns or throws, and settles the lease on a synchronous throw too", async () => {
  const { create } = new Factory();
  const pool = new Pool({ create });
  expect(await pool.use("a", ({ id }, lease) => [id, lease.uses])).toEqual([0, 1]);
  const failure = new Error("the task's own");
  const fails = [
    () => {
      throw failure;
    },
    () => Promise.reject(failure),
  ];
  for (const fail of fails) await expect(pool.use("a", fail)).rejects.toBe(failure);
  expect(phases(pool)).toMatchObject({ idle: 1, leased: 0 });
  await pool.use("a", (_, lease) => lease.destroy());
  expect(phases(pool)).toMatchObject({ idle: 0, leased: 0 });
  await expect(pool.use("a", () => {}, { signal: AbortSignal.abort(failure) })).rejects.toBe(failure);
});

test("lease.destroy resolves when the resource is destroyed", async () => {
  const ending = deferred();
  const { create } = new Factory();
  const pool = new Pool<Thing>({ create, destroy: () => ending.promise });
  const destroyed = follow((await pool.acquire("a")).destroy());
  expect(await destroyed()).toBe("pending");
  ending.resolve();
  expect(await destroyed()).toEqual({ value: undefined });
});

describe("shared resources", () => {
  const sharing = (factory: Factory, leases: number, more = {}) =>
    new Pool<Thing>({ create: factory.create, destroy: factory.destroy, maxLeasesPerResource: leases, ...more });

  test("P13: n first calls at once start one resource, the n+1st a second", async () => {
    const factory = new Factory();
    const pool = sharing(factory, 3);
    const first = Array.from({ length: 3 }, () => pool.acquire("a"));
    expect(pool.stats()).toMatchObject({ creating: 1 });
    const fourth = pool.acquire("a");
    expect(pool.stats()).toMatchObject({ creating: 2 });
    const ids = (await Promise.all([...first, fourth])).map(({ resource }) => resource.id);
    expect(ids).toEqual([0, 0, 0, 1]);
    expect(pool.stats()).toMatchObject({ leased: 2, leases: 4, idle: 0 });
  });

  test("P13: a new lease goes to the least loaded, and another resource is made only when all are full", async () => {
    const factory = new Factory();
    const pool = sharing(factory, 3);
    const leases: Lease<Thing>[] = [];
    for (let call = 0; call < 6; call += 1) leases.push(await pool.acquire("a"));
    expect(leases.map(({ resource }) => resource.id)).toEqual([0, 0, 0, 1, 1, 1]);
    leases[0]?.release();
    leases[3]?.release();
    leases[4]?.release();
    const next = [await pool.acquire("a"), await pool.acquire("a"), await pool.acquire("a")];
    expect(next[0]?.resource.id).toBe(1);
    expect(next.map(({ resource }) => resource.id).sort()).toEqual([0, 1, 1]);
    expect(factory.made).toHaveLength(2);
    await pool.acquire("a");
    expect(factory.made).toHaveLength(3);
  });

  test("P13: one that rests is less loaded than one that is shared already", async () => {
    const pool = sharing(new Factory(), 2);
    const leases = [await pool.acquire("a"), await pool.acquire("a"), await pool.acquire("a")];
    leases[0]?.release();
    leases[2]?.release();
    expect((await pool.acquire("a")).resource.id).toBe(1);
  });

  test("P13: without a limit one resource serves all", async () => {
    const factory = new Factory();
    const pool = sharing(factory, Number.POSITIVE_INFINITY);
    const leases = await Promise.all(Array.from({ length: 100 }, () => pool.acquire("a")));
    expect(factory.made).toHaveLength(1);
    for (const lease of leases) lease.release();
    expect(pool.stats()).toMatchObject({ idle: 1, leases: 0 });
  });

  test("P13: an old, used up, cleared or surplus resource lets in no new lease and waits for the last one", async () => {
    const factory = new Factory();
    const pool = sharing(factory, 2, { maxLifetimeMs: 1_000, lifetimeJitter: 0, maxUses: 3 });
    const old = await pool.acquire("a");
    await vi.advanceTimersByTimeAsync(1_000);
    const young = await pool.acquire("a");
    expect([old.resource.id, young.resource.id]).toEqual([0, 1]);
    expect(await factory.ends()).toEqual([]);
    old.release();
    expect(await factory.ends()).toEqual(["0: lifetime"]);

    young.release();
    const uses = [await pool.acquire("a"), await pool.acquire("a"), await pool.acquire("a")];
    expect(uses.map(({ resource }) => resource.id)).toEqual([1, 1, 2]);
    uses[0]?.release();
    expect(await factory.ends()).toEqual(["0: lifetime"]);
    uses[1]?.release();
    expect(await factory.ends()).toEqual(["0: lifetime", "1: uses"]);

    void pool.clear("a");
    const fresh = await pool.acquire("a");
    expect(fresh.resource.id).toBe(3);
    uses[2]?.release();
    expect((await factory.ends()).at(-1)).toBe("2: cleared");
  });

  test("P13: lowered limits drain the least loaded", async () => {
    const factory = new Factory();
    const pool = sharing(factory, 2);
    const leases: Lease<Thing>[] = [];
    for (let call = 0; call < 4; call += 1) leases.push(await pool.acquire("a"));
    leases[2]?.release();
    pool.resize({ maxPerKey: 1 });
    const next = follow(pool.acquire("a"));
    expect(await next()).toBe("pending");
    leases[0]?.release();
    expect(await next()).toMatchObject({ value: { resource: { id: 0 } } });
    leases[3]?.release();
    expect(await factory.ends()).toEqual(["1: resized"]);
  });

  test("P13: a lowered total drains too, but leaves each key the one it uses", async () => {
    const factory = new Factory();
    const pool = sharing(factory, 2, { maxTotal: 3 });
    const leases = [await pool.acquire("a"), await pool.acquire("a"), await pool.acquire("a"), await pool.acquire("b")];
    pool.resize({ maxTotal: 1 });
    const more = [await pool.acquire("b"), follow(pool.acquire("a"))] as const;
    expect(more[0].resource.id).toBe(2);
    expect(await more[1]()).toBe("pending");
    leases[0]?.release();
    expect(await more[1]()).toMatchObject({ value: { resource: { id: 0 } } });
    for (const lease of [...leases, more[0]]) lease.release();
    expect(await factory.ends()).toEqual(["1: resized", "2: resized"]);
  });

  test("P13: death aborts every lease's signal, and the last release ends the resource", async () => {
    const factory = new Factory();
    const pool = sharing(factory, 3);
    const leases = [await pool.acquire("a"), await pool.acquire("a"), await pool.acquire("a")];
    const signals = leases.slice(0, 2).map(({ signal }) => signal);
    const cause = new Error("gone");
    factory.died[0]?.(cause);
    await microtasks();
    expect(signals.map(({ reason }) => reason)).toEqual([cause, cause]);
    expect(leases[2]?.signal.reason).toBe(cause);
    leases[0]?.release();
    leases[1]?.release();
    expect(await factory.ends()).toEqual([]);
    leases[2]?.release();
    expect(await factory.ends()).toEqual(["0: died"]);
  });

  test("P13: lease.destroy aborts the other leases, and resolves when the last of them has ended it", async () => {
    const factory = new Factory();
    const pool = sharing(factory, 3);
    const leases = [await pool.acquire("a"), await pool.acquire("a"), await pool.acquire("a")] as const;
    const signals = leases.map(({ signal }) => signal);
    const cause = new Error("protocol broken");
    const destroyed = follow(leases[0].destroy(cause));
    await microtasks();
    expect(signals.map(({ aborted }) => aborted)).toEqual([false, true, true]);
    expect(signals[1]?.reason).toBe(cause);
    expect((await pool.acquire("a")).resource.id).toBe(1);
    const again = follow(leases[1].destroy());
    expect(await destroyed()).toBe("pending");
    leases[2].release();
    expect(await destroyed()).toEqual({ value: undefined });
    expect(await again()).toEqual({ value: undefined });
    expect(await factory.ends()).toEqual(["0: discarded"]);
  });

  test("P13: without a cause the others' signals say what happened", async () => {
    const pool = sharing(new Factory(), 2);
    const leases = [await pool.acquire("a"), await pool.acquire("a")];
    void leases[0]?.destroy();
    expect(String(leases[1]?.signal.reason)).toContain('another lease destroyed the resource of "a"');
  });

  test("P5: a failed creation takes the places of all who counted on it, and they get another", async () => {
    let refuses = true;
    const factory = new Factory();
    const pool = new Pool<Thing>({
      create: (key, context) => (refuses ? Promise.reject(new Error("refused")) : factory.create(key, context)),
      maxLeasesPerResource: 2,
    });
    const calls = Array.from({ length: 5 }, () => follow(pool.acquire("a")));
    await microtasks();
    refuses = false;
    await vi.advanceTimersByTimeAsync(10);
    const outcomes = await Promise.all(calls.map((call) => call()));
    expect(outcomes.filter((result) => result !== "pending" && "error" in result)).toHaveLength(3);
    expect(outcomes.filter((result) => result !== "pending" && "value" in result)).toHaveLength(2);
    expect(factory.made).toHaveLength(1);
  });
});
