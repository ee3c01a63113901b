import { Ranks } from "./ranks.js";
import type { Waiter } from "./waiter.js";

/** True where `a` is to be served before `b`: the higher priority first, then the older. */
export function goesBefore<R>(a: Waiter<R>, b: Waiter<R>): boolean {
  return a.priority === b.priority ? a.order < b.order : a.priority > b.priority;
}

/**
 * Those who wait for one key, and how many of them can count on a resource that is already on its way.
 *
 * Whoever is on the way serves the first of all waiters, but it is the first waiter nothing is on the way for whose
 * turn decides which key gets free capacity. So the line is kept in two parts, both in the order of service.
 *
 * Invariants: `#provided` holds at least as many as places are on the way, or else everybody. Within a priority all
 * `provided` are older than all `unprovided`; a waiter changes over once, and never back: where a place is lost,
 * `provided` is simply too long by the difference.
 */
export class WaitingLine<R> {
  readonly #provided = new Ranks<R>();
  readonly #unprovided = new Ranks<R>();
  #places = 0;

  get size(): number {
    return this.#provided.size + this.#unprovided.size;
  }

  /** Places on the way. */
  get places(): number {
    return this.#places;
  }

  set places(places: number) {
    this.#places = places;
    this.#provide();
  }

  /** Waiters for whom nothing is on the way. */
  get unserved(): number {
    return Math.max(0, this.size - this.#places);
  }

  /** The next to be served. */
  get first(): Waiter<R> | undefined {
    return earlier(this.#provided.first, this.#unprovided.first);
  }

  /** The one for whom a further resource would be made. */
  get firstUnserved(): Waiter<R> | undefined {
    if (this.unserved === 0) return undefined;
    return this.#provided.size > this.#places ? this.first : this.#unprovided.first;
  }

  add(waiter: Waiter<R>): void {
    (this.#provided.size < this.#places ? this.#provided : this.#unprovided).add(waiter);
  }

  /** False where the waiter has left already. */
  remove(waiter: Waiter<R>): boolean {
    const stood = Ranks.leave(waiter);
    this.#provide();
    return stood;
  }

  #provide(): void {
    while (this.#provided.size < this.#places) {
      const next = this.#unprovided.first;
      if (next === undefined) return;
      Ranks.leave(next);
      this.#provided.add(next);
    }
  }
}

function earlier<R>(a: Waiter<R> | undefined, b: Waiter<R> | undefined): Waiter<R> | undefined {
  if (a === undefined || b === undefined) return a ?? b;
  return goesBefore(a, b) ? a : b;
}
