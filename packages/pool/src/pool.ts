import { PoolClosedError, PoolQueueFullError } from "./errors.js";
import type { Lease } from "./lease.js";
import { Shutdown } from "./lifecycle/shutdown.js";
import { warmUp } from "./lifecycle/warm-up.js";
import type { KeyState } from "./model/key-state.js";
import { PoolLease } from "./model/pool-lease.js";
import { Waiter } from "./model/waiter.js";
import type { AcquireOptions, PoolOptions, ResizeLimits } from "./options.js";
import { readOptions } from "./read-options.js";
import { Scheduler } from "./scheduler.js";
import type { PoolStats } from "./stats.js";
import { checkFunction, checkKey, checkNumber, checkOptions, checkSignal, rules } from "./support/checks.js";
import { Counters } from "./support/counters.js";

/**
 * A pool of expensive things (connections, processes, sessions, browsers), each kept under a key, shared if wanted.
 *
 * Resources are made when they are needed, lent as leases, checked, and ended when they are old, idle, broken or too
 * many. The pool owns what `create` makes, and calls `destroy` on it exactly once.
 */
export class Pool<R> implements AsyncDisposable {
  readonly #scheduler: Scheduler<R>;
  #shutdown: Shutdown<R> | undefined;

  /** Throws a TypeError or RangeError where an option is unknown, of the wrong type, out of range, or contradicts another. */
  constructor(options: PoolOptions<R>) {
    this.#scheduler = new Scheduler(readOptions(options));
  }

  /**
   * Lends a resource of `key`: a resting one at once, or else the next that becomes free or is created.
   *
   * Waiting calls are served by priority, then in their order. Rejects with the signal's reason, with what `create` threw,
   * or with `PoolTimeoutError`, `PoolCreateError`, `PoolValidationError`, `PoolQueueFullError` or `PoolClosedError`.
   * Whoever gets the lease must end it.
   */
  acquire(key: string, options?: AcquireOptions): Promise<Lease<R>> {
    try {
      checkKey("Pool.acquire: key", key);
      if (options !== undefined) checkAcquireOptions(options);
      const scheduler = this.#scheduler;
      if (options?.signal?.aborted) return Promise.reject(options.signal.reason);
      if (scheduler.closed) {
        scheduler.counters.add("rejected", 1);
        return Promise.reject(new PoolClosedError());
      }
      const state = scheduler.keys.get(key);
      const now = scheduler.clock.cachedNow();
      const stack =
        state.limits.leakThresholdMs < Number.POSITIVE_INFINITY ? new Error("Pool.acquire").stack : undefined;
      state.inUse = true;
      const resource = scheduler.lendable(state, now);
      if (resource === undefined) return this.#wait(state, options, stack);
      const lease = new PoolLease(state, resource, now, state.lend(resource, now, 0), stack);
      if (state.limits.minIdlePerKey > 0) scheduler.settle(state);
      return Promise.resolve(lease);
    } catch (error) {
      return Promise.reject(error);
    }
  }

  /**
   * Acquires, runs the task, and releases whatever the task does. A task that finds its resource broken calls
   * `lease.destroy()`. Resolves and rejects as the task does, or as `acquire`.
   */
  async use<T>(
    key: string,
    task: (resource: R, lease: Lease<R>) => T | PromiseLike<T>,
    options?: AcquireOptions,
  ): Promise<T> {
    checkFunction("Pool.use: task", task ?? null);
    const lease = await this.acquire(key, options);
    try {
      return await task(lease.resource, lease);
    } finally {
      lease.release();
    }
  }

