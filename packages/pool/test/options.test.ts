import { describe, expect, test } from "vitest";
import { Pool, type PoolEvent, PoolLeaseReleasedError, type PoolLimits } from "../src/index.js";
import { Factory, microtasks, type Thing } from "./fixtures.js";

const { create } = new Factory();
/** What plain JavaScript may hand over. */
const make = (options: unknown): Pool<Thing> => Reflect.construct(Pool, [options]);

describe("the constructor refuses", () => {
  test.each([
    [undefined, TypeError, "Pool: options must be an object, got undefined"],
    [null, TypeError, "Pool: options must be an object, got null"],
    [[], TypeError, "Pool: options must be an object, got an array"],
    [{}, TypeError, "Pool: create must be a function, got null"],
    [{ create: "x" }, TypeError, 'Pool: create must be a function, got "x"'],
    [{ create, max: 5 }, TypeError, "Pool: unknown option max; known are maxPerKey, "],
    [{ create, destroy: {} }, TypeError, "Pool: destroy must be a function, got an object"],
    [{ create, validate: 1 }, TypeError, "Pool: validate must be a function, got 1"],
    [{ create, limitsFor: true }, TypeError, "Pool: limitsFor must be a function, got true"],
    [{ create, onEvent: [] }, TypeError, "Pool: onEvent must be a function, got an array"],
    [{ create, maxTotal: 0 }, RangeError, "Pool: maxTotal must be a positive integer or Infinity, got 0"],
    [{ create, maxPerKey: "5" }, TypeError, 'Pool: maxPerKey must be a positive integer or Infinity, got "5"'],
    [{ create, maxPerKey: 1.5 }, RangeError, "Pool: maxPerKey must be a positive integer or Infinity, got 1.5"],
    [{ create, maxPerKey: Number.NaN }, RangeError, "got NaN"],
    [{ create, maxIdlePerKey: -1 }, RangeError, "Pool: maxIdlePerKey must be an integer >= 0 or Infinity, got -1"],
    [{ create, minIdlePerKey: Infinity }, RangeError, "Pool: minIdlePerKey must be an integer >= 0, got Infinity"],
    [{ create, maxLeasesPerResource: 0 }, RangeError, "maxLeasesPerResource must be a positive integer"],
    [{ create, maxWaitersPerKey: -1 }, RangeError, "maxWaitersPerKey must be an integer >= 0 or Infinity"],
    [{ create, lifetimeJitter: 1.1 }, RangeError, "Pool: lifetimeJitter must be a number from 0 to 1, got 1.1"],
    [
      { create, maxLifetimeMs: 0 },
      RangeError,
      "Pool: maxLifetimeMs must be a number of milliseconds > 0, or Infinity, got 0",
    ],
    [
      { create, acquireTimeoutMs: -1 },
      RangeError,
      "acquireTimeoutMs must be a number of milliseconds >= 0, or Infinity",
    ],
    [{ create, minIdlePerKey: 3, maxPerKey: 2 }, RangeError, "Pool: minIdlePerKey must be <= maxPerKey (2), got 3"],
    [
      { create, minIdlePerKey: 3, maxIdlePerKey: 2 },
      RangeError,
      "Pool: minIdlePerKey must be <= maxIdlePerKey (2), got 3",
    ],
  ])("%j", (options, kind, message) => {
    expect(() => make(options)).toThrow(kind);
    expect(() => make(options)).toThrow(message);
  });
});

test("methods refuse what they cannot use, and reject where they are async", async () => {
  await using pool: Pool<Thing> = new Pool({ create });
  const call = (name: keyof Pool<Thing>, ...args: unknown[]): Promise<unknown> => {
    const method: unknown = Reflect.get(pool, name);
    if (typeof method !== "function") throw new Error("no method");
    return Reflect.apply(method, pool, args);
  };
  await expect(call("acquire", 5)).rejects.toThrow("Pool.acquire: key must be a string, got 5");
  await expect(call("acquire", "a", null)).rejects.toThrow("Pool.acquire: options must be an object, got null");
  await expect(call("acquire", "a", { timeout: 5 })).rejects.toThrow("Pool.acquire: unknown option timeout");
  await expect(call("acquire", "a", { timeoutMs: -5 })).rejects.toThrow(RangeError);
  await expect(call("acquire", "a", { priority: Number.NaN })).rejects.toThrow("priority must be a number, not NaN");
  await expect(call("acquire", "a", { signal: {} })).rejects.toThrow("signal must be an AbortSignal, got an object");
  await expect(call("acquire", "a", { signal: null })).rejects.toThrow("signal must be an AbortSignal, got null");
  const listens = { aborted: false, addEventListener() {} };
  for (const signal of [
    { aborted: false },
    { ...listens, addEventListener: 5 },
    listens,
    { ...listens, removeEventListener: 5 },
  ])
    await expect(call("acquire", "a", { signal })).rejects.toThrow("signal must be an AbortSignal, got an object");
  await expect(call("use", "a")).rejects.toThrow("Pool.use: task must be a function, got null");
  await expect(call("warm", {})).rejects.toThrow("Pool.warm: key must be a string");
  await expect(call("warm", "a", 1.5)).rejects.toThrow("Pool.warm: count must be an integer >= 0, got 1.5");
  await expect(call("warm", "a", 1, { timeoutMs: 1 })).rejects.toThrow("Pool.warm: unknown option timeoutMs");
  await expect(call("clear", 1)).rejects.toThrow("Pool.clear: key must be a string");
  await expect(call("clear", "a", { graceMs: "1" })).rejects.toThrow("Pool.clear: graceMs must be a number");
  await expect(call("close", { grace: 1 })).rejects.toThrow("Pool.close: unknown option grace");
  expect(() => call("stats", null)).toThrow("Pool.stats: key must be a string, got null");
  expect(() => call("resize", { maxUses: 3 })).toThrow("Pool.resize: unknown option maxUses");
  expect(() => call("resize", { maxPerKey: 0 })).toThrow("Pool.resize: maxPerKey must be a positive integer");
  expect(() => call("resize", { maxTotal: -1 })).toThrow("Pool.resize: maxTotal must be a positive integer");
  expect(pool.stats()).toEqual(new Pool({ create }).stats());
  expect(pool.keys()).toEqual([]);
});

