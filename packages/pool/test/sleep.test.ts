import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { Pool } from "../src/index.js";
import { Factory, microtasks, phases, type Thing } from "./fixtures.js";

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
});

const never = Number.POSITIVE_INFINITY;
/** The wall clock goes on, timers and the monotonic clock stand still. */
const sleep = (ms: number) => vi.setSystemTime(Date.now() + ms);

test("P23: after a sleep of the machine what is idle is validated before it is lent, whatever validateAfterIdleMs is", async () => {
  for (const validateAfterIdleMs of [3_600_000, never]) {
    const validate = vi.fn(async () => true);
    const pool = new Pool<Thing>({ create: new Factory().create, validate, validateAfterIdleMs, maintenanceMs: never });
    await pool.warm("a", 2);
    await pool.use("a", () => {});
    expect(validate).not.toHaveBeenCalled();
    sleep(60_000);
    await pool.use("a", () => {});
    expect(validate).toHaveBeenCalledTimes(1);
    await pool.use("a", () => {});
    expect(validate, "once").toHaveBeenCalledTimes(1);
  }
});

test("P23: idle and lifetime limits count the sleep, with and without rounds", async () => {
  for (const limits of [
    { maxIdleMs: 300_000, maxLifetimeMs: never },
    { maxIdleMs: never, maxLifetimeMs: 1_800_000 },
  ]) {
    const factory = new Factory();
    const pool = new Pool<Thing>({ create: factory.create, destroy: factory.destroy, ...limits });
    await pool.warm("a", 2);
    sleep(8 * 3_600_000);
    expect((await pool.acquire("a")).resource.id).toBe(2);
    await pool.warm("b", 1);
    sleep(8 * 3_600_000);
    await vi.advanceTimersByTimeAsync(30_000);
    expect(phases(pool, "b"), "found by the round").toMatchObject({ idle: 0 });
    expect((await factory.ends()).length).toBe(3);
  }
});

test("P23: a round validates what was idle during the sleep", async () => {
  const validate = vi.fn(async () => true);
  const pool = new Pool<Thing>({ create: new Factory().create, validate, validateAfterIdleMs: 3_600_000 });
  await pool.warm("a", 2);
  sleep(60_000);
  await vi.advanceTimersByTimeAsync(30_000);
  await microtasks();
  expect(validate).toHaveBeenCalledTimes(2);
});

test("P23: what is less than 10 s, or back, is a clock that was set; without validate a good resource is lent on", async () => {
  const validate = vi.fn(async () => true);
  const pool = new Pool<Thing>({ create: new Factory().create, validate, validateAfterIdleMs: never });
  await pool.use("a", () => {});
  for (const ms of [10_000, -3_600_000]) {
    sleep(ms);
    await pool.use("a", () => {});
  }
  expect(validate).not.toHaveBeenCalled();
  sleep(20_000);
  await pool.use("a", () => {});
  expect(validate, "set back before, and found all the same").toHaveBeenCalledTimes(1);

  const plain = new Pool<Thing>({ create: new Factory().create });
  await plain.use("a", () => {});
  sleep(60_000);
  const lease = await plain.acquire("a");
  expect(lease).toMatchObject({ resource: { id: 0 }, idleMs: 60_000 });
});

test("P23: deadlines do not count the sleep", async () => {
  const pool = new Pool<Thing>({ create: new Factory().create, maxPerKey: 1, leakThresholdMs: 10_000 });
  await pool.use("a", () => {});
  sleep(60_000);
  const held = await pool.acquire("a");
  const call = pool.acquire("a", { timeoutMs: 500 });
  await vi.advanceTimersByTimeAsync(499);
  expect(pool.stats()).toMatchObject({ waiting: 1 });
  held.release();
  (await call).release();
});