  /**
   * Creates resources until `count` of a key rest (default: the key's minimum, at least 1), as far as the limits allow
   * without evicting anything. Resolves when they are ready; rejects with the first failure, the signal's reason, or
   * `PoolClosedError`. From then on the minimum of the key is kept.
   */
  async warm(key: string, count?: number, options: { readonly signal?: AbortSignal | undefined } = {}): Promise<void> {
    checkKey("Pool.warm: key", key);
    checkNumber("Pool.warm: count", count, rules.zeroOrMore);
    checkOptions("Pool.warm", options, ["signal"]);
    checkSignal("Pool.warm: signal", options.signal);
    options.signal?.throwIfAborted();
    if (this.#scheduler.closed) throw new PoolClosedError();
    await warmUp(this.#scheduler.keys.get(key), count, options.signal);
  }

  /**
   * Ends the generation of a key, or of all: idle resources are destroyed now, leased ones when they come back, those
   * being created when they arrive. New ones serve whoever waits or comes. The minimum is kept again from the next use on.
   *
   * Resolves when the last of that generation is destroyed. After `graceMs` (default `Infinity`) leases still held see
   * their signal abort and their resources destroyed.
   */
  async clear(key?: string, options: { readonly graceMs?: number | undefined } = {}): Promise<void> {
    if (key !== undefined) checkKey("Pool.clear: key", key);
    checkGrace("Pool.clear", options);
    const shutdown = Shutdown.ofKeys(this.#scheduler, this.#statesOf(key));
    shutdown.forceAfter(options.graceMs ?? Number.POSITIVE_INFINITY);
    await shutdown.done;
  }

  /**
   * Changes limits of all keys that `limitsFor` does not set. Lowered, idle resources above them are destroyed now, leased
   * ones when they come back; raised, those who wait are served. Throws, and changes nothing, where a value is not allowed.
   */
  resize(limits: ResizeLimits): void {
    checkOptions("Pool.resize", limits, ["maxTotal", "maxPerKey", "maxIdlePerKey", "minIdlePerKey"]);
    const { maxTotal, ...perKey } = limits;
    checkNumber("Pool.resize: maxTotal", maxTotal, rules.countOrInfinity);
    this.#scheduler.resize(perKey, maxTotal ?? this.#scheduler.maxTotal);
  }

  /** Ends the rest after failed creations, of one key or of all: what is wanted is created now. */
  retryNow(key?: string): void {
    if (key !== undefined) checkKey("Pool.retryNow: key", key);
    this.#scheduler.retryNow(this.#statesOf(key));
  }

  /** The keys that have resources, waiting calls or a minimum to keep. */
  keys(): string[] {
    return this.#scheduler.keys.keys;
  }

  /** Figures of one key, as long as it has something, or of the whole pool since it was made. */
  stats(key?: string): PoolStats {
    const { counters, keys, maxTotal } = this.#scheduler;
    if (key === undefined) return counters.snapshot(maxTotal);
    checkKey("Pool.stats: key", key);
    const state = keys.peek(key);
    if (state === undefined) return new Counters().snapshot(keys.limits.maxPerKey);
    return state.counters.snapshot(state.limits.maxPerKey);
  }

  /**
   * Ends the pool: waiting and new calls reject with `PoolClosedError`, idle resources are destroyed, leased ones when
   * they come back or after `graceMs` (default 10_000) by force, those being created when they arrive.
   *
   * Resolves when nothing is left. All calls share one promise; the shortest grace counts.
   */
  close(options: { readonly graceMs?: number | undefined } = {}): Promise<void> {
    try {
      checkGrace("Pool.close", options);
      this.#scheduler.closed = true;
      this.#shutdown ??= Shutdown.ofPool(this.#scheduler, this.#scheduler.keys.all);
      this.#shutdown.forceAfter(options.graceMs ?? 10_000);
      return this.#shutdown.done;
    } catch (error) {
      return Promise.reject(error);
    }
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  #wait(state: KeyState<R>, options: AcquireOptions | undefined, stack: string | undefined): Promise<Lease<R>> {
    if (!state.admits) throw this.#refusal(state);
    const scheduler = this.#scheduler;
    return new Promise((resolve, reject) => {
      const since = scheduler.clock.now().at;
      const call = { since, stack, order: scheduler.nextOrder(), timeoutMs: state.limits.acquireTimeoutMs };
      state.join(new Waiter(state, options, call, resolve, reject));
      scheduler.settle(state);
    });
  }

  /** The record of one key, where it has one, or those of all. */
  #statesOf(key: string | undefined): readonly KeyState<R>[] {
    const { keys } = this.#scheduler;
    if (key === undefined) return keys.all;
    const state = keys.peek(key);
    return state === undefined ? [] : [state];
  }

  #refusal(state: KeyState<R>): PoolQueueFullError {
    const { counters, key, limits } = state;
    counters.add("rejected", 1);
    const error = new PoolQueueFullError(key, counters.counts(limits.maxPerKey));
    // The key may have been opened for this call only.
    this.#scheduler.settle(state);
    return error;
  }
}

function checkAcquireOptions(options: AcquireOptions): void {
  checkOptions("Pool.acquire", options, ["signal", "timeoutMs", "priority"]);
  checkSignal("Pool.acquire: signal", options.signal);
  checkNumber("Pool.acquire: timeoutMs", options.timeoutMs, rules.durationOrZero);
  checkNumber("Pool.acquire: priority", options.priority, rules.anyNumber);
}

function checkGrace(where: string, options: { readonly graceMs?: number | undefined }): void {
  checkOptions(where, options, ["graceMs"]);
  checkNumber(`${where}: graceMs`, options.graceMs, rules.durationOrZero);
}
