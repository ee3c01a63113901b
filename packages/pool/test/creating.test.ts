import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { Pool, PoolCreateError, type PoolEvent } from "../src/index.js";
import { deferred, Factory, follow, microtasks, phases, type Thing } from "./fixtures.js";

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
});

/** A factory whose creations the test settles, one by one. */
function byHand() {
  const creations: {
    readonly made: (value: string) => void;
    readonly failed: (error: unknown) => void;
    readonly signal: AbortSignal;
    readonly died: (cause?: unknown) => void;
  }[] = [];
  const destroyed: string[] = [];
  const create = (_: string, { signal, died }: { signal: AbortSignal; died: (cause?: unknown) => void }) => {
    const { promise, resolve, reject } = deferred<string>();
    creations.push({ made: resolve, failed: reject, signal, died });
    return promise;
  };
  const destroy = (value: string, { reason }: { reason: string }) => {
    destroyed.push(`${value}: ${reason}`);
  };
  return { creations, destroyed, create, destroy };
}

test("P5: a creation starts for each waiter up to the limit, and none for whom a place is on the way", async () => {
  const { create, creations } = byHand();
  const pool = new Pool({ create, maxPerKey: 3 });
  const calls = Array.from({ length: 5 }, () => pool.acquire("a"));
  await microtasks();
  expect(creations).toHaveLength(3);
  for (const { made } of creations) made("one");
  for (const call of calls.slice(0, 3)) (await call).release();
  for (const call of calls.slice(3)) (await call).release();
  expect(creations).toHaveLength(3);
});

test("P5: a creation whose waiter was served meanwhile goes idle, and starts no other", async () => {
  const { create, creations } = byHand();
  const pool = new Pool({ create });
  const first = pool.acquire("a");
  await microtasks();
  creations[0]?.made("first");
  const held = await first;
  const second = pool.acquire("a");
  await microtasks();
  held.release();
  expect((await second).resource).toBe("first");
  creations[1]?.made("second");
  await microtasks();
  expect(phases(pool)).toMatchObject({ idle: 1, leased: 1, creating: 0 });
  expect(creations).toHaveLength(2);
});

test("P5: a failed creation whose waiter was served meanwhile reaches nobody", async () => {
  const { create, creations } = byHand();
  const pool = new Pool({ create });
  const first = pool.acquire("a");
  await microtasks();
  creations[0]?.made("first");
  const held = await first;
  const second = pool.acquire("a");
  await microtasks();
  held.release();
  creations[1]?.failed(new Error("refused"));
  (await second).release();
  await microtasks();
  expect(pool.stats()).toMatchObject({ idle: 1, creating: 0, createFailures: 1, acquired: 2, released: 2 });
});

test("P5: a failure reaches the one it was for, unchanged, and wakes the rest", async () => {
  const { create, creations } = byHand();
  const pool = new Pool({ create, maxPerKey: 1 });
  const failure = { not: "even an error" };
  const first = follow(pool.acquire("a"));
  const second = follow(pool.acquire("a"));
  await microtasks();
  creations[0]?.failed(failure);
  expect(await first()).toEqual({ error: failure });
  expect(await second()).toBe("pending");
  expect(creations).toHaveLength(1);
  await vi.advanceTimersByTimeAsync(10);
  expect(creations).toHaveLength(2);
  creations[1]?.made("at last");
  expect(await second()).toMatchObject({ value: { resource: "at last" } });
});

test("P5: creations started again rest in between, twice as long each time, and timeouts fire meanwhile", async () => {
  const at: number[] = [];
  const pool = new Pool<string>({
    create: async () => {
      at.push(performance.now());
      throw new Error("refused");
    },
    maxPerKey: 1,
  });
  vi.spyOn(Math, "random").mockReturnValue(0);
  const start = performance.now();
  const calls = Array.from({ length: 12 }, (_, index) => follow(pool.acquire("a", { timeoutMs: 20_000 + index })));
  await vi.advanceTimersByTimeAsync(25_000);
  expect(at.map((instant) => Math.round(instant - start))).toEqual([
    0, 10, 30, 70, 150, 310, 630, 1_270, 2_550, 5_110, 10_110, 15_110,
  ]);
  for (const call of calls) expect(await call()).toMatchObject({ error: { message: "refused" } });
  vi.restoreAllMocks();
});

