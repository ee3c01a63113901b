import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { Pool, PoolQueueFullError, PoolTimeoutError } from "../src/index.js";
import { deferred, Factory, follow, microtasks, outcome, phases, type Thing } from "./fixtures.js";

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
});

/** The order in which calls are granted; each releases at once. */
function recorder(pool: Pool<Thing>) {
  const order: string[] = [];
  const enter = (name: string, options: { priority?: number; signal?: AbortSignal } = {}, key = "a") =>
    pool.acquire(key, options).then((lease) => {
      order.push(name);
      lease.release();
    });
  return { order, enter };
}

test("P1: who waits is served in order, and a newcomer does not overtake where a resource is free that instant", async () => {
  const { create } = new Factory();
  const pool = new Pool({ create, maxPerKey: 1 });
  const { order, enter } = recorder(pool);
  const held = await pool.acquire("a");
  const waiting = [enter("first"), enter("second")];
  held.release();
  waiting.push(enter("newcomer"));
  await Promise.all(waiting);
  expect(order).toEqual(["first", "second", "newcomer"]);
});

test("P1: a higher priority goes first, and within a priority the longest waiting", async () => {
  const { create } = new Factory();
  const pool = new Pool({ create, maxPerKey: 1 });
  const { order, enter } = recorder(pool);
  const held = await pool.acquire("a");
  const waiting = [
    enter("low", { priority: -1 }),
    enter("normal 1"),
    enter("high 1", { priority: 5 }),
    enter("normal 2"),
    enter("high 2", { priority: 5 }),
    enter("highest", { priority: Number.POSITIVE_INFINITY }),
  ];
  held.release();
  await Promise.all(waiting);
  expect(order).toEqual(["highest", "high 1", "high 2", "normal 1", "normal 2", "low"]);
});

test("P2: an already aborted signal rejects before anything changes, warm hit included", async () => {
  const { create } = new Factory();
  const pool = new Pool({ create });
  (await pool.acquire("a")).release();
  const before = pool.stats();
  const reason = new Error("stop");
  await expect(pool.acquire("a", { signal: AbortSignal.abort(reason) })).rejects.toBe(reason);
  await expect(pool.acquire("new", { signal: AbortSignal.abort(reason) })).rejects.toBe(reason);
  expect(pool.stats()).toEqual(before);
  expect(pool.keys()).toEqual(["a"]);
});

test("P2: a cancelled waiter leaks nothing: the resource goes to the next, and no listener stays on the signal", async () => {
  const { create } = new Factory();
  const pool = new Pool({ create, maxPerKey: 1 });
  const { order, enter } = recorder(pool);
  const held = await pool.acquire("a");
  const controller = new AbortController();
  const added = vi.spyOn(controller.signal, "addEventListener");
  const removed = vi.spyOn(controller.signal, "removeEventListener");
  const reason = new Error("given up");
  const gone = enter("gone", { signal: controller.signal });
  const next = enter("next");
  controller.abort(reason);
  await expect(gone).rejects.toBe(reason);
  expect(pool.stats()).toMatchObject({ cancelled: 1, waiting: 1, waits: 2 });
  held.release();
  await next;
  expect(order).toEqual(["next"]);
  expect(removed.mock.calls).toEqual(added.mock.calls);
});

describe("hand-over and abort in the same tick", () => {
  const acts = ["release", "abort first", "abort second", "newcomer"] as const;
  const orders = permutations([...acts]);

  test.each(orders.map((order) => [order.join(", "), order] as const))("P2: %s", async (_, order) => {
    const { create } = new Factory();
    const pool = new Pool({ create, maxPerKey: 1 });
    const held = await pool.acquire("a");
    const controllers = [new AbortController(), new AbortController()];
    const calls = controllers.map(({ signal }) => pool.acquire("a", { signal }));
    for (const act of order) {
      if (act === "release") held.release();
      else if (act === "newcomer") calls.push(pool.acquire("a"));
      else controllers[act === "abort first" ? 0 : 1]?.abort(new Error(act));
    }
    // Whoever has it gives it back, until nobody waits: exactly those who were not aborted first have had it.
    const results: string[] = [];
    for (const call of calls)
      results.push(
        await call.then(
          (lease) => {
            lease.release();
            return "served";
          },
          (error: Error) => error.message,
        ),
      );
    const released = order.indexOf("release");
    const firstAborted = order.indexOf("abort first") < released;
    expect(results).toEqual([
      firstAborted ? "abort first" : "served",
      // The second gets it with the release only where the first had gone by then.
      firstAborted && order.indexOf("abort second") > released ? "served" : "abort second",
      "served",
    ]);
    expect(phases(pool)).toEqual({ idle: 1, leased: 0, creating: 0, destroying: 0, waiting: 0 });
  });
});

