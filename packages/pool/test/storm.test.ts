import assert from "node:assert/strict";
import fc from "fast-check";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { type Lease, Pool, type PoolStats } from "../src/index.js";
import { type Deferred, deferred, microtasks } from "./fixtures.js";

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
});

const keys = ["a", "b", "c"] as const;

interface Thing {
  readonly key: string;
  readonly number: number;
  readonly died: (cause?: unknown) => void;
  holders: number;
  dead: boolean;
  ended: boolean;
}

interface Call {
  readonly key: string;
  readonly priority: number;
  readonly controller: AbortController;
  state: "waiting" | "held" | "over";
  lease?: Lease<Thing>;
}

interface Settings {
  readonly maxTotal: number;
  readonly maxPerKey: number;
  readonly maxLeases: number;
  readonly maxIdle: number;
  readonly minIdle: number;
  readonly maxUses: number;
  readonly validates: boolean;
  readonly resets: boolean;
  readonly failFastAfter: number;
}

/** A pool whose every creation, validation, reset and destruction is settled by the storm, with all that must hold of it. */
class Storm {
  readonly pool: Pool<Thing>;
  readonly things: Thing[] = [];
  readonly calls: Call[] = [];
  readonly creating: Deferred<void>[] = [];
  readonly destroying: Deferred<void>[] = [];
  readonly validating: Deferred<boolean>[] = [];
  readonly closing: Promise<void>[] = [];
  /** The limits now, and how far above them the pool may still be since they were lowered. */
  maxTotal: number;
  maxPerKey: number;
  minIdle: number;
  #before: PoolStats;
  readonly #maxLeases: number;

  constructor({
    maxTotal,
    maxPerKey,
    maxLeases,
    maxIdle,
    minIdle,
    maxUses,
    validates,
    resets,
    failFastAfter,
  }: Settings) {
    this.#maxLeases = maxLeases;
    this.maxTotal = maxTotal;
    this.maxPerKey = maxPerKey;
    this.minIdle = minIdle;
    this.pool = new Pool<Thing>({
      maxTotal,
      maxPerKey,
      maxLeasesPerResource: maxLeases,
      maxIdlePerKey: Math.max(maxIdle, minIdle),
      minIdlePerKey: minIdle,
      maxUses,
      maxLifetimeMs: 20_000,
      maxIdleMs: 8_000,
      validateAfterIdleMs: 500,
      maintenanceMs: 3_000,
      acquireTimeoutMs: 5_000,
      createTimeoutMs: 4_000,
      validateTimeoutMs: 1_000,
      destroyTimeoutMs: 2_000,
      create: async (key, { died }) => {
        const done = deferred();
        this.creating.push(done);
        await done.promise;
        const thing = { key, number: this.things.length, died, holders: 0, dead: false, ended: false };
        this.things.push(thing);
        return thing;
      },
      destroy: (thing) => {
        assert.equal(thing.ended, false, "destroyed once");
        thing.ended = true;
        const done = deferred();
        this.destroying.push(done);
        return done.promise;
      },
      ...(resets && {
        reset: (thing) => {
          assert.equal(thing.holders, 0, "nobody holds what is reset");
          assert.equal(thing.ended, false, "what is reset has not ended");
          const done = deferred<boolean>();
          this.validating.push(done);
          return done.promise.then(() => {});
        },
      }),
      resetTimeoutMs: 1_000,
      failFastAfter,
      ...(validates && {
        validate: (thing) => {
          assert.equal(thing.holders, 0, "nobody holds what is validated");
          const done = deferred<boolean>();
          this.validating.push(done);
          return done.promise;
        },
      }),
      onEvent: () => {
        throw new Error("a listener's own affair");
      },
    });
    this.#before = this.pool.stats();
  }

  acquire(key: string, priority: number): void {
    const call: Call = { key, priority, controller: new AbortController(), state: "waiting" };
    this.calls.push(call);
    this.pool.acquire(key, { priority, signal: call.controller.signal }).then(
      (lease) => this.#granted(call, lease),
      () => {
        assert.equal(call.state, "waiting");
        call.state = "over";
      },
    );
  }

  release(index: number, destroy: boolean): void {
    const held = this.calls.filter(({ state }) => state === "held");
    const call = held[index % held.length];
    if (call?.lease === undefined) return;
    call.lease.resource.holders -= 1;
    call.state = "over";
    if (destroy) void call.lease.destroy();
    else call.lease.release();
    // Once more is nothing.
    call.lease.release();
    void call.lease.destroy();
  }

