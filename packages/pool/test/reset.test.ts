import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { Pool, type PoolEvent } from "../src/index.js";
import { type Deferred, deferred, Factory, follow, microtasks, phases, type Thing } from "./fixtures.js";

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
});

/** A pool whose resets the test settles, one by one. */
function resetByHand(more: object = {}) {
  const factory = new Factory();
  const resets: (Deferred<void> & { readonly id: number; readonly key: string; readonly signal: AbortSignal })[] = [];
  const events: PoolEvent[] = [];
  const pool = new Pool<Thing>({
    create: factory.create,
    destroy: factory.destroy,
    reset: ({ id }, { key, signal }) => {
      const next = { ...deferred(), id, key, signal };
      resets.push(next);
      return next.promise;
    },
    onEvent: (event) => events.push(event),
    ...more,
  });
  return { factory, pool, resets, events };
}

test("P21: reset runs after the release and before the next lease; the releaser does not wait, the next caller does", async () => {
  const { pool, resets } = resetByHand({ maxPerKey: 2 });
  const lease = await pool.acquire("a");
  await microtasks();
  expect(resets, "a new resource is not reset").toEqual([]);
  lease.release();
  expect(phases(pool)).toMatchObject({ idle: 0, leased: 1 });
  const next = follow(pool.acquire("a"));
  await microtasks();
  expect(resets).toMatchObject([{ id: 0, key: "a" }]);
  expect(await next()).toBe("pending");
  expect(pool.stats(), "the waiter counts on it").toMatchObject({ creating: 0, total: 1 });
  resets[0]?.resolve();
  expect(await next()).toMatchObject({ value: { resource: { id: 0 }, uses: 2 } });
  expect(resets).toHaveLength(1);
});

test("P21: where nobody waits the resource is idle once it is reset", async () => {
  const { pool, resets } = resetByHand();
  (await pool.acquire("a")).release();
  await vi.advanceTimersByTimeAsync(100);
  resets[0]?.resolve();
  await microtasks();
  await vi.advanceTimersByTimeAsync(50);
  expect(phases(pool)).toMatchObject({ idle: 1, leased: 0 });
  expect((await pool.acquire("a")).idleMs).toBe(50);
});

test("P21: a reset that throws, rejects or hangs destroys the resource, and neither the releaser nor the next caller sees it", async () => {
  const failures = [
    () => {
      throw new Error("cannot roll back");
    },
    () => Promise.reject(new Error("cannot roll back")),
    () => new Promise<void>(() => {}),
  ];
  for (const reset of failures) {
    const { factory, pool, events } = resetByHand({ reset, maxPerKey: 1, resetTimeoutMs: 60 });
    (await pool.acquire("a")).release();
    const next = pool.acquire("a");
    await vi.advanceTimersByTimeAsync(60);
    expect((await next).resource.id).toBe(1);
    expect(await factory.ends()).toEqual(["0: invalid"]);
    expect(events.filter(({ type }) => type === "resetFailed")).toHaveLength(1);
  }
});

test("P21: a reset that takes too long sees its signal abort, and its late end changes nothing", async () => {
  const { factory, pool, resets } = resetByHand({ resetTimeoutMs: 60 });
  (await pool.acquire("a")).release();
  await vi.advanceTimersByTimeAsync(60);
  expect(resets[0]?.signal.reason).toMatchObject({ message: "Pool: reset took longer than 60 ms" });
  resets[0]?.resolve();
  expect(await factory.ends()).toEqual(["0: invalid"]);
  expect(pool.keys()).toEqual([]);
});

test("P21: a shared resource is reset after its last lease, and lends no place meanwhile", async () => {
  const { pool, resets } = resetByHand({ maxLeasesPerResource: 2 });
  const leases = [await pool.acquire("a"), await pool.acquire("a")];
  leases[0]?.release();
  await microtasks();
  expect(resets).toHaveLength(0);
  leases[1]?.release();
  const next = follow(pool.acquire("a"));
  expect(await next()).toBe("pending");
  expect(resets).toHaveLength(1);
  resets[0]?.resolve();
  expect(await next()).toMatchObject({ value: { resource: { id: 0 } } });
});

test("P21: what is to go is not reset; what dies, is cleared or closed while it is reset goes at once", async () => {
  const { factory, pool, resets } = resetByHand({ maxUses: 2, maxPerKey: 9 });
  const leases = [await pool.acquire("a"), await pool.acquire("a"), await pool.acquire("b"), await pool.acquire("c")];
  await leases[0]?.destroy();
  expect(resets).toHaveLength(0);
  for (const lease of leases.slice(1)) lease.release();
  await microtasks();
  factory.died[1]?.();
  const cleared = pool.clear("b");
  await cleared;
  expect(resets.map(({ signal }) => signal.aborted)).toEqual([true, true, false]);
  await pool.close();
  expect(resets[2]?.signal.aborted).toBe(true);
  expect(await factory.ends()).toEqual(["0: discarded", "1: died", "2: cleared", "3: closed"]);
  for (const { reject } of resets) reject(new Error("late"));
  await microtasks();
  expect(vi.getTimerCount()).toBe(0);
});

test("P21: a resource that was one too many when its reset ended goes, and another key's older waiter comes first", async () => {
  const down = resetByHand({ maxPerKey: 2 });
  const two = [await down.pool.acquire("a"), await down.pool.acquire("a")];
  two[0]?.release();
  down.pool.resize({ maxPerKey: 1 });
  down.resets[0]?.resolve();
  await microtasks();
  down.resets[0]?.resolve();
  expect(await down.factory.ends()).toEqual(["0: resized"]);

  const { factory, pool, resets } = resetByHand({ maxTotal: 1 });
  const held = await pool.acquire("a");
  const b = follow(pool.acquire("b"));
  const a = follow(pool.acquire("a"));
  held.release();
  await microtasks();
  resets[0]?.resolve();
  expect(await b()).toMatchObject({ value: { key: "b" } });
  expect(await a()).toBe("pending");
  expect(await factory.ends()).toEqual(["0: evicted"]);
});

test("P21: a reset that is given up before it began is not called", async () => {
  const { factory, pool, resets } = resetByHand();
  const lease = await pool.acquire("a");
  lease.release();
  await pool.clear("a");
  expect(resets).toEqual([]);
  expect(await factory.ends()).toEqual(["0: cleared"]);
});