test("P2: a deadline and a hand-over at the same instant leak nothing, whichever comes first", async () => {
  for (const late of [false, true]) {
    const { create } = new Factory();
    const pool = new Pool({ create, maxPerKey: 1, maintenanceMs: Number.POSITIVE_INFINITY });
    const held = await pool.acquire("a");
    if (!late) setTimeout(() => held.release(), 100);
    const call = pool.acquire("a", { timeoutMs: 100 });
    // The deadline has its timer a microtask later.
    await microtasks();
    if (late) setTimeout(() => held.release(), 100);
    const settled = follow(call.then((lease) => lease.release()));
    await vi.advanceTimersByTimeAsync(100);
    await settled();
    expect(phases(pool)).toEqual({ idle: 1, leased: 0, creating: 0, destroying: 0, waiting: 0 });
    const expected = late ? { timeouts: 1, acquired: 1 } : { timeouts: 0, acquired: 2 };
    expect(pool.stats()).toMatchObject(expected);
  }
});

test("P3: an abort rejects the caller at once, the creation goes on and serves the next", async () => {
  const made = deferred<string>();
  const signals: AbortSignal[] = [];
  const pool = new Pool({
    create: (_, { signal }) => {
      signals.push(signal);
      return made.promise;
    },
  });
  const controller = new AbortController();
  const first = pool.acquire("a", { signal: controller.signal });
  await microtasks();
  controller.abort(new Error("enough"));
  await expect(first).rejects.toThrow("enough");
  expect(phases(pool)).toMatchObject({ creating: 1 });
  const second = pool.acquire("a");
  made.resolve("the only one");
  expect((await second).resource).toBe("the only one");
  expect(signals.map(({ aborted }) => aborted)).toEqual([false]);
  expect(pool.stats()).toMatchObject({ created: 1 });
});

test("P3: a creation that nobody waits for any more goes idle", async () => {
  const made = deferred<string>();
  const pool = new Pool({ create: () => made.promise });
  const controller = new AbortController();
  const call = pool.acquire("a", { signal: controller.signal });
  controller.abort(new Error("enough"));
  await expect(call).rejects.toThrow("enough");
  made.resolve("kept");
  await microtasks();
  expect(phases(pool)).toMatchObject({ idle: 1, creating: 0 });
});

test("P4: no burst exceeds a limit: slots are reserved before anything is awaited", async () => {
  const { create } = new Factory();
  const pool = new Pool({ create, maxPerKey: 3, maxTotal: 5 });
  const calls = ["a", "b", "c"].flatMap((key) => Array.from({ length: 10 }, () => pool.use(key, () => microtasks())));
  expect(pool.stats()).toMatchObject({ total: 5, creating: 5, waiting: 30 });
  expect(pool.stats("a")).toMatchObject({ total: 3 });
  let peak = 0;
  const watching = setInterval(() => {
    peak = Math.max(peak, pool.stats().total);
  }, 1);
  await vi.advanceTimersByTimeAsync(10);
  clearInterval(watching);
  await Promise.all(calls);
  expect(peak).toBeLessThanOrEqual(5);
  expect(pool.stats()).toMatchObject({ acquired: 30, released: 30 });
});

test("P6: one deadline over waiting, with the counts and the last creation error as cause", async () => {
  const failure = new Error("refused");
  let attempts = 0;
  const pool = new Pool<string>({
    create: async () => {
      attempts += 1;
      throw failure;
    },
    maxPerKey: 1,
    acquireTimeoutMs: 1_000,
  });
  const first = follow(pool.acquire("a"));
  const second = pool.acquire("a", { timeoutMs: 5 }).catch((error: unknown) => error);
  await vi.advanceTimersByTimeAsync(5);
  expect(await first()).toEqual({ error: failure });
  const error = await second;
  expect(error).toBeInstanceOf(PoolTimeoutError);
  expect(error).toMatchObject({
    name: "PoolTimeoutError",
    code: "ERR_POOL_TIMEOUT",
    key: "a",
    timeoutMs: 5,
    cause: failure,
    counts: { total: 0, waiting: 1, max: 1 },
  });
  expect(String(error)).toContain("0 of 1: 0 idle, 0 leased, 0 creating, 0 destroying; 1 waiting");
  expect(attempts).toBe(1);
  expect(pool.stats()).toMatchObject({ timeouts: 1, createFailures: 1, waiting: 0 });
});