test("P5: up to half of a rest is taken off at random, and a success begins anew", async () => {
  let attempts = 0;
  let refuses = true;
  const pool = new Pool<number>({
    create: async () => {
      attempts += 1;
      if (refuses) throw new Error("refused");
      return attempts;
    },
    maxPerKey: 1,
  });
  const random = vi.spyOn(Math, "random").mockReturnValue(0.999_999);
  const calls = [pool.acquire("a"), pool.acquire("a"), pool.acquire("a")];
  const results = Promise.allSettled(calls);
  await vi.advanceTimersByTimeAsync(4);
  expect(attempts).toBe(1);
  await vi.advanceTimersByTimeAsync(2);
  expect(attempts).toBe(2);
  refuses = false;
  await vi.advanceTimersByTimeAsync(11);
  expect((await results).map(({ status }) => status)).toEqual(["rejected", "rejected", "fulfilled"]);
  random.mockRestore();
});

test("P5: an acquire with nobody before it creates at once, however often creations failed before", async () => {
  let attempts = 0;
  const pool = new Pool<string>({
    create: async () => {
      attempts += 1;
      throw new Error("refused");
    },
    minIdlePerKey: 1,
  });
  for (let call = 1; call <= 20; call += 1) {
    await expect(pool.acquire("a")).rejects.toThrow("refused");
    expect(attempts).toBe(call);
  }
});

test("P5: a synchronous throw of create is a failed creation", async () => {
  const pool = new Pool<string>({
    create: () => {
      throw new Error("at once");
    },
  });
  await expect(pool.acquire("a")).rejects.toThrow("at once");
  expect(pool.keys()).toEqual([]);
});

test("P3: a creation that takes too long fails, its signal aborts, and what comes of it late is destroyed once", async () => {
  const { create, destroy, creations, destroyed } = byHand();
  const pool = new Pool({ create, destroy, createTimeoutMs: 50, maxPerKey: 1 });
  const call = follow(pool.acquire("a"));
  await vi.advanceTimersByTimeAsync(50);
  const error = await call();
  expect(error).toMatchObject({ error: { name: "PoolCreateError", code: "ERR_POOL_CREATE", key: "a" } });
  expect(creations[0]?.signal.aborted).toBe(true);
  expect(creations[0]?.signal.reason).toBeInstanceOf(PoolCreateError);
  expect(phases(pool)).toMatchObject({ creating: 0 });
  creations[0]?.made("late");
  creations[0]?.died();
  await microtasks();
  expect(destroyed).toEqual(["late: discarded"]);
  expect(pool.stats()).toMatchObject({ total: 0, created: 1, createFailures: 1, destroyed: { discarded: 1 } });
});

test("P3: a creation that fails after its time has failed already", async () => {
  const { create, creations } = byHand();
  const pool = new Pool({ create, createTimeoutMs: 50 });
  const call = follow(pool.acquire("a"));
  await vi.advanceTimersByTimeAsync(50);
  creations[0]?.failed(new Error("late"));
  expect(await call()).toMatchObject({ error: { code: "ERR_POOL_CREATE" } });
  expect(pool.stats()).toMatchObject({ createFailures: 1, total: 0 });
});

test("P3: a resource that dies before it is ready is a failed creation, and is destroyed", async () => {
  const { create, destroy, creations, destroyed } = byHand();
  const pool = new Pool({ create, destroy });
  const call = follow(pool.acquire("a"));
  await microtasks();
  const cause = new Error("gone again");
  creations[0]?.died(cause);
  creations[0]?.died(new Error("and again"));
  creations[0]?.made("dead");
  expect(await call()).toMatchObject({ error: { code: "ERR_POOL_CREATE", cause } });
  expect(destroyed).toEqual(["dead: died"]);
  expect(phases(pool)).toEqual({ idle: 0, leased: 0, creating: 0, destroying: 0, waiting: 0 });
});

test("P15: the minimum is kept once a key was used, and restored when one is lent or dies", async () => {
  const factory = new Factory();
  const pool = new Pool({
    create: factory.create,
    destroy: factory.destroy,
    minIdlePerKey: 2,
    maxPerKey: 3,
  });
  expect(pool.keys()).toEqual([]);
  const lease = await pool.acquire("a");
  await microtasks();
  expect(phases(pool)).toMatchObject({ idle: 2, leased: 1 });
  const other = await pool.acquire("a");
  await microtasks();
  expect(phases(pool), "never above a limit").toMatchObject({ idle: 1, leased: 2, creating: 0 });
  other.release();
  factory.died[1]?.();
  await microtasks();
  expect(phases(pool)).toMatchObject({ idle: 2, leased: 1 });
  lease.release();
  expect(phases(pool)).toMatchObject({ idle: 3 });
});

