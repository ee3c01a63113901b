import { Heap } from "./heap.js";
import type { Waiter } from "./waiter.js";

/** The waiters of one priority, oldest first. */
export interface Rank<R> {
  readonly priority: number;
  readonly ranks: Ranks<R>;
  head: Waiter<R> | undefined;
  tail: Waiter<R> | undefined;
  /** Place in the heap of its `Ranks`. */
  index: number;
}

/**
 * Waiters by priority, then by age: the first one in O(1), joining and leaving in O(1) within a priority.
 *
 * Invariants: waiters of one priority join in the order of their age, so a list suffices; no rank is empty.
 */
export class Ranks<R> {
  size = 0;
  readonly #byPriority = new Map<number, Rank<R>>();
  readonly #heap = new Heap<Rank<R>>(
    (a, b) => a.priority > b.priority,
    (rank, index) => {
      rank.index = index;
    },
  );

  get first(): Waiter<R> | undefined {
    return this.#heap.peek()?.head;
  }

  add(waiter: Waiter<R>): void {
    const rank = this.#byPriority.get(waiter.priority) ?? this.#open(waiter.priority);
    waiter.rank = rank;
    waiter.ahead = rank.tail;
    if (rank.tail === undefined) rank.head = waiter;
    else rank.tail.behind = waiter;
    rank.tail = waiter;
    this.size += 1;
  }

  /** Takes a waiter out of the ranks it stands in. False where it stands in none. */
  static leave<R>(waiter: Waiter<R>): boolean {
    const { rank, ahead, behind } = waiter;
    if (rank === undefined) return false;
    if (ahead === undefined) rank.head = behind;
    else ahead.behind = behind;
    if (behind === undefined) rank.tail = ahead;
    else behind.ahead = ahead;
    waiter.ahead = undefined;
    waiter.behind = undefined;
    waiter.rank = undefined;
    rank.ranks.size -= 1;
    if (rank.head === undefined) rank.ranks.#close(rank);
    return true;
  }

  #open(priority: number): Rank<R> {
    const rank: Rank<R> = { priority, ranks: this, head: undefined, tail: undefined, index: -1 };
    this.#byPriority.set(priority, rank);
    this.#heap.push(rank);
    return rank;
  }

  #close(rank: Rank<R>): void {
    this.#byPriority.delete(rank.priority);
    this.#heap.remove(rank.index);
  }
}
