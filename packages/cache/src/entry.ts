import { runInOwnContext } from "./own-context.js";

const firstRestMs = 1_000;
const longestRestMs = 30_000;
/** Shared by all that belong to no group. */
export const noTags: readonly string[] = [];

/** What few entries have. Kept apart, since each member would make every entry bigger by 8 to 24 bytes. */
interface Rare {
  tags?: readonly string[];
  /** When the value was stored, where its ttl does not tell. */
  storedAt?: number;
  retryAt?: number;
  failedRefreshes?: number;
}

/**
 * One stored value with its times, which are instants of the cache's clock. It has no private methods: the first one would
 * make every entry 8 bytes bigger.
 */
export class Entry<V> {
  readonly key: string;
  value: V;
  /** The end of its freshness; the stale windows begin here. */
  expiresAt: number;
  /** How long it was to be fresh when it was stored; 0 where that was without end. */
  #lifeMs: number;
  /** Rank of its last write among all writes: breaks ties between equal expiries. */
  written: number;
  /** Reads answered from it; kept when the value is replaced. */
  hits = 0;
  /** Its place in the expiry heap, kept by the heap. */
  slot = 0;
  /** Null while it is about to be made. */
  #promise: Promise<V> | null | undefined;
  #rare: Rare | undefined;

  constructor(key: string, value: V, ttlMs: number, now: number, written: number, tags: readonly string[]) {
    const isEndless = ttlMs === Number.POSITIVE_INFINITY;
    this.key = key;
    this.value = value;
    this.expiresAt = now + ttlMs;
    this.#lifeMs = isEndless ? 0 : ttlMs;
    this.written = written;
    this.#promise = undefined;
    this.#rare = rare(isEndless, now, tags);
  }

  /** Takes a new value with a new life. */
  rewrite(value: V, ttlMs: number, now: number, written: number, tags: readonly string[]): void {
    const isEndless = ttlMs === Number.POSITIVE_INFINITY;
    this.value = value;
    this.expiresAt = now + ttlMs;
    this.#lifeMs = isEndless ? 0 : ttlMs;
    this.written = written;
    this.#promise = undefined;
    this.#rare = rare(isEndless, now, tags);
  }

  get tags(): readonly string[] {
    return this.#rare?.tags ?? noTags;
  }

  get storedAt(): number {
    return this.#rare?.storedAt ?? this.expiresAt - this.#lifeMs;
  }

  /** No automatic refresh before this instant. */
  get retryAt(): number {
    return this.#rare?.retryAt ?? Number.NEGATIVE_INFINITY;
  }

  /**
   * The value as a promise, one for all who ask but the first: a promise that is kept must not be made in the async
   * context of a caller, or it would keep that context alive as long as the entry lives.
   */
  promised(): Promise<V> {
    if (this.#promise !== undefined && this.#promise !== null) return this.#promise;
    if (this.#promise === undefined) {
      this.#promise = null;
      runInOwnContext(() => {
        if (this.#promise === null) this.#promise = Promise.resolve(this.value);
      });
    }
    return Promise.resolve(this.value);
  }

  /** Ends its freshness now. */
  expire(now: number): void {
    this.#rare = { ...this.#rare, storedAt: this.storedAt };
    this.expiresAt = now;
  }

  /** Keeps value and age after a failed refresh, and puts the next one off: 1 s, doubling to 30 s. */
  backOff(now: number): void {
    const failedRefreshes = this.#rare?.failedRefreshes ?? 0;
    const retryAt = now + Math.min(longestRestMs, firstRestMs * 2 ** failedRefreshes);
    this.#rare = { ...this.#rare, retryAt, failedRefreshes: failedRefreshes + 1 };
  }
}

function rare(isEndless: boolean, now: number, tags: readonly string[]): Rare | undefined {
  if (isEndless) return { storedAt: now, tags };
  return tags.length === 0 ? undefined : { tags };
}