  abort(index: number): void {
    const waiting = this.calls.filter(({ state }) => state === "waiting");
    waiting[index % waiting.length]?.controller.abort(new Error("given up"));
  }

  die(index: number): void {
    const living = this.things.filter(({ dead, ended }) => !dead && !ended);
    const thing = living[index % living.length];
    if (thing === undefined) return;
    thing.dead = true;
    thing.died();
    thing.died();
  }

  settle(of: "creating" | "destroying" | "validating", index: number, good: boolean): void {
    const [done] = this[of].splice(index % Math.max(1, this[of].length), 1);
    if (done === undefined) return;
    if (!good) done.reject(new Error(`${of} failed`));
    else if (of === "validating") this.#resolve(done, index % 5 > 0);
    else this.#resolve(done, undefined);
  }

  resize(maxTotal: number, maxPerKey: number): void {
    this.maxTotal = maxTotal;
    this.maxPerKey = Math.max(maxPerKey, this.minIdle);
    this.pool.resize({ maxTotal: this.maxTotal, maxPerKey: this.maxPerKey });
  }

  /** `quiet`: all that is due in microtasks has happened. */
  check(quiet: boolean): void {
    const now = this.pool.stats();
    const each = this.pool.keys().map((key) => this.pool.stats(key));
    for (const stats of [now, ...each]) {
      assert.equal(stats.total, stats.idle + stats.leased + stats.creating + stats.destroying, "identity");
      for (const gauge of ["idle", "leased", "creating", "destroying", "leases", "waiting"] as const)
        assert.ok(stats[gauge] >= 0, gauge);
    }
    for (const gauge of ["idle", "leased", "creating", "destroying", "leases", "waiting"] as const)
      assert.equal(
        each.reduce((sum, stats) => sum + stats[gauge], 0),
        now[gauge],
        `${gauge} of all keys`,
      );
    assert.ok(now.total <= Math.max(this.maxTotal, this.#before.total), "never above the limit but for what was there");
    assert.equal(now.waiting, this.calls.filter(({ state }) => state === "waiting").length);
    assert.equal(
      now.acquireMs.counts.reduce((sum, count) => sum + count, 0),
      now.acquired,
    );
    const destroyed = Object.values(now.destroyed).reduce((sum, count) => sum + count, 0);
    assert.ok(now.created - destroyed <= now.idle + now.leased + now.destroying, "what was created is there or gone");
    for (const stats of each) if (quiet && stats.waiting > 0) this.#checkBlocked(stats, now);
    this.#before = now;
  }

  /** Gives back, settles and waits until nothing moves any more, then closes. */
  async end(): Promise<void> {
    for (let round = 0; round < 40; round += 1) {
      while (this.calls.some(({ state }) => state === "held")) this.release(0, false);
      for (const of of ["creating", "destroying", "validating"] as const)
        while (this[of].length > 0) this.settle(of, 1, true);
      await vi.advanceTimersByTimeAsync(200);
    }
    assert.ok(
      this.calls.every(({ state }) => state === "over"),
      "every call is over",
    );
    this.closing.push(this.pool.close(), this.pool.close());
    for (let round = 0; round < 10; round += 1) {
      for (const of of ["creating", "destroying", "validating"] as const)
        while (this[of].length > 0) this.settle(of, 1, true);
      await vi.advanceTimersByTimeAsync(5_000);
    }
    await Promise.all(this.closing);
    expect(this.pool.stats()).toMatchObject({ total: 0, leases: 0, waiting: 0 });
    assert.deepEqual(this.pool.keys(), []);
    assert.ok(
      this.things.every(({ ended }) => ended),
      "every thing has ended",
    );
    const { created, destroyed } = this.pool.stats();
    assert.equal(
      Object.values(destroyed).reduce((sum, count) => sum + count, 0),
      created,
    );
    assert.equal(vi.getTimerCount(), 0);
  }

  #granted(call: Call, lease: Lease<Thing>): void {
    assert.equal(call.state, "waiting");
    const thing = lease.resource;
    assert.equal(thing.key, call.key);
    assert.equal(thing.ended || thing.dead, false, "lent alive");
    thing.holders += 1;
    assert.ok(thing.holders <= this.#maxLeases, "holders");
    const older = this.calls.slice(0, this.calls.indexOf(call));
    const passedOver = older.filter(
      ({ key, priority, state, controller }) =>
        key === call.key && priority >= call.priority && state === "waiting" && !controller.signal.aborted,
    );
    assert.equal(passedOver.length, 0, "first by priority, then by age");
    call.lease = lease;
    call.state = "held";
  }

  /** Who waits waits for a reason. */
  #checkBlocked(stats: PoolStats, all: PoolStats): void {
    const full = stats.total >= this.maxPerKey || all.total >= this.maxTotal;
    const coming = (stats.creating + this.validating.length) * this.#maxLeases >= stats.waiting;
    const resting = vi.getTimerCount() > 0 && stats.createFailures > 0;
    assert.equal(full || coming || resting, true, "a reason to wait");
  }

  #resolve(done: Deferred<never> | Deferred<void> | Deferred<boolean>, value: boolean | undefined): void {
    (done as Deferred<unknown>).resolve(value);
  }
}

