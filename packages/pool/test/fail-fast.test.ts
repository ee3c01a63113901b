import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { Pool } from "../src/index.js";
import { follow, microtasks } from "./fixtures.js";

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  vi.restoreAllMocks();
  vi.useRealTimers();
});

/** A pool whose other end can be up or down. */
function backend(options: object) {
  const state = { up: false, creations: 0, error: new Error("ECONNREFUSED") };
  const pool = new Pool<number>({
    create: async () => {
      state.creations += 1;
      if (!state.up) throw state.error;
      return state.creations;
    },
    ...options,
  });
  return { state, pool };
}

test("P22: after failFastAfter failures in a row with nothing alive, all who wait get the last error", async () => {
  const { pool, state } = backend({ maxPerKey: 2, failFastAfter: 4 });
  const calls = Array.from({ length: 100 }, () => follow(pool.acquire("a")));
  await vi.advanceTimersByTimeAsync(100);
  for (const call of calls) expect(await call()).toEqual({ error: state.error });
  expect(state.creations).toBeLessThanOrEqual(5);
  expect(pool.stats()).toMatchObject({ waiting: 0, total: 0 });
  const newcomer = follow(pool.acquire("a"));
  expect(await newcomer(), "creates at once").toEqual({ error: state.error });
  state.up = true;
  expect(await follow(pool.acquire("a"))()).toMatchObject({ value: { key: "a" } });
});

test("P22: while a resource is alive, those who wait go on waiting for it", async () => {
  const { pool, state } = backend({ maxPerKey: 2, failFastAfter: 1 });
  state.up = true;
  const held = await pool.acquire("a");
  state.up = false;
  const calls = [follow(pool.acquire("a")), follow(pool.acquire("a"))];
  expect(await calls[0]?.()).toEqual({ error: state.error });
  expect(await calls[1]?.()).toBe("pending");
  held.release();
  expect(await calls[1]?.()).toMatchObject({ value: { resource: 1 } });
});

test("P22: a success begins the count anew, and by default a failure reaches only the call it was for", async () => {
  const { pool, state } = backend({ maxPerKey: 1, failFastAfter: 2 });
  const first = [follow(pool.acquire("a")), follow(pool.acquire("a"))];
  await microtasks();
  state.up = true;
  await vi.advanceTimersByTimeAsync(10);
  const lease = await first[1]?.();
  expect(lease).toMatchObject({ value: { key: "a" } });
  state.up = false;
  if (lease !== "pending" && lease !== undefined && "value" in lease) void lease.value.destroy();
  const second = [follow(pool.acquire("a")), follow(pool.acquire("a"))];
  expect(await second[0]?.()).toEqual({ error: state.error });
  expect(await second[1]?.()).toBe("pending");

  const patient = backend({ maxPerKey: 1 });
  const calls = Array.from({ length: 3 }, () => follow(patient.pool.acquire("a")));
  await vi.advanceTimersByTimeAsync(10);
  expect(await calls[2]?.()).toBe("pending");
});

test("P22: no rest between creations is longer than maxRetryDelayMs", async () => {
  vi.spyOn(Math, "random").mockReturnValue(0);
  const { pool, state } = backend({ maxPerKey: 1, maxRetryDelayMs: 15, acquireTimeoutMs: 1_000 });
  const calls = Array.from({ length: 20 }, () => follow(pool.acquire("a")));
  await vi.advanceTimersByTimeAsync(10 + 15 * 4);
  expect(state.creations).toBe(6);
  await pool.close();
  expect(await calls[19]?.()).toMatchObject({ error: { code: "ERR_POOL_CLOSED" } });
});

test("P22: retryNow ends the rest of one key or of all, and does nothing where none rests", async () => {
  vi.spyOn(Math, "random").mockReturnValue(0);
  const { pool, state } = backend({ maxPerKey: 1 });
  const calls = ["a", "a", "b", "b", "c", "c"].map((key) => follow(pool.acquire(key)));
  await microtasks();
  expect(state.creations).toBe(3);
  state.up = true;
  pool.retryNow("nobody");
  pool.retryNow("a");
  expect(await calls[1]?.()).toMatchObject({ value: { key: "a" } });
  expect(await calls[3]?.()).toBe("pending");
  pool.retryNow();
  expect(await calls[3]?.()).toMatchObject({ value: { key: "b" } });
  expect(await calls[5]?.()).toMatchObject({ value: { key: "c" } });
  pool.retryNow();
  await microtasks();
  expect(state.creations).toBe(6);
  expect(() => Reflect.apply(pool.retryNow, pool, [5])).toThrow("Pool.retryNow: key must be a string, got 5");
});
