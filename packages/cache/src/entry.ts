const firstRestMs = 1_000;
const longestRestMs = 30_000;

/** One stored value with its times. Instants are on the monotonic clock, but for `cachedAt`. */
export class Entry<V> {
  readonly key: string;
  value: V;
  storedAt: number;
  /** When the value was stored, epoch milliseconds. */
  cachedAt: number;
  /** The end of its freshness; the stale windows begin here. */
  expiresAt: number;
  /** Rank of its last write among all writes: breaks ties between equal expiries. */
  written: number;
  /** Reads answered from it; kept when the value is replaced. */
  hits = 0;
  /** No automatic refresh before this instant. */
  retryAt: number = Number.NEGATIVE_INFINITY;
  /** Its place in the expiry heap, kept by the heap. */
  slot = 0;
  #failedRefreshes = 0;
  #promise: Promise<V> | undefined;

  constructor(key: string, value: V, ttlMs: number, now: number, written: number) {
    this.key = key;
    this.value = value;
    this.storedAt = now;
    this.cachedAt = Date.now();
    this.expiresAt = now + ttlMs;
    this.written = written;
  }

  /** Takes a new value with a new life. */
  rewrite(value: V, ttlMs: number, now: number, written: number): void {
    this.value = value;
    this.storedAt = now;
    this.cachedAt = Date.now();
    this.expiresAt = now + ttlMs;
    this.written = written;
    this.retryAt = Number.NEGATIVE_INFINITY;
    this.#failedRefreshes = 0;
    this.#promise = undefined;
  }

  /** The value as a promise, one for all who ask. */
  promised(): Promise<V> {
    this.#promise ??= Promise.resolve(this.value);
    return this.#promise;
  }

  /** Keeps value and age after a failed refresh, and puts the next one off: 1 s, doubling to 30 s. */
  backOff(now: number): void {
    this.retryAt = now + Math.min(longestRestMs, firstRestMs * 2 ** this.#failedRefreshes);
    this.#failedRefreshes += 1;
  }
}