test("a resize that contradicts what was given before changes nothing", () => {
  const pool = new Pool({ create, minIdlePerKey: 3 });
  expect(() => pool.resize({ maxTotal: 2, maxPerKey: 2 })).toThrow(
    "Pool.resize: minIdlePerKey must be <= maxPerKey (2)",
  );
  expect(pool.stats()).toMatchObject({ max: Number.POSITIVE_INFINITY });
  pool.resize({ maxPerKey: 2, minIdlePerKey: 1 });
  expect(pool.stats("a")).toMatchObject({ max: 2 });
});

describe("a default yields to what is given", () => {
  const given: [PoolLimits, number, number][] = [
    [{}, 10, 5],
    [{ maxPerKey: 3 }, 3, 3],
    [{ minIdlePerKey: 8 }, 10, 8],
    [{ minIdlePerKey: 20 }, 20, 20],
    [{ maxIdlePerKey: 50 }, 10, 10],
    [{ maxIdlePerKey: undefined, maxPerKey: undefined }, 10, 5],
    [{ maxPerKey: Number.POSITIVE_INFINITY, maxIdlePerKey: 7 }, 12, 7],
  ];
  test.each(given)("%j: at most %i, of which %i rest", async (limits, most, resting) => {
    await using pool = new Pool({ create, ...limits });
    const leases = await Promise.all(Array.from({ length: most }, () => pool.acquire("a")));
    for (const lease of leases) lease.release();
    await microtasks();
    expect(pool.stats()).toMatchObject({ idle: resting });
  });

  test("and the limits of the pool yield to those of a key", async () => {
    await using pool = new Pool({ create, minIdlePerKey: 4, limitsFor: () => ({ maxPerKey: 2 }) });
    (await pool.acquire("a")).release();
    await microtasks();
    expect(pool.stats("a")).toMatchObject({ idle: 2, max: 2 });
  });
});

test("events tell what happened after it has, and what a listener throws or rejects with changes nothing", async () => {
  const seen: [PoolEvent["type"], number][] = [];
  await using pool: Pool<Thing> = new Pool<Thing>({
    create,
    maxUses: 1,
    onEvent: (event) => {
      seen.push([event.type, pool.stats().total]);
      if (event.type === "created") throw new Error("thrown");
      return Promise.reject(new Error("rejected"));
    },
  });
  (await pool.acquire("a")).release();
  await microtasks();
  expect(seen).toEqual([
    ["created", 1],
    ["acquired", 1],
    // What is told of the release is told when the destruction has begun.
    ["released", 1],
    ["destroyed", 0],
  ]);
});

test("foreign code may call the pool back from wherever it is called", async () => {
  const order: string[] = [];
  const more: Promise<unknown>[] = [];
  await using pool: Pool<string> = new Pool<string>({
    create: async (key) => key,
    destroy: (value) => {
      order.push(`destroy ${value}`);
      if (value === "a") more.push(pool.acquire("b").then((lease) => lease.destroy()));
    },
    maxTotal: 1,
    onEvent: ({ type, key }) => {
      order.push(`${type} ${key}`);
      if (type === "created") pool.resize({ maxTotal: 1 });
    },
  });
  const lease = await pool.acquire("a");
  await lease.destroy();
  while (more.length > 0) await more.pop();
  expect(order).toEqual([
    "created a",
    "acquired a",
    "released a",
    "destroy a",
    "destroyed a",
    "created b",
    "acquired b",
    "released b",
    "destroy b",
    "destroyed b",
  ]);
  expect(pool.stats()).toMatchObject({ total: 0, destroyed: { discarded: 2 } });
});