test("P15: top-up evicts nothing, waits for those who wait, and its failures reach no caller", async () => {
  const events: PoolEvent[] = [];
  let refuses = false;
  const factory = new Factory();
  const pool = new Pool<Thing>({
    create: (key, context) => (refuses ? Promise.reject(new Error("refused")) : factory.create(key, context)),
    minIdlePerKey: 1,
    maxTotal: 3,
    onEvent: (event) => events.push(event),
  });
  const a = await pool.acquire("a");
  await microtasks();
  const b = await pool.acquire("b");
  await microtasks();
  expect(pool.stats("a")).toMatchObject({ idle: 1, leased: 1 });
  expect(pool.stats("b")).toMatchObject({ idle: 0, leased: 1 });
  refuses = true;
  await a.destroy();
  expect(events.filter(({ type }) => type === "createFailed")).toHaveLength(0);
  // The slot is another key's now: found in the next round.
  await vi.advanceTimersByTimeAsync(30_000);
  expect(events.filter(({ type }) => type === "createFailed")).toHaveLength(1);
  refuses = false;
  await vi.advanceTimersByTimeAsync(5_000);
  expect(phases(pool, "b")).toMatchObject({ idle: 1, leased: 1 });
  b.release();
  await pool.close();
});

test("warm makes resources ready as far as the limits allow, and from then on the minimum is kept", async () => {
  const { create, destroy } = new Factory();
  const pool = new Pool({ create, destroy, maxIdlePerKey: 3, minIdlePerKey: 1, maxTotal: 5 });
  await pool.warm("a");
  expect(phases(pool)).toMatchObject({ idle: 1 });
  await pool.warm("a", 10);
  expect(phases(pool)).toMatchObject({ idle: 3 });
  await pool.warm("a", 2);
  expect(phases(pool)).toMatchObject({ idle: 3 });
  await pool.warm("b", 3);
  expect(phases(pool), "nothing is evicted").toMatchObject({ idle: 5 });
  expect(pool.stats().destroyed.evicted).toBe(0);
  await pool.warm("c", 0);
});

test("warm rejects with what create threw, with the signal's reason, and when it is cleared or closed", async () => {
  const { create, creations } = byHand();
  const pool = new Pool({ create });
  const failed = follow(pool.warm("a"));
  await microtasks();
  creations[0]?.failed(new Error("refused"));
  expect(await failed()).toMatchObject({ error: { message: "refused" } });
  const controller = new AbortController();
  const aborted = follow(pool.warm("a", 2, { signal: controller.signal }));
  controller.abort(new Error("enough"));
  expect(await aborted()).toMatchObject({ error: { message: "enough" } });
  await expect(pool.warm("a", 1, { signal: controller.signal })).rejects.toThrow("enough");
  const cleared = follow(pool.warm("b", 1, { signal: new AbortController().signal }));
  void pool.clear("b");
  expect(await cleared()).toMatchObject({ error: { code: "ERR_POOL_CREATE" } });
  const closed = follow(pool.warm("c"));
  void pool.close();
  expect(await closed()).toMatchObject({ error: { code: "ERR_POOL_CLOSED" } });
  await expect(pool.warm("c")).rejects.toMatchObject({ code: "ERR_POOL_CLOSED" });
});

test("warm does not count on a creation whose generation was ended", async () => {
  const { create, creations } = byHand();
  const pool = new Pool({ create, maxPerKey: 2 });
  const first = follow(pool.warm("a"));
  await microtasks();
  void pool.clear("a");
  expect(await first()).toMatchObject({ error: { code: "ERR_POOL_CREATE" } });
  const second = follow(pool.warm("a"));
  await microtasks();
  creations[1]?.made("new");
  expect(await second()).toEqual({ value: undefined });
  expect(phases(pool)).toMatchObject({ idle: 1, creating: 1 });
});

test("warm joins creations that are under way, and serves who waits first", async () => {
  const { create, creations } = byHand();
  const pool = new Pool({ create, maxPerKey: 2 });
  const call = pool.acquire("a");
  const warming = follow(pool.warm("a", 2));
  await microtasks();
  expect(creations).toHaveLength(1);
  creations[0]?.made("one");
  expect(await warming()).toEqual({ value: undefined });
  expect((await call).resource).toBe("one");
});