test("P6: the deadline runs through waiting and creating, and is not begun anew", async () => {
  const making: (() => void)[] = [];
  const pool = new Pool({
    create: (key) => new Promise<string>((resolve) => making.push(() => resolve(key))),
    maxPerKey: 1,
    acquireTimeoutMs: 100,
    createTimeoutMs: 1_000,
  });
  const first = pool.acquire("a");
  await microtasks();
  making[0]?.();
  const held = await first;
  const second = follow(pool.acquire("a"));
  await vi.advanceTimersByTimeAsync(80);
  void held.destroy();
  await vi.advanceTimersByTimeAsync(20);
  expect(await second()).toMatchObject({ error: { code: "ERR_POOL_TIMEOUT", counts: { creating: 1 } } });
  expect(making).toHaveLength(2);
});

test("P6: without a deadline a call waits forever", async () => {
  const { create } = new Factory();
  const pool = new Pool({ create, maxPerKey: 1, maxLifetimeMs: Number.POSITIVE_INFINITY });
  const held = await pool.acquire("a");
  const call = pool.acquire("a", { timeoutMs: Number.POSITIVE_INFINITY });
  await vi.advanceTimersByTimeAsync(2 ** 31 + 1_000);
  held.release();
  expect((await call).resource).toEqual({ key: "a", id: 0 });
});

test("a full line refuses at once: 0 never queues, but lets a call wait for a resource of its own", async () => {
  const { create } = new Factory();
  const pool = new Pool({ create, maxPerKey: 2, maxWaitersPerKey: 0 });
  const first = pool.acquire("a");
  const second = pool.acquire("a");
  const third = await outcome(pool.acquire("a"));
  expect(third).toMatchObject({
    error: { name: "PoolQueueFullError", code: "ERR_POOL_QUEUE_FULL", key: "a", counts: { total: 2 } },
  });
  (await first).release();
  (await pool.acquire("a")).release();
  (await second).release();
  expect(pool.stats()).toMatchObject({ rejected: 1, acquired: 3 });
});

test("a full line counts those for whom nothing is on the way", async () => {
  const { create } = new Factory();
  const pool = new Pool({ create, maxPerKey: 1, maxWaitersPerKey: 1, maxLeasesPerResource: 2 });
  const served = [pool.acquire("a"), pool.acquire("a")];
  const queued = pool.acquire("a");
  await expect(pool.acquire("a")).rejects.toBeInstanceOf(PoolQueueFullError);
  const [one, other] = await Promise.all(served);
  one?.release();
  (await queued).release();
  other?.release();
});

test("a line of none lets a call wait for a validation, but not for a key that rests after a failure", async () => {
  const { create } = new Factory();
  const pool = new Pool<Thing>({
    create,
    validate: () => true,
    validateAfterIdleMs: 0,
    maxWaitersPerKey: 0,
    maxPerKey: 1,
  });
  (await pool.acquire("a")).release();
  (await pool.acquire("a")).release();

  const failing = new Pool<string>({
    create: () => Promise.reject(new Error("refused")),
    maxWaitersPerKey: 1,
    maxPerKey: 1,
  });
  const calls = [follow(failing.acquire("a")), follow(failing.acquire("a"))];
  expect(await calls[0]?.()).toMatchObject({ error: { message: "refused" } });
  expect(await outcome(failing.acquire("a"))).toMatchObject({ error: { code: "ERR_POOL_QUEUE_FULL" } });
  expect(await calls[1]?.()).toBe("pending");
});

test("a line of none still has an idle resource of another key make room", async () => {
  const { create, destroy, ends } = new Factory();
  const pool = new Pool({ create, destroy, maxTotal: 1, maxWaitersPerKey: 0 });
  (await pool.acquire("a")).release();
  const held = await pool.acquire("b");
  await expect(pool.acquire("c")).rejects.toMatchObject({ code: "ERR_POOL_QUEUE_FULL" });
  expect(pool.keys()).toEqual(["b"]);
  held.release();
  expect(ends).toHaveLength(0);
});

function permutations<T>(items: readonly T[]): T[][] {
  if (items.length < 2) return [[...items]];
  return items.flatMap((item, index) =>
    permutations([...items.slice(0, index), ...items.slice(index + 1)]).map((rest) => [item, ...rest]),
  );
}
