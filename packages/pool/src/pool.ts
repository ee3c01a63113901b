import { checkFunction, checkKey, checkNumber, checkOptions, checkSignal, rules } from "./checks.js";
import { Core } from "./core.js";
import { PoolClosedError, PoolQueueFullError } from "./errors.js";
import type { Lane } from "./lane.js";
import { type Lease, PoolLease } from "./lease.js";
import { checkLimits, limitNames } from "./limits.js";
import type { AcquireOptions, PoolOptions, ResizeLimits } from "./options.js";
import { Shutdown } from "./shutdown.js";
import type { PoolStats } from "./stats.js";
import { Tally } from "./tally.js";
import { Waiter } from "./waiter.js";
import { warmUp } from "./warm-up.js";

const optionNames = [...limitNames, "create", "destroy", "validate", "limitsFor", "maxTotal", "onEvent"];

/**
 * A pool of expensive things (connections, processes, sessions, browsers), each kept under a key, shared if wanted.
 *
 * Resources are made when they are needed, lent as leases, checked, and ended when they are old, idle, broken or too
 * many. The pool owns what `create` makes, and calls `destroy` on it exactly once.
 */
export class Pool<R> implements AsyncDisposable {
  readonly #core: Core<R>;
  #shutdown: Shutdown<R> | undefined;

  /** Throws a TypeError or RangeError where an option is unknown, of the wrong type, out of range, or contradicts another. */
  constructor(options: PoolOptions<R>) {
    checkOptions("Pool", options, optionNames);
    checkFunction("Pool: create", options.create ?? null);
    checkFunction("Pool: destroy", options.destroy);
    checkFunction("Pool: validate", options.validate);
    checkFunction("Pool: limitsFor", options.limitsFor);
    checkFunction("Pool: onEvent", options.onEvent);
    checkNumber("Pool: maxTotal", options.maxTotal, rules.countOrInfinity);
    checkLimits("Pool", options);
    this.#core = new Core({ ...options });
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
      const core = this.#core;
      if (options?.signal?.aborted) return Promise.reject(options.signal.reason);
      if (core.closed) {
        core.tally.add("rejected", 1);
        return Promise.reject(new PoolClosedError());
      }
      const lane = core.lane(key);
      const now = core.clock.now();
      const stack =
        lane.limits.leakThresholdMs < Number.POSITIVE_INFINITY ? new Error("Pool.acquire").stack : undefined;
      lane.inUse = true;
      const resource = lane.lendable(now);
      if (resource === undefined) {
        if (!lane.admits) throw this.#refusal(lane);
        return new Promise((resolve, reject) => {
          new Waiter(lane, options, { since: core.clock.read(), stack }, resolve, reject).begin();
        });
      }
      const lease = new PoolLease(resource, now, resource.lend(now, 0), stack);
      if (lane.limits.minIdlePerKey > 0) core.settle(lane);
      core.effects.flush();
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
    if (this.#core.closed) throw new PoolClosedError();
    await warmUp(this.#core, key, count, options.signal);
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
    const lane = key === undefined ? undefined : this.#core.lanes.get(key);
    const lanes = key === undefined ? [...this.#core.lanes.values()] : lane ? [lane] : [];
    const shutdown = Shutdown.ofKeys(this.#core, lanes);
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
    this.#core.resize(perKey);
    this.#core.capacity.resize(maxTotal ?? this.#core.capacity.maxTotal, this.#core.lanes.values());
    this.#core.settleAll();
  }

  /** The keys that have resources, waiting calls or a minimum to keep. */
  keys(): string[] {
    return [...this.#core.lanes.keys()];
  }

  /** Figures of one key, as long as it has something, or of the whole pool since it was made. */
  stats(key?: string): PoolStats {
    const { capacity, lanes, limits, tally } = this.#core;
    if (key === undefined) return tally.snapshot(capacity.maxTotal);
    const lane = lanes.get(key);
    return lane === undefined ? new Tally().snapshot(limits.maxPerKey) : lane.tally.snapshot(lane.limits.maxPerKey);
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
      this.#shutdown ??= Shutdown.ofPool(this.#core);
      this.#shutdown.forceAfter(options.graceMs ?? 10_000);
      return this.#shutdown.done;
    } catch (error) {
      return Promise.reject(error);
    }
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  #refusal(lane: Lane<R>): PoolQueueFullError {
    lane.tally.add("rejected", 1);
    const error = new PoolQueueFullError(lane.key, lane.tally.counts(lane.limits.maxPerKey));
    // The key may have been opened for this call only.
    this.#core.settle(lane);
    this.#core.effects.flush();
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