test("the histogram counts each lease once, in the bucket of its wait", async () => {
  await using pool = new Pool({ create, maxPerKey: 1 });
  const held = await pool.acquire("a");
  const slow = pool.acquire("a");
  const { acquireMs: before } = pool.stats();
  expect(before.counts).toHaveLength(before.bounds.length + 1);
  expect(Object.isFrozen(before.bounds)).toBe(true);
  held.release();
  (await slow).release();
  for (let call = 0; call < 10; call += 1) (await pool.acquire("a")).release();
  const { acquireMs, acquired, waits, waitMs } = pool.stats();
  expect(acquireMs.counts.reduce((sum, count) => sum + count)).toBe(12);
  expect(acquired).toBe(12);
  expect(waits).toBe(2);
  expect(acquireMs.sum).toBeCloseTo(waitMs);
  expect(before.counts.reduce((sum, count) => sum + count)).toBe(1);
});

test("P12: options are read through the prototype, methods keep their this, and each option is read once", async () => {
  class Connections {
    readonly #log: string[] = [];
    #made = 0;
    reads = 0;
    readonly unrelated = "members that are no option are its own affair";
    async create(key: string): Promise<Thing> {
      this.#log.push(`create ${key}`);
      this.#made += 1;
      return { key, id: this.#made };
    }
    destroy({ id }: Thing, { reason }: { reason: string }): void {
      this.#log.push(`destroy ${id} ${reason}`);
    }
    validate({ id }: Thing): boolean {
      this.#log.push(`validate ${id}`);
      return true;
    }
    reset({ id }: Thing): void {
      this.#log.push(`reset ${id}`);
    }
    limitsFor(key: string): PoolLimits {
      this.#log.push(`limits of ${key}`);
      return new (class {
        get maxPerKey(): number {
          return 3;
        }
      })();
    }
    onEvent({ type }: PoolEvent): void {
      if (type === "created") this.#log.push(type);
    }
    get validateAfterIdleMs(): number {
      this.reads += 1;
      return 0;
    }
    get log(): string[] {
      return this.#log;
    }
  }
  class Traced extends Connections {}
  const source = new Traced();
  const pool = new Pool<Thing>(source);
  await pool.use("db", () => {});
  await pool.use("db", () => {});
  expect(pool.stats("db").max).toBe(3);
  await pool.close();
  expect(source.log).toEqual([
    "limits of db",
    "create db",
    "created",
    "reset 1",
    "validate 1",
    "reset 1",
    "destroy 1 closed",
  ]);
  expect(source.reads).toBe(1);
});

test("P12: an object that has none of the options is an error, also where it is an instance", async () => {
  const pool = new Pool({ create });
  const rejected = (options: unknown): Promise<unknown> => Reflect.apply(pool.acquire, pool, ["a", options]);
  await expect(rejected(new AbortController().signal)).rejects.toThrow(
    "Pool.acquire: options must have at least one of signal, timeoutMs, priority; got an object with none",
  );
  await expect(rejected(Object.assign(Object.create(null), { timeout: 1 }))).rejects.toThrow("unknown option timeout");
  await expect(rejected(() => {})).rejects.toThrow("Pool.acquire: options must be an object, got a function");
  await expect(rejected(Object.create({ timeoutMs: 5 }))).resolves.toMatchObject({ key: "a" });
  await pool.close({ graceMs: 0 });
});

test("P24: a message holds at most 100 characters of a key, a name or a value", async () => {
  const long = "k".repeat(1_000_000);
  const most = (text: string): number => Math.max(...(text.match(/k+/g) ?? [""]).map((run) => run.length));
  await using pool = new Pool({ create, maxPerKey: 1, maxWaitersPerKey: 0, limitsFor: () => undefined });
  const lease = await pool.acquire(long);
  const texts = [
    await pool.acquire(long).catch(String),
    await pool.clear(long, { graceMs: 0 }).then(() => String(lease.signal.reason)),
    await Reflect.apply(pool.acquire, pool, ["a", { [long]: 1 }]).catch(String),
    await Reflect.apply(pool.acquire, pool, ["a", { timeoutMs: long }]).catch(String),
    await Reflect.apply(pool.acquire, pool, ["a", { timeoutMs: Symbol(long) }]).catch(String),
    await new Pool({ create, limitsFor: () => JSON.parse("[]") }).acquire(long).catch(String),
  ];
  lease.release();
  try {
    lease.resource;
  } catch (error) {
    texts.push(String(error));
  }
  expect(texts).toHaveLength(7);
  for (const text of texts) {
    expect(most(text)).toBeLessThanOrEqual(100);
    expect(text.length).toBeLessThan(500);
  }
  const emoji = `${"x".repeat(99)}\u{1F600}${"x".repeat(9)}`;
  expect(String(new PoolLeaseReleasedError(emoji))).toContain(`"${"x".repeat(99)}…"`);
  expect(new PoolLeaseReleasedError(long).key).toBe(long);
});

test("a bigint is shown as one, not as the number that is asked for", () => {
  expect(() => Reflect.construct(Pool, [{ create: () => 1, maxPerKey: 10n }])).toThrow(
    "Pool: maxPerKey must be a positive integer or Infinity, got 10n",
  );
});
