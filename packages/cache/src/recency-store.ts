import { LRUCache } from "lru-cache";
import type { Entry } from "./entry.js";
import type { Store } from "./store.js";

const mostPlacesBeforehand = 1_000_000;

/** `lru` and `fifo`: an ordered store whose order a use changes, or does not. All times and loads are kept outside. */
export class RecencyStore<V> implements Store<V> {
  readonly #held: LRUCache<string, Entry<V>>;
  readonly #reorders: boolean;

  constructor(maxEntries: number, policy: "lru" | "fifo") {
    // Up to `max` places are allocated beforehand, which is fastest. Without a sensible limit nothing may be allocated:
    // then the sum of sizes is limited, each being 1.
    this.#held = new LRUCache(
      maxEntries <= mostPlacesBeforehand
        ? { max: maxEntries }
        : { maxSize: Math.min(maxEntries, Number.MAX_SAFE_INTEGER), sizeCalculation: () => 1 },
    );
    this.#reorders = policy === "lru";
  }

  get size(): number {
    return this.#held.size;
  }

  use(key: string): Entry<V> | undefined {
    return this.#reorders ? this.#held.get(key) : this.#held.peek(key);
  }

  peek(key: string): Entry<V> | undefined {
    return this.#held.peek(key);
  }

  add(entry: Entry<V>): void {
    this.#held.set(entry.key, entry);
  }

  delete(entry: Entry<V>): void {
    this.#held.delete(entry.key);
  }

  victim(): Entry<V> | undefined {
    const [oldest] = this.#held.rvalues();
    return oldest;
  }

  clear(): void {
    this.#held.clear();
  }

  entries(): Iterable<Entry<V>> {
    const entries: Entry<V>[] = [];
    this.#held.rforEach((entry) => entries.push(entry));
    return entries;
  }
}
