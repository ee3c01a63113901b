import type { EvictionPolicy } from "./cache-options.js";
import { Entry } from "./entry.js";
import { ExpiryHeap } from "./expiry-heap.js";
import { ExpiryStore } from "./expiry-store.js";
import { FrequencyStore } from "./frequency-store.js";
import { RecencyStore } from "./recency-store.js";
import type { Store } from "./store.js";
import { TagIndex } from "./tag-index.js";

/** All stored entries, in two orders: that of the policy and that of expiry. An expired one always goes first. */
export class EntryTable<V> {
  readonly #byExpiry: ExpiryHeap<V>;
  readonly #byTag = new TagIndex<Entry<V>>();
  readonly #store: Store<V>;
  readonly #maxEntries: number;
  readonly #staleMs: number;
  #writes = 0;

  /** @param staleMs how long an entry is kept beyond its freshness */
  constructor(policy: EvictionPolicy, maxEntries: number, staleMs: number) {
    this.#maxEntries = maxEntries;
    this.#staleMs = staleMs;
    this.#byExpiry = new ExpiryHeap(policy === "ttl", maxEntries);
    if (policy === "lfu") this.#store = new FrequencyStore(maxEntries);
    else if (policy === "ttl") this.#store = new ExpiryStore(this.#byExpiry);
    else this.#store = new RecencyStore(maxEntries, policy);
  }

  /** Entries held, the expired ones not yet removed included. */
  get size(): number {
    return this.#store.size;
  }

  use(key: string): Entry<V> | undefined {
    return this.#store.use(key);
  }

  peek(key: string): Entry<V> | undefined {
    return this.#store.peek(key);
  }

  isGone(entry: Entry<V>, now: number): boolean {
    return now >= entry.expiresAt + this.#staleMs;
  }

  /** Gives an entry a new value; that is a use of it, and its place by first insertion stays. */
  rewrite(entry: Entry<V>, value: V, ttlMs: number, now: number, tags: readonly string[]): void {
    this.#writes += 1;
    this.#byTag.remove(entry);
    entry.rewrite(value, ttlMs, now, this.#writes, tags);
    this.#byTag.add(entry);
    this.#byExpiry.update(entry);
    this.#store.use(entry.key);
  }

  /** Stores a value under a key that is not held, and returns the entry that had to make room. */
  add(key: string, value: V, ttlMs: number, now: number, tags: readonly string[]): Entry<V> | undefined {
    const isFull = this.#store.size >= this.#maxEntries;
    const removed = isFull ? (this.#firstGone(now) ?? this.#store.victim()) : undefined;
    if (removed !== undefined) this.remove(removed);
    this.#writes += 1;
    const entry = new Entry(key, value, ttlMs, now, this.#writes, tags);
    this.#store.add(entry);
    this.#byTag.add(entry);
    this.#byExpiry.add(entry);
    return removed;
  }

  remove(entry: Entry<V>): void {
    this.#store.delete(entry);
    this.#byExpiry.remove(entry);
    this.#byTag.remove(entry);
  }

  /** Ends the freshness of an entry now. */
  expire(entry: Entry<V>, now: number): void {
    entry.expire(now);
    this.#byExpiry.update(entry);
  }

  /** The entries of a tag. */
  of(tag: string): readonly Entry<V>[] {
    return this.#byTag.of(tag);
  }

  /** Removes every expired entry and returns them. */
  removeGone(now: number): Entry<V>[] {
    const removed: Entry<V>[] = [];
    for (let first = this.#firstGone(now); first !== undefined; first = this.#firstGone(now)) {
      this.remove(first);
      removed.push(first);
    }
    return removed;
  }

  /** Removes everything and returns it. */
  removeAll(): Entry<V>[] {
    const removed = [...this.#store.entries()];
    this.#store.clear();
    this.#byExpiry.clear();
    this.#byTag.clear();
    return removed;
  }

  countAt(now: number): number {
    return this.#store.size - this.#byExpiry.countOver((expiresAt) => now >= expiresAt + this.#staleMs);
  }

  keysAt(now: number): string[] {
    const keys: string[] = [];
    for (const entry of this.#store.entries()) if (!this.isGone(entry, now)) keys.push(entry.key);
    return keys;
  }

  keys(): string[] {
    return Array.from(this.#store.entries(), ({ key }) => key);
  }

  #firstGone(now: number): Entry<V> | undefined {
    const first = this.#byExpiry.first;
    return first !== undefined && this.isGone(first, now) ? first : undefined;
  }
}
