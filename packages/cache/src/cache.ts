import { type CacheOptions, type CacheSettings, readOptions } from "./cache-options.js";
import { type CacheStats, Counters } from "./cache-stats.js";
import {
  checkGetOrSetOptions,
  checkKey,
  checkSetOptions,
  type ExpireTarget,
  type GetOrSetOptions,
  readTarget,
  type SetOptions,
  tagsOf,
} from "./call-options.js";
import { checkAnswer, checkType } from "./check.js";
import { epochOf, exactNow } from "./clock.js";
import type { Entry } from "./entry.js";
import { KeptValues } from "./kept-values.js";
import { type Load, type LoadRequest, Loads } from "./loads.js";

/** What is known of a held value. */
export interface CacheEntry<V> {
  readonly value: V;
  /** When the value was stored, in epoch milliseconds. */
  readonly cachedAt: number;
  readonly ageMs: number;
  /** Milliseconds of freshness left; 0 once stale. */
  readonly expiresInMs: number;
  /** Reads answered under this key since it was first stored. */
  readonly hits: number;
  readonly state: "fresh" | "stale";
}

/**
 * A bounded cache that runs one load per key at a time, serves stale values within bounds, and never lets a load that
 * began before an invalidation store its result.
 *
 * Values are kept and given back by reference; freeze what is shared. The constructor throws a TypeError or RangeError
 * for an unknown or bad option.
 */
export class Cache<V> implements Disposable {
  readonly #settings: CacheSettings<V>;
  readonly #counters = new Counters();
  readonly #kept: KeptValues<V>;
  readonly #loads: Loads<V>;

  constructor(options: CacheOptions<V> = {}) {
    this.#settings = readOptions(options);
    this.#kept = new KeptValues(this.#settings, this.#counters);
    this.#loads = new Loads(this.#settings, this.#counters, this.#kept);
  }

  /**
   * The value while it is fresh, else undefined; counts a hit or a miss.
   *
   * In a tight synchronous loop the clock is read with every 16th call only.
   */
  get(key: string): V | undefined {
    if (typeof key !== "string") checkKey(key, "get");
    const entry = this.#kept.use(key);
    if (entry !== undefined) {
      const now = this.#kept.clock.cachedNow();
      if (now < entry.expiresAt) {
        entry.hits += 1;
        this.#counters.hits += 1;
        return entry.value;
      }
      this.#counters.misses += 1;
      this.#kept.live(entry, now);
      return undefined;
    }
    this.#counters.misses += 1;
    return undefined;
  }

