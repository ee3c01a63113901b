import type { PriorityLevel, Waiter } from "../model/waiter.js";
import { Heap } from "./heap.js";

/** True where `a` is to be served before `b`: the higher priority first, then the older. */
export function goesBefore<R>(a: Waiter<R>, b: Waiter<R>): boolean {
  return a.priority === b.priority ? a.order < b.order : a.priority > b.priority;
}

/**
 * The waiters of one key, and how many of them can count on a resource that is already on its way.
 *
 * A resource on its way serves the first of all waiters. Which key gets free capacity, however, is decided by the first
 * waiter for whom nothing is on the way. So the queue is kept in two parts, both in the order of service.
 *
 * Invariants: `#provided` holds at least as many waiters as places are on the way, or else all of them. Within a priority
 * all provided waiters are older than all unprovided ones. A waiter moves over once and never back: where a place is
 * lost, `#provided` is too long by the difference, and the getters allow for that.
 */
export class WaitQueue<R> {
  readonly #provided = new PriorityQueue<R>(true);
  readonly #unprovided = new PriorityQueue<R>(false);
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

  /** The number of waiters for whom nothing is on the way. */
  get unserved(): number {
    return Math.max(0, this.size - this.#places);
  }

  /** The next waiter to be served. */
  get first(): Waiter<R> | undefined {
    return earlier(this.#provided.first, this.#unprovided.first);
  }

  /** The waiter for whom a further resource would be created. */
  get firstUnserved(): Waiter<R> | undefined {
    if (this.unserved === 0) return undefined;
    return this.#provided.size > this.#places ? this.first : this.#unprovided.first;
  }

  add(waiter: Waiter<R>): void {
    (this.#provided.size < this.#places ? this.#provided : this.#unprovided).add(waiter);
  }

  /** Returns false where the waiter has left already. */
  remove(waiter: Waiter<R>): boolean {
    const { level } = waiter;
    if (level === undefined) return false;
    (level.isProvided ? this.#provided : this.#unprovided).remove(waiter, level);
    this.#provide();
    return true;
  }

  #provide(): void {
    while (this.#provided.size < this.#places) {
      const next = this.#unprovided.first;
      if (next?.level === undefined) return;
      this.#unprovided.remove(next, next.level);
      this.#provided.add(next);
    }
  }
}

function earlier<R>(a: Waiter<R> | undefined, b: Waiter<R> | undefined): Waiter<R> | undefined {
  if (a === undefined || b === undefined) return a ?? b;
  return goesBefore(a, b) ? a : b;
}

/**
 * Waiters by priority, then by age: the first one in O(1), joining and leaving in O(1) within a priority.
 *
 * Invariants: waiters of one priority join in the order of their age, so a linked list suffices; no level is empty.
 */
class PriorityQueue<R> {
  size = 0;
  readonly #isProvided: boolean;
  readonly #levels = new Map<number, PriorityLevel<R>>();
  readonly #heap = new Heap<PriorityLevel<R>>(
    (a, b) => a.priority > b.priority,
    (level, index) => {
      level.index = index;
    },
  );

  constructor(isProvided: boolean) {
    this.#isProvided = isProvided;
  }

  get first(): Waiter<R> | undefined {
    return this.#heap.peek()?.head;
  }

  add(waiter: Waiter<R>): void {
    const level = this.#levels.get(waiter.priority) ?? this.#open(waiter.priority);
    waiter.level = level;
    waiter.ahead = level.tail;
    if (level.tail === undefined) level.head = waiter;
    else level.tail.behind = waiter;
    level.tail = waiter;
    this.size += 1;
  }

  remove(waiter: Waiter<R>, level: PriorityLevel<R>): void {
    const { ahead, behind } = waiter;
    if (ahead === undefined) level.head = behind;
    else ahead.behind = behind;
    if (behind === undefined) level.tail = ahead;
    else behind.ahead = ahead;
    waiter.ahead = undefined;
    waiter.behind = undefined;
    waiter.level = undefined;
    this.size -= 1;
    if (level.head === undefined) this.#close(level);
  }

  #open(priority: number): PriorityLevel<R> {
    const isProvided = this.#isProvided;
    const level: PriorityLevel<R> = { priority, isProvided, head: undefined, tail: undefined, index: -1 };
    this.#levels.set(priority, level);
    this.#heap.push(level);
    return level;
  }

  #close(level: PriorityLevel<R>): void {
    this.#levels.delete(level.priority);
    this.#heap.remove(level.index);
  }
}
