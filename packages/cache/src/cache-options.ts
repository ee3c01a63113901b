import { checkDuration, checkMembers, checkNumber, checkPeriod, checkType, checkWord } from "./check.js";

/**
 * Which entry makes room for a new one, once none has expired: the least recently used, the least often used with
 * aging, the first inserted, or the soonest to expire.
 */
export type EvictionPolicy = "lru" | "lfu" | "fifo" | "ttl";

/**
 * Why a value left the cache: to make room, at the end of its last window, for a newer value of its key, by
 * `invalidate`, `invalidateWhere` or `invalidateTag`, by `clear` or `close`.
 */
export type RemovalReason = "evicted" | "expired" | "replaced" | "invalidated" | "cleared";

/** Options of a {@link Cache}. Durations are milliseconds, `Infinity` means no limit, `undefined` the default. */
export interface CacheOptions<V> {
  /** Whether values are kept; if not, `getOrSet` still runs one load at a time per key. Default true. */
  readonly enabled?: boolean | undefined;
  /** Which entry makes room for a new one. Default "lru". */
  readonly policy?: EvictionPolicy | undefined;
  /** The most entries kept, a positive integer or Infinity. Default 100. */
  readonly maxEntries?: number | undefined;
  /** How long a value is fresh, in milliseconds; 0 keeps none. Default 300,000. */
  readonly ttlMs?: number | undefined;
  /** Share of each ttl, 0 to 1, of which a random part is taken off, so that keys do not expire together. Default 0. */
  readonly ttlJitter?: number | undefined;
  /** Milliseconds from the end of the ttl: `getOrSet` serves the old value at once and refreshes behind it (RFC 5861). Default 0. */
  readonly staleWhileRevalidateMs?: number | undefined;
  /** Milliseconds from the end of the ttl: `getOrSet` serves the old value where the load fails (RFC 5861). Default 0. */
  readonly staleIfErrorMs?: number | undefined;
  /** Milliseconds for which a failed load is remembered and its error given again without a load. Default 0. */
  readonly errorTtlMs?: number | undefined;
  /**
   * Milliseconds after which a load that goes on lets those who wait have the old value, where one is still held in any
   * window. Default Infinity.
   */
  readonly softTimeoutMs?: number | undefined;
  /**
   * Milliseconds after which a load is given up and has failed, with a {@link CacheLoadTimeoutError}, also where it does not
   * listen to its signal. Default Infinity, and 30,000 while nobody waits for it.
   */
  readonly loadTimeoutMs?: number | undefined;
  /** Milliseconds between two removals of expired entries; the timer exists only while there is something to remove. Default 60,000. */
  readonly sweepMs?: number | undefined;
  /** Called once for each value that leaves, whatever the reason; what it throws is dropped. */
  readonly onEvict?:
    | ((event: { readonly key: string; readonly value: V; readonly reason: RemovalReason }) => void)
    | undefined;
  /** Called for each failed load whose error reaches no caller, because an old value was served; what it throws is dropped. */
  readonly onRefreshError?: ((event: { readonly key: string; readonly error: unknown }) => void) | undefined;
}

/** Options with their defaults in place. */
export type CacheSettings<V> = {
  readonly [K in Exclude<keyof CacheOptions<V>, OptionsWithoutDefault>]-?: Exclude<CacheOptions<V>[K], undefined>;
} & Pick<CacheOptions<V>, OptionsWithoutDefault>;

type OptionsWithoutDefault = "loadTimeoutMs" | "onEvict" | "onRefreshError";

const policies = ["lru", "lfu", "fifo", "ttl"] as const;
const members: ReadonlySet<string> = new Set<keyof CacheOptions<unknown>>([
  "enabled",
  "policy",
  "maxEntries",
  "ttlMs",
  "ttlJitter",
  "staleWhileRevalidateMs",
  "staleIfErrorMs",
  "errorTtlMs",
  "softTimeoutMs",
  "loadTimeoutMs",
  "sweepMs",
  "onEvict",
  "onRefreshError",
]);

/** Reads each option once, fills in the defaults and throws a TypeError or RangeError for a bad one. */
export function readOptions<V>(options: CacheOptions<V>): CacheSettings<V> {
  checkMembers(options, members, "Cache: options");
  const {
    enabled = true,
    policy = "lru",
    maxEntries = 100,
    ttlMs = 300_000,
    ttlJitter = 0,
    staleWhileRevalidateMs = 0,
    staleIfErrorMs = 0,
    errorTtlMs = 0,
    softTimeoutMs = Number.POSITIVE_INFINITY,
    loadTimeoutMs,
    sweepMs = 60_000,
    onEvict,
    onRefreshError,
  } = options;
  checkType("boolean", enabled, "Cache: enabled");
  checkWord(policies, policy, "Cache: policy");
  checkNumber(
    maxEntries,
    "Cache: maxEntries",
    "a positive integer or Infinity",
    (count) => count >= 1 && (Number.isInteger(count) || count === Number.POSITIVE_INFINITY),
  );
  checkDuration(ttlMs, "Cache: ttlMs");
  checkNumber(ttlJitter, "Cache: ttlJitter", "a number from 0 to 1", (share) => share >= 0 && share <= 1);
  checkDuration(staleWhileRevalidateMs, "Cache: staleWhileRevalidateMs");
  checkDuration(staleIfErrorMs, "Cache: staleIfErrorMs");
  checkDuration(errorTtlMs, "Cache: errorTtlMs");
  checkPeriod(softTimeoutMs, "Cache: softTimeoutMs");
  if (loadTimeoutMs !== undefined) checkPeriod(loadTimeoutMs, "Cache: loadTimeoutMs");
  checkPeriod(sweepMs, "Cache: sweepMs");
  if (onEvict !== undefined) checkType("function", onEvict, "Cache: onEvict");
  if (onRefreshError !== undefined) checkType("function", onRefreshError, "Cache: onRefreshError");
  return {
    enabled,
    policy,
    maxEntries,
    ttlMs,
    ttlJitter,
    staleWhileRevalidateMs,
    staleIfErrorMs,
    errorTtlMs,
    softTimeoutMs,
    loadTimeoutMs,
    sweepMs,
    // An instance of a class may give them as methods.
    onEvict: onEvict?.bind(options),
    onRefreshError: onRefreshError?.bind(options),
  };
}
