import { LRUCache } from "lru-cache";
import type { Entry } from "./entry.js";
import type { Store } from "./store.js";

/** `lru` and `fifo`: an ordered store whose order a use changes, or does not. All times and loads are kept outside. */
export class RecencyStore<V> implements Store<V> {
  readonly #held: LRUCache<string, Entry<V>>;
  readonly #reorders: boolean;

  constructor(maxEntries: number, policy: "lru" | "fifo") {
    // A limit on the sum of sizes, each 1, is a limit on entries for which nothing is allocated beforehand.
    this.#held = new LRUCache({ maxSize: Math.min(maxEntries, Number.MAX_SAFE_INTEGER), sizeCalculation: () => 1 });
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

  evict(): Entry<V> | undefined {
    return this.#held.pop();
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
