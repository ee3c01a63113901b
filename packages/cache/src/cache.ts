import { type CacheOptions, type CacheSettings, readOptions } from "./cache-options.js";
import { type CacheStats, Counters } from "./cache-stats.js";
import { checkDuration, checkMembers, checkSignal, checkType } from "./check.js";
import { Clock } from "./clock.js";
import type { Entry } from "./entry.js";
import { KeptValues } from "./kept-values.js";
import { type Load, Loads, type Ttl } from "./loads.js";

/** Options of {@link Cache.set}. */
export interface SetOptions {
  /** How long this value is fresh, in milliseconds; 0: it is not kept, and the older one goes. Default: the cache's. */
  readonly ttlMs?: number | undefined;
}

/** Options of {@link Cache.getOrSet}. */
export interface GetOrSetOptions<V> {
  /** Lets this caller leave: its promise rejects with `signal.reason`, the load goes on for the others. */
  readonly signal?: AbortSignal | undefined;
  /** How long what this call loads is fresh, in milliseconds, or how to tell from the value. Default: the cache's. */
  readonly ttlMs?: Ttl<V> | undefined;
  /** Waits for a load even where a value is fresh; joins one already in flight. Default false. */
  readonly refresh?: boolean | undefined;
}

/** What is known of a held value. */
export interface CacheEntry<V> {
  readonly value: V;
  /** When it was stored, epoch milliseconds. */
  readonly cachedAt: number;
  readonly ageMs: number;
  /** Milliseconds of freshness left; 0 once stale. */
  readonly expiresInMs: number;
  /** Reads answered under this key since it was first stored. */
  readonly hits: number;
  readonly state: "fresh" | "stale";
}

const setMembers: ReadonlySet<string> = new Set<keyof SetOptions>(["ttlMs"]);
const getOrSetMembers: ReadonlySet<string> = new Set<keyof GetOrSetOptions<unknown>>(["signal", "ttlMs", "refresh"]);

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
  readonly #clock = new Clock();
  readonly #loads: Loads<V>;

  constructor(options: CacheOptions<V> = {}) {
    this.#settings = readOptions(options);
    this.#kept = new KeptValues(this.#settings, this.#counters);
    this.#loads = new Loads(this.#settings, this.#counters, this.#kept);
  }

  /**
   * The value while it is fresh, else undefined; counts a hit or a miss.
   *
   * In a tight synchronous loop the clock is looked at with every 16th call only.
   */
  get(key: string): V | undefined {
    if (typeof key !== "string") checkKey(key, "get");
    const entry = this.#kept.use(key);
    if (entry !== undefined) {
      const now = this.#clock.now();
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
    checkKey(key, "set");
    if (options !== undefined) {
      checkMembers(options, setMembers, "Cache.set: options");
      if (options.ttlMs !== undefined) checkDuration(options.ttlMs, "Cache.set: ttlMs");
    }
    if (!this.#kept.isOpen) return;
    const overtaken = this.#loads.overtake(key);
    this.#kept.put(key, value, options?.ttlMs ?? this.#settings.ttlMs);
    overtaken?.release();
  }

  /**
   * The value under `key`: the fresh one, a stale one within its window, or else that of one load shared by all
   * callers, of which the first one's `load` and `ttlMs` count.
   *
   * Rejects with the load's own error, where no old value may stand in for it, or with `signal.reason`; with a
   * TypeError or RangeError for bad arguments, or where a `ttlMs` function gives something else than a duration.
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
    if (entry !== undefined && this.#clock.now() < entry.expiresAt && !options?.refresh) {
      entry.hits += 1;
      this.#counters.hits += 1;
      return entry.promised();
    }
    const ttlMs = options?.ttlMs ?? this.#settings.ttlMs;
    const now = performance.now();
    const live = this.#kept.live(entry, now);
    const answer = options?.refresh ? undefined : this.#answer(key, load, ttlMs, live, now);
    if (answer !== undefined) return answer;
    this.#counters.misses += 1;
    return this.#loads.wait(key, load, ttlMs, live?.value, signal);
  }

  /** Whether a value is held, fresh or stale. Without effect on order and counts, as all that follow. */
  has(key: string): boolean {
    checkKey(key, "has");
    return this.#kept.peek(key, performance.now()) !== undefined;
  }

  /** The value held, fresh or stale. */
  peek(key: string): V | undefined {
    checkKey(key, "peek");
    return this.#kept.peek(key, performance.now())?.value;
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
    return this.#invalidate([...this.#kept.allKeys(this.#loads.keys())].filter((key) => matches(key)));
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
    const now = performance.now();
    const entry = this.#kept.peek(key, now);
    if (entry === undefined) return undefined;
    const { value, cachedAt, hits } = entry;
    const expiresInMs = Math.max(0, entry.expiresAt - now);
    return {
      value,
      cachedAt,
      ageMs: now - entry.storedAt,
      expiresInMs,
      hits,
      state: expiresInMs > 0 ? "fresh" : "stale",
    };
  }

  /** The keys of all values held, fresh and stale, in no particular order. */
  keys(): string[] {
    return this.#kept.keysAt(performance.now());
  }

  /** How many values are held, fresh and stale. */
  get size(): number {
    return this.#kept.countAt(performance.now());
  }

  /** A fresh snapshot of the counters and the fill. */
  stats(): CacheStats {
    return this.#counters.snapshot(this.size, this.#settings.maxEntries);
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
  #answer(key: string, load: Load<V>, ttlMs: Ttl<V>, entry: Entry<V> | undefined, now: number): Promise<V> | undefined {
    const failure = this.#kept.failureOf(key, now);
    if (entry === undefined) {
      if (failure === undefined || this.#loads.has(key)) return undefined;
      this.#counters.misses += 1;
      return Promise.reject(failure.error);
    }
    const resting = failure !== undefined || now < entry.retryAt;
    const revalidating = now < entry.expiresAt + this.#settings.staleWhileRevalidateMs;
    // A value that is still held beyond the one window is in the other.
    if (!revalidating && !resting) return undefined;
    this.#counters.staleHits += 1;
    entry.hits += 1;
    const old = entry.promised();
    if (!resting) this.#loads.runBehind(key, load, ttlMs, entry.value);
    return old;
  }

  #invalidate(keys: readonly string[]): number {
    const overtaken = keys.map((key) => this.#loads.overtake(key));
    const count = this.#kept.invalidate(keys);
    for (const flight of overtaken) flight?.release();
    return count;
  }
}

// What is called for every hit asks for the type first and so builds no text.
function checkKey(key: unknown, method: string): void {
  checkType("string", key, `Cache.${method}: key`);
}

function checkGetOrSetOptions<V>(options: GetOrSetOptions<V>): void {
  checkMembers(options, getOrSetMembers, "Cache.getOrSet: options");
  if (options.signal !== undefined) checkSignal(options.signal, "Cache.getOrSet: signal");
  if (options.refresh !== undefined) checkType("boolean", options.refresh, "Cache.getOrSet: refresh");
  if (options.ttlMs !== undefined && typeof options.ttlMs !== "function")
    checkDuration(options.ttlMs, "Cache.getOrSet: ttlMs");
}
