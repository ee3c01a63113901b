import type { Entry } from "./entry.js";

/**
 * Entries in the order in which they expire, of equals the one written first: a binary heap.
 *
 * An entry that is rewritten expires later nearly always, and to move it down the heap each time would be half of what an
 * overwriting `set` costs. So it may keep its place under the instant at which it would have expired before, and is moved
 * when it comes first. Only the `ttl` policy, which asks for the exact order, moves it at once.
 *
 * Invariant: no entry expires before the instant under which it is queued, and no entry is queued before its parent.
 */
export class ExpiryHeap<V> {
  readonly #members: Entry<V>[] = [];
  /** The instants by place, in a typed array, which holds one in 8 bytes instead of 24. */
  #queuedAt = new Float64Array(16);
  readonly #isExact: boolean;
  readonly #maxEntries: number;

  /** @param maxEntries the most there will ever be; it keeps the array from growing beyond them */
  constructor(isExact: boolean, maxEntries: number) {
    this.#isExact = isExact;
    this.#maxEntries = maxEntries;
  }

  /** The entry that expires first. */
  get first(): Entry<V> | undefined {
    let first = this.#members[0];
    while (first !== undefined && first.expiresAt > this.#at(0)) {
      this.#sink(first, first.expiresAt, 0);
      first = this.#members[0];
    }
    return first;
  }

  add(entry: Entry<V>): void {
    const slot = this.#members.length;
    this.#members.push(entry);
    if (slot === this.#queuedAt.length) {
      const larger = new Float64Array(Math.min(2 * slot, this.#maxEntries));
      larger.set(this.#queuedAt);
      this.#queuedAt = larger;
    }
    this.#rise(entry, entry.expiresAt, slot);
  }

  remove(entry: Entry<V>): void {
    const { slot } = entry;
    const lastAt = this.#at(this.#members.length - 1);
    const last = this.#members.pop();
    if (last === undefined || last === entry) return;
    last.slot = slot;
    this.#move(last, lastAt);
  }

  /** Must be called after an entry was rewritten, or its expiry has changed. */
  update(entry: Entry<V>): void {
    // Under the same instant it may stand before one that was written before it is now.
    if (!this.#isExact && entry.expiresAt > this.#at(entry.slot)) return;
    this.#move(entry, entry.expiresAt);
  }

  /**
   * Counts the entries whose expiry passes `isOver`, which must hold for every instant before one for which it holds. It
   * costs as much as there are of them, and of those that would be if they had not been rewritten since the last sweep.
   */
  countOver(isOver: (expiresAt: number) => boolean): number {
    let count = 0;
    const slots = [0];
    for (let slot = slots.pop(); slot !== undefined; slot = slots.pop()) {
      const entry = this.#members[slot];
      if (entry === undefined || !isOver(this.#at(slot))) continue;
      if (isOver(entry.expiresAt)) count += 1;
      slots.push(2 * slot + 1, 2 * slot + 2);
    }
    return count;
  }

  clear(): void {
    this.#members.length = 0;
  }

  #at(slot: number): number {
    return this.#queuedAt[slot] ?? Number.POSITIVE_INFINITY;
  }

  #move(entry: Entry<V>, at: number): void {
    this.#rise(entry, at, entry.slot);
    this.#sink(entry, at, entry.slot);
  }

  #rise(entry: Entry<V>, at: number, from: number): void {
    let slot = from;
    while (slot > 0) {
      const above = (slot - 1) >> 1;
      const parent = this.#members[above];
      if (parent === undefined || !isBefore(entry, at, parent, this.#at(above))) break;
      this.#place(parent, this.#at(above), slot);
      slot = above;
    }
    this.#place(entry, at, slot);
  }

  #sink(entry: Entry<V>, at: number, from: number): void {
    let slot = from;
    for (;;) {
      let below = 2 * slot + 1;
      let child = this.#members[below];
      if (child === undefined) break;
      const right = this.#members[below + 1];
      if (right !== undefined && isBefore(right, this.#at(below + 1), child, this.#at(below))) {
        child = right;
        below += 1;
      }
      if (!isBefore(child, this.#at(below), entry, at)) break;
      this.#place(child, this.#at(below), slot);
      slot = below;
    }
    this.#place(entry, at, slot);
  }

  #place(entry: Entry<V>, at: number, slot: number): void {
    this.#members[slot] = entry;
    this.#queuedAt[slot] = at;
    entry.slot = slot;
  }
}

function isBefore<V>(one: Entry<V>, oneAt: number, other: Entry<V>, otherAt: number): boolean {
  return oneAt === otherAt ? one.written < other.written : oneAt < otherAt;
}