const index = fc.nat({ max: 9 });
const step = fc.oneof(
  {
    weight: 8,
    arbitrary: fc.record({ do: fc.constant("acquire"), key: fc.constantFrom(...keys), n: fc.nat({ max: 1 }) }),
  },
  { weight: 6, arbitrary: fc.record({ do: fc.constantFrom("release", "made", "made", "ended", "checked"), n: index }) },
  {
    weight: 2,
    arbitrary: fc.record({ do: fc.constantFrom("abort", "destroy", "die", "not made", "not ended"), n: index }),
  },
  {
    weight: 1,
    arbitrary: fc.record({
      do: fc.constantFrom("not checked", "clear", "clear all", "resize", "warm", "retry"),
      n: index,
    }),
  },
  { weight: 2, arbitrary: fc.record({ do: fc.constant("wait"), n: fc.constantFrom(1, 20, 600, 2_500, 9_000) }) },
);

const settings = fc.record({
  maxTotal: fc.constantFrom(1, 2, 3, 5, Number.POSITIVE_INFINITY),
  maxPerKey: fc.constantFrom(1, 2, 3),
  maxLeases: fc.constantFrom(1, 1, 2, 3),
  maxIdle: fc.constantFrom(0, 1, 3),
  minIdle: fc.constantFrom(0, 0, 1),
  maxUses: fc.constantFrom(1, 3, Number.POSITIVE_INFINITY),
  validates: fc.boolean(),
  resets: fc.boolean(),
  failFastAfter: fc.constantFrom(1, 2, Number.POSITIVE_INFINITY),
});

async function run(storm: Storm, { do: what, n, key = keys[n % 3] ?? "a" }: { do: string; n: number; key?: string }) {
  const { pool } = storm;
  if (what === "acquire") storm.acquire(key, n);
  else if (what === "release" || what === "destroy") storm.release(n, what === "destroy");
  else if (what === "abort") storm.abort(n);
  else if (what === "die") storm.die(n);
  else if (what === "made" || what === "not made") storm.settle("creating", n, what === "made");
  else if (what === "ended" || what === "not ended") storm.settle("destroying", n, what === "ended");
  else if (what === "checked" || what === "not checked") storm.settle("validating", n, what === "checked");
  else if (what === "resize") storm.resize(1 + (n % 4), 1 + (n % 3));
  else if (what === "warm") storm.closing.push(pool.warm(key, 1 + (n % 3)).catch(() => {}));
  else if (what === "retry") pool.retryNow(n % 2 > 0 ? key : undefined);
  else if (what === "clear") storm.closing.push(pool.clear(key));
  else if (what === "clear all") storm.closing.push(pool.clear(undefined, { graceMs: n * 100 }));
  else await vi.advanceTimersByTimeAsync(n);
}

test("P18: in a storm of everything, the figures add up and each resource is made, lent and ended as it must", {
  timeout: 60_000,
}, async () => {
  await fc.assert(
    fc.asyncProperty(settings, fc.array(step, { minLength: 1, maxLength: 120, size: "max" }), async (given, steps) => {
      // A run before that failed leaves its timers.
      vi.clearAllTimers();
      const storm = new Storm(given);
      for (const next of steps) {
        await run(storm, next);
        storm.check(false);
        await microtasks();
        storm.check(true);
      }
      await storm.end();
    }),
    { numRuns: 60 },
  );
});
