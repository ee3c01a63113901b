import type { Entry } from "./entry.js";
import type { ExpiryHeap } from "./expiry-heap.js";
import type { Store } from "./store.js";

/** `ttl`: gives up the entry soonest to expire, in the order that is kept for expiry anyway. */
export class ExpiryStore<V> implements Store<V> {
  readonly #held = new Map<string, Entry<V>>();
  readonly #byExpiry: ExpiryHeap<V>;

  constructor(byExpiry: ExpiryHeap<V>) {
    this.#byExpiry = byExpiry;
  }

  get size(): number {
    return this.#held.size;
  }

  use(key: string): Entry<V> | undefined {
    return this.#held.get(key);
  }

  peek(key: string): Entry<V> | undefined {
    return this.#held.get(key);
  }

  add(entry: Entry<V>): void {
    this.#held.set(entry.key, entry);
  }

  delete(entry: Entry<V>): void {
    this.#held.delete(entry.key);
  }

  victim(): Entry<V> | undefined {
    return this.#byExpiry.first;
  }

  clear(): void {
    this.#held.clear();
  }

  entries(): Iterable<Entry<V>> {
    return this.#held.values();
  }
}