  /**
   * Stores a value, which counts as newer than any load in flight: that load's callers get its result, but it is not
   * stored. Does nothing when the cache is disabled or closed.
   */
  set(key: string, value: V, options?: SetOptions): void {
    if (typeof key !== "string") checkKey(key, "set");
    if (options !== undefined) checkSetOptions(options);
    if (!this.#kept.isOpen) return;
    const overtaken = this.#loads.overtake(key);
    this.#kept.put(key, value, options?.ttlMs ?? this.#settings.ttlMs, tagsOf(options));
    overtaken?.release();
  }

  /**
   * The value under `key`: the fresh one, a stale one within its window, or else that of one load shared by all
   * callers, of which the first one's `load` and `ttlMs` count. A refresh behind a stale value runs in nobody's async
   * context; a load that a caller waits for runs in that of the first one.
   *
   * Rejects with the load's own error, where no old value may stand in for it, or with `signal.reason`; with a
   * CacheLoadTimeoutError (ERR_CACHE_LOAD_TIMEOUT) where the load was given up after `loadTimeoutMs`; with a TypeError or RangeError for bad arguments, or where a `ttlMs` function gives something else than a duration.
   */
  getOrSet(key: string, load: Load<V>, options?: GetOrSetOptions<V>): Promise<V> {
    try {
      if (typeof key !== "string") checkKey(key, "getOrSet");
      if (typeof load !== "function") checkType("function", load, "Cache.getOrSet: load");
      if (options !== undefined) checkGetOrSetOptions(options);
    } catch (error) {
      return Promise.reject(error);
    }
    const signal = options?.signal;
    if (signal?.aborted) return Promise.reject(signal.reason);
    const entry = this.#kept.use(key);
    if (entry !== undefined && this.#kept.clock.cachedNow() < entry.expiresAt && !options?.refresh) {
      entry.hits += 1;
      this.#counters.hits += 1;
      return entry.promised();
    }
    const now = exactNow();
    const live = this.#kept.live(entry, now);
    const request: LoadRequest<V> = {
      load,
      ttlMs: options?.ttlMs ?? this.#settings.ttlMs,
      tags: tagsOf(options),
      stale: live?.value,
    };
    const answer = options?.refresh ? undefined : this.#answer(key, request, live, now);
    if (answer !== undefined) return answer;
    this.#counters.misses += 1;
    return this.#loads.wait(key, request, signal);
  }

  /** Whether a value is held, fresh or stale. Without effect on order and counts, as all that follow. */
  has(key: string): boolean {
    checkKey(key, "has");
    return this.#kept.peek(key, exactNow()) !== undefined;
  }

  /** The value held, fresh or stale. */
  peek(key: string): V | undefined {
    checkKey(key, "peek");
    return this.#kept.peek(key, exactNow())?.value;
  }

  /**
   * Forgets a key: its value, its remembered failure, and the load in flight, whose callers get its result but which
   * is not stored. Returns whether there was a value.
   */
  invalidate(key: string): boolean {
    checkKey(key, "invalidate");
    return this.#invalidate([key]) > 0;
  }

  /**
   * Forgets every key for which `matches` gives true, as `invalidate` does, and returns how many had a value.
   * `matches` is asked about loads in flight and remembered failures too, before anything is forgotten; what it throws reaches the caller.
   */
  invalidateWhere(matches: (key: string) => boolean): number {
    checkType("function", matches, "Cache.invalidateWhere: matches");
    return this.#invalidate([...this.#kept.allKeys(this.#loads.keys())].filter((key) => checkAnswer(matches(key))));
  }

  /**
   * Forgets every key whose value, load in flight or remembered failure has the tag, and returns how many had such a
   * value. It costs as much as there are of them, however many others there are.
   */
  invalidateTag(tag: string): number {
    checkType("string", tag, "Cache.invalidateTag: tag");
    const keys = this.#kept.keysOf(tag);
    const overtaken = [...this.#loads.keysOf(tag), ...keys].map((key) => this.#loads.overtake(key));
    this.#kept.forgetFailuresOf(tag);
    const count = this.#kept.invalidate(keys);
    for (const flight of overtaken) flight?.release();
    return count;
  }

  /**
   * Makes fresh values stale now, without losing them: the stale windows begin, and one that is stale already stays as it
   * is. Returns how many were fresh. A load in flight, which may have read what was true before, is not stored.
   */
  expire(target: ExpireTarget): number {
    const checked = readTarget(target);
    const keys = "key" in checked ? [checked.key] : this.#kept.keysOf(checked.tag);
    const loading = "key" in checked ? [] : this.#loads.keysOf(checked.tag);
    const overtaken = [...loading, ...keys].map((key) => this.#loads.overtake(key));
    const count = this.#kept.expire(keys);
    for (const flight of overtaken) flight?.release();
    return count;
  }

  /** Forgets everything, as `invalidate` does each key. Counters stay. */
  clear(): void {
    const overtaken = this.#loads.overtakeAll();
    this.#kept.clear();
    for (const flight of overtaken) flight.release();
  }

  /** What is known of a held value, fresh or stale. */
  inspect(key: string): CacheEntry<V> | undefined {
    checkKey(key, "inspect");
    const now = exactNow();
    const entry = this.#kept.peek(key, now);
    if (entry === undefined) return undefined;
    const { value, storedAt, hits } = entry;
    const expiresInMs = Math.max(0, entry.expiresAt - now);
    return {
      value,
      cachedAt: epochOf(storedAt),
      ageMs: now - storedAt,
      expiresInMs,
      hits,
      state: expiresInMs > 0 ? "fresh" : "stale",
    };
  }

  /** The keys of all values held, fresh and stale, in no particular order. */
  keys(): string[] {
    return this.#kept.keysAt(exactNow());
  }

  /** How many values are held, fresh and stale. */
  get size(): number {
    return this.#kept.countAt(exactNow());
  }

  /** A fresh snapshot of the counters and the fill. */
  stats(): CacheStats {
    const { count: loading, oldestMs: oldestLoadMs } = this.#loads;
    return this.#counters.snapshot({ size: this.size, maxEntries: this.#settings.maxEntries, loading, oldestLoadMs });
  }

  /**
   * Clears the cache, stops its timer and aborts unattended refreshes. From then on it behaves as a disabled one:
   * nothing is kept, loads still run and reach their callers. Further calls do nothing.
   */
  close(): void {
    this.#kept.shut();
    this.clear();
  }

  /** The same as `close`. */
  [Symbol.dispose](): void {
    this.close();
  }

  /** The answer for want of a fresh value that needs no waiting, if there is one; with a refresh behind it where one is due. */
  #answer(key: string, request: LoadRequest<V>, entry: Entry<V> | undefined, now: number): Promise<V> | undefined {
    const failure = this.#kept.failureOf(key, now);
    if (entry === undefined) {
      if (failure === undefined || this.#loads.has(key)) return undefined;
      this.#counters.misses += 1;
      return Promise.reject(failure.error);
    }
    const isResting = failure !== undefined || now < entry.retryAt;
    const isRevalidating = now < entry.expiresAt + this.#settings.staleWhileRevalidateMs;
    // A value that is still held beyond the one window is in the other.
    if (!isRevalidating && !isResting && !this.#loads.isLate(key)) return undefined;
    this.#counters.staleHits += 1;
    entry.hits += 1;
    const old = entry.promised();
    if (!isResting) this.#loads.runBehind(key, request);
    return old;
  }

  #invalidate(keys: readonly string[]): number {
    const overtaken = keys.map((key) => this.#loads.overtake(key));
    const count = this.#kept.invalidate(keys);
    for (const flight of overtaken) flight?.release();
    return count;
  }
}
