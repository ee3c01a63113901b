import type { Entry } from "./entry.js";
import { IndexedHeap } from "./indexed-heap.js";
import type { Store } from "./store.js";

interface Seat<V> {
  readonly entry: Entry<V>;
  uses: number;
  /** Rank of the last use among all uses: of two equally often used, the one used longer ago goes. */
  usedAt: number;
  slot: number;
}

const usesPerPlaceBeforeHalving = 10;

/**
 * `lfu` with aging: gives up the least used entry, of equals the least recently used. All counts are halved every
 * 10 x `maxEntries` uses, so that what was popular once does not stay forever.
 */
export class FrequencyStore<V> implements Store<V> {
  readonly #seats = new Map<string, Seat<V>>();
  readonly #order = new IndexedHeap<Seat<V>>((one, other) =>
    one.uses === other.uses ? one.usedAt < other.usedAt : one.uses < other.uses,
  );
  readonly #usesPerPeriod: number;
  #uses = 0;
  #usesInPeriod = 0;

  constructor(maxEntries: number) {
    this.#usesPerPeriod = usesPerPlaceBeforeHalving * maxEntries;
  }

  get size(): number {
    return this.#seats.size;
  }

  use(key: string): Entry<V> | undefined {
    const seat = this.#seats.get(key);
    if (seat === undefined) return undefined;
    seat.uses += 1;
    seat.usedAt = this.#uses;
    this.#order.update(seat);
    this.#countUse();
    return seat.entry;
  }

  peek(key: string): Entry<V> | undefined {
    return this.#seats.get(key)?.entry;
  }

  add(entry: Entry<V>): void {
    const seat: Seat<V> = { entry, uses: 1, usedAt: this.#uses, slot: 0 };
    this.#seats.set(entry.key, seat);
    this.#order.add(seat);
    this.#countUse();
  }

  delete(entry: Entry<V>): void {
    const seat = this.#seats.get(entry.key);
    if (seat === undefined) return;
    this.#seats.delete(entry.key);
    this.#order.remove(seat);
  }

  victim(): Entry<V> | undefined {
    return this.#order.first?.entry;
  }

  clear(): void {
    this.#seats.clear();
    this.#order.clear();
  }

  *entries(): Iterable<Entry<V>> {
    for (const seat of this.#seats.values()) yield seat.entry;
  }

  #countUse(): void {
    this.#uses += 1;
    this.#usesInPeriod += 1;
    if (this.#usesInPeriod < this.#usesPerPeriod) return;
    this.#usesInPeriod = 0;
    for (const seat of this.#seats.values()) seat.uses = Math.floor(seat.uses / 2);
    this.#order.rebuild();
  }
}
