import type { CacheSettings, RemovalReason } from "./cache-options.js";
import type { Counters } from "./cache-stats.js";
import { Clock, exactNow } from "./clock.js";
import type { Entry } from "./entry.js";
import { EntryTable } from "./entry-table.js";
import { FailureMemory } from "./failure-memory.js";
import { notify } from "./notify.js";
import { SweepTimer } from "./sweep-timer.js";

interface Removal<V> {
  readonly key: string;
  readonly value: V;
  readonly reason: RemovalReason;
}

/** What the cache remembers, values and failures: every way in and out, with its counts, its timer and its event. */
export class KeptValues<V> {
  readonly clock: Clock = new Clock();
  readonly #settings: CacheSettings<V>;
  readonly #counters: Counters;
  readonly #table: EntryTable<V>;
  readonly #failures: FailureMemory;
  readonly #timer: SweepTimer;
  #open: boolean;

  constructor(settings: CacheSettings<V>, counters: Counters) {
    const { policy, maxEntries, staleWhileRevalidateMs, staleIfErrorMs } = settings;
    this.#settings = settings;
    this.#counters = counters;
    this.#open = settings.enabled;
    this.#table = new EntryTable(policy, maxEntries, Math.max(staleWhileRevalidateMs, staleIfErrorMs));
    this.#failures = new FailureMemory(settings.errorTtlMs, maxEntries);
    this.#timer = new SweepTimer(settings.sweepMs, () => this.#sweep());
  }

  /** Looks a key up as a use of it; the entry may be past its last window, see {@link live}. */
  use(key: string): Entry<V> | undefined {
    return this.#table.use(key);
  }

  /** Looks a key up without a trace; undefined where the value is past its last window. */
  peek(key: string, now: number): Entry<V> | undefined {
    const entry = this.#table.peek(key);
    return entry === undefined || this.#table.isGone(entry, now) ? undefined : entry;
  }

  /** Gives the entry back, or removes it where it is past its last window. */
  live(entry: Entry<V> | undefined, now: number): Entry<V> | undefined {
    if (entry === undefined || !this.#table.isGone(entry, now)) return entry;
    this.#table.remove(entry);
    this.#finish([removal(entry, "expired")]);
    return undefined;
  }

  /** Stores a value under the jittered ttl, or, with a ttl of 0, only removes the older one. */
  put(key: string, value: V, ttlMs: number, tags: readonly string[]): void {
    if (!this.#open) return;
    const now = this.clock.cachedNowAwake();
    this.#failures.forget(key);
    const old = this.#table.peek(key);
    const isGone = old !== undefined && this.#table.isGone(old, now);
    if (old === undefined || isGone || ttlMs === 0) {
      const removals = old === undefined ? [] : [removal(old, isGone ? "expired" : "replaced")];
      if (old !== undefined) this.#table.remove(old);
      this.#add(key, value, ttlMs, now, tags, removals);
      return;
    }
    const replaced = old.value;
    this.#counters.inserts += 1;
    this.#table.rewrite(old, value, this.#lifeOf(ttlMs), now, tags);
    const { onEvict } = this.#settings;
    if (onEvict !== undefined && !Object.is(replaced, value))
      notify(onEvict, { key, value: replaced, reason: "replaced" });
  }

  /** Forgets keys, and says how many had a value that could still be seen. */
  invalidate(keys: Iterable<string>): number {
    const now = exactNow();
    const removals: Removal<V>[] = [];
    for (const key of keys) {
      this.#failures.forget(key);
      const entry = this.#table.peek(key);
      if (entry === undefined) continue;
      this.#table.remove(entry);
      removals.push(removal(entry, this.#table.isGone(entry, now) ? "expired" : "invalidated"));
    }
    this.#finish(removals);
    return removals.filter(({ reason }) => reason === "invalidated").length;
  }

  /** The keys of a tag's values. */
  keysOf(tag: string): string[] {
    return this.#table.of(tag).map(({ key }) => key);
  }

  /** Forgets the failures of a tag's loads. */
  forgetFailuresOf(tag: string): void {
    this.#failures.forgetTag(tag);
  }

  /** Ends the freshness of the values of these keys, and says how many were fresh. */
  expire(keys: Iterable<string>): number {
    const now = this.clock.now();
    let count = 0;
    for (const key of keys) {
      const entry = this.#table.peek(key);
      if (entry === undefined || now >= entry.expiresAt) continue;
      this.#table.expire(entry, now);
      count += 1;
    }
    return count;
  }

  clear(): void {
    const now = exactNow();
    this.#failures.forgetAll();
    const removals = this.#table
      .removeAll()
      .map((entry) => removal(entry, this.#table.isGone(entry, now) ? "expired" : "cleared"));
    this.#finish(removals);
  }

  /** Whether anything is taken in. */
  get isOpen(): boolean {
    return this.#open;
  }

  /** Takes nothing in from now on. */
  shut(): void {
    this.#open = false;
  }

  /** The error that `key` failed with, where that is still remembered. */
  failureOf(key: string, now: number): { readonly error: unknown } | undefined {
    return this.#failures.at(key, now);
  }

  rememberFailure(key: string, error: unknown, now: number, tags: readonly string[]): void {
    if (!this.#open) return;
    this.#failures.remember(key, error, now, tags);
    this.#finish([]);
  }

  countAt(now: number): number {
    return this.#table.countAt(now);
  }

  keysAt(now: number): string[] {
    return this.#table.keysAt(now);
  }

  /** Every key of which anything is remembered, and those given. */
  allKeys(others: Iterable<string>): Set<string> {
    return new Set([...this.#table.keys(), ...this.#failures.keys(), ...others]);
  }

  #add(key: string, value: V, ttlMs: number, now: number, tags: readonly string[], removals: Removal<V>[]): void {
    if (ttlMs > 0) {
      this.#counters.inserts += 1;
      const displaced = this.#table.add(key, value, this.#lifeOf(ttlMs), now, tags);
      if (displaced !== undefined)
        removals.push(removal(displaced, this.#table.isGone(displaced, now) ? "expired" : "evicted"));
    }
    this.#finish(removals);
  }

  #lifeOf(ttlMs: number): number {
    const { ttlJitter } = this.#settings;
    return ttlJitter === 0 ? ttlMs : ttlMs * (1 - ttlJitter * Math.random());
  }

  #sweep(): void {
    const now = exactNow();
    this.#failures.sweep(now);
    this.#finish(this.#table.removeGone(now).map((entry) => removal(entry, "expired")));
  }

  /** Ends every change: first what can be seen, then the callbacks. */
  #finish(removals: readonly Removal<V>[]): void {
    for (const { reason } of removals) {
      if (reason === "evicted") this.#counters.evictions += 1;
      else if (reason === "expired") this.#counters.expirations += 1;
      else if (reason !== "replaced") this.#counters.invalidations += 1;
    }
    this.#timer.runWhile(this.#table.size > 0 || this.#failures.size > 0);
    for (const event of removals) notify(this.#settings.onEvict, event);
  }
}

function removal<V>({ key, value }: Entry<V>, reason: RemovalReason): Removal<V> {
  return { key, value, reason };
}
